"""Bodies as other monitors send them (the shapes of their documentation, our own values), and a context."""

from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

from monitor.alerts.alert import Context
from monitor.alerts.settings import AlertSettings

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
IP, OTHER_IP, BIND = (ip_address(a) for a in ("203.0.113.7", "203.0.113.8", "10.0.0.8"))


def context(sender: str = "watcher", **settings: Any) -> Context:
    return Context(
        sender=sender,
        now=NOW,
        addresses={IP: IP, OTHER_IP: OTHER_IP, BIND: OTHER_IP},
        providers=frozenset({"microsoft", "google", "other"}),
        settings=AlertSettings(**settings),
    )


def hetrix(*lists: str, ip: str = "203.0.113.7", before: int = 0, now: int | None = None) -> dict[str, Any]:
    entries = [{"rbl": name, "delist": f"https://{name}/remove"} for name in lists]
    return {
        "monitor": ip,
        "label": "pool a",
        "blacklisted_before": str(before),
        "blacklisted_now": str(len(lists) if now is None else now),
        "blacklisted_on": entries or None,
        "links": {
            "report_link": "https://monitor.example/report/1/",
            "whitelabel_report_link": "https://status.example/report/1/",
        },
    }


def webhook(*alerts: dict[str, Any], status: str = "firing") -> dict[str, Any]:
    return {
        "version": "4",
        "groupKey": '{}:{alertname="DeferralsHigh"}',
        "truncatedAlerts": 0,
        "status": status,
        "receiver": "tidegate",
        "groupLabels": {"alertname": "DeferralsHigh"},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example:9093",
        "alerts": list(alerts),
    }


def firing(**changes: Any) -> dict[str, Any]:
    labels = {
        "alertname": "DeferralsHigh",
        "instance": "203.0.113.7:9115",
        "severity": "page",
        "provider": "outlook",
    }
    return {
        "status": "firing",
        "labels": labels,
        "annotations": {"summary": "8 % of mail to Outlook is deferred"},
        "startsAt": "2026-11-23T07:52:26.739266876+01:00",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example:9090/graph",
        "fingerprint": "c6eadffa33fcdf37",
    } | changes


def posted(**changes: Any) -> dict[str, Any]:
    """As Prometheus itself posts: no status, no fingerprint, an end four minutes ahead."""
    alert = firing(endsAt="2026-11-23T08:04:00Z", startsAt="2026-11-23T07:00:00Z")
    del alert["status"], alert["fingerprint"]
    return alert | changes
