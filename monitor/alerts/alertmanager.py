"""Prometheus Alertmanager: its webhook (payload version 4), and what Prometheus posts to `/api/v2/alerts`.

Webhook: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config; a firing alert has the zero
time as its end. Posted alerts: `postableAlert` of api/v2/openapi.yaml in github.com/prometheus/alertmanager;
an end in the past means resolved, one ahead is when it holds no more unless it is sent again.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from core.text import printable
from monitor.alerts import fields
from monitor.alerts.alert import Alert, AlertState, Context, UnusableAlert, key_of

VERSION: Final = "4"


def is_one(item: Mapping[str, Any]) -> bool:
    """Whether this looks like an alert of Alertmanager or Prometheus."""
    return "labels" in item


def read(item: Mapping[str, Any], context: Context, group: Mapping[str, Any] | None = None) -> Alert:
    """One alert; `group` is the webhook's envelope where it came in one. Raises UnusableAlert."""
    settings = context.settings
    found, notes = fields.labels(item.get("labels")), fields.labels(item.get("annotations"))
    said = fields.first(found, settings.ip_labels)
    if not said:
        named = ", ".join(settings.ip_labels)
        raise UnusableAlert(f"none of the labels {named} names an IP; see monitor.alerts.ip-labels")
    ip = fields.our_ip(said, context)
    name = found.get("alertname") or "alert"
    ends = fields.moment(item.get("endsAt"))
    return Alert(
        sender=context.sender,
        key=_key(item, found),
        ip=ip,
        state=_state(item, context, group),
        severity=fields.severity(fields.first(found, settings.severity_labels), context),
        title=printable(f"{ip} {name}, says {context.sender}", 160),
        text=notes.get("summary") or notes.get("description") or name,
        until=fields.until(ends, settings.expires_after, context),
        provider=fields.provider(fields.first(found, settings.provider_labels), context),
        facts=_facts(item, found, notes),
    )


def _state(item: Mapping[str, Any], context: Context, group: Mapping[str, Any] | None) -> AlertState:
    word = item.get("status") if group is not None else None
    if group is not None and word is None:
        word = group.get("status")
    if word is not None:
        resolved = fields.text(word) == AlertState.RESOLVED
        return AlertState.RESOLVED if resolved else AlertState.FIRING
    ends = fields.moment(item.get("endsAt"))
    return AlertState.RESOLVED if ends is not None and ends <= context.now else AlertState.FIRING


def _key(item: Mapping[str, Any], found: Mapping[str, str]) -> str:
    """Alertmanager's own fingerprint; Prometheus sends none, there the labels are the name."""
    given = fields.text(item.get("fingerprint"), 64)
    return key_of(given or json.dumps(sorted(found.items()), ensure_ascii=True))


def _facts(item: Mapping[str, Any], found: Mapping[str, str], notes: Mapping[str, str]) -> dict[str, object]:
    started = fields.moment(item.get("startsAt"))
    said = {
        "labels": dict(found),
        "description": notes.get("description", ""),
        "runbook": notes.get("runbook_url", ""),
        "source": fields.text(item.get("generatorURL")),
        "started": started.isoformat() if started else "",
    }
    return {name: value for name, value in said.items() if value}
