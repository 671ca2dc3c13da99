"""From a posted body to alerts, whichever of the known forms it has. A bad one does not spoil the others."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from core.text import printable
from monitor.alerts import alertmanager, fields, hetrixtools, plain
from monitor.alerts.alert import Alert, Context, Parsed, Refusal, UnusableAlert

_FORMS = (
    "send HetrixTools' blacklist webhook, Alertmanager's webhook (version 4), a list as for "
    'Alertmanager\'s /api/v2/alerts, or {"ip": "203.0.113.7", "name": "…", "severity": "warning"}'
)


def decode(raw: bytes) -> Any:
    """The JSON in a body. Raises UnusableAlert."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else printable(str(error), 120)
        raise UnusableAlert(f"the body is not JSON: {why}") from None


def read(document: Any, context: Context) -> Parsed:
    """All alerts of a body, and those that cannot be taken."""
    group = document if isinstance(document, Mapping) and isinstance(document.get("alerts"), list) else None
    if group is not None and fields.text(group.get("version")) not in {"", alertmanager.VERSION}:
        said = fields.text(group.get("version"), 20)
        return Parsed(refusals=(Refusal("/version", f"webhook version {said} is not known, only 4"),))
    items = group["alerts"] if group is not None else document
    root = "/alerts" if group is not None else ""
    if not isinstance(items, list):
        return _read_all([("", items)], context, group)
    parsed = _read_all([(f"{root}/{place}", item) for place, item in enumerate(items)], context, group)
    return replace(parsed, refusals=parsed.refusals + _cut_off(group or {}))


def _cut_off(group: Mapping[str, Any]) -> tuple[Refusal, ...]:
    """Alertmanager's `max_alerts` leaves alerts out and says how many: those we cannot know."""
    count = group.get("truncatedAlerts")
    if not isinstance(count, int) or count <= 0:
        return ()
    said = f"{fields.text(count, 20)} more alerts were left out: raise the webhook's max_alerts, or write 0"
    return (Refusal("/truncatedAlerts", said),)


def _read_all(items: list[tuple[str, Any]], context: Context, group: Mapping[str, Any] | None) -> Parsed:
    alerts, refusals = [], []
    for pointer, item in items:
        try:
            alerts.append(_read(item, context, group))
        except UnusableAlert as error:
            refusals.append(Refusal(pointer, str(error)))
    return Parsed(tuple(alerts), tuple(refusals))


def _read(item: Any, context: Context, group: Mapping[str, Any] | None) -> Alert:
    if isinstance(item, Mapping):
        if hetrixtools.is_one(item):
            return hetrixtools.read(item, context)
        if alertmanager.is_one(item):
            return alertmanager.read(item, context, group)
        if plain.is_one(item):
            return plain.read(item, context)
    raise UnusableAlert(f"not an alert of a known form: {_FORMS}")
