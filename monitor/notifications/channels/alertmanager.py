"""Incidents as alerts for an Alertmanager, told again and again: what it lost it knows a minute later.

Format: POST /api/v2/alerts, https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml; clients
send active alerts continuously, https://prometheus.io/docs/alerting/latest/clients/. What is over is told
for a quarter of an hour more, as Prometheus does; a silent Tidegate's alerts end by themselves.
"""

import json
import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

import httpx
from sqlalchemy import Engine

from core.clock import Clock
from core.incident import Incident, IncidentState
from core.text import printable
from monitor.notifications import routing, silences
from monitor.notifications.bulletin import Bulletin
from monitor.notifications.channels import post
from monitor.notifications.channels.post import Post
from monitor.notifications.channels.settings import AlertmanagerSettings
from monitor.notifications.courier import Postponed, Refused
from monitor.notifications.routing import Background
from monitor.notifications.settings import NotificationSettings
from storage import database, incidents, orders

log = logging.getLogger(__name__)

TOLD_AFTER: Final = timedelta(minutes=15)
_SILENCES: Final = 3
_NOW_TOO: Final = timedelta(seconds=1)
_PATH: Final = "/api/v2/alerts"


def alert(incident: Incident, now: datetime, settings: AlertmanagerSettings, web_url: str) -> dict[str, Any]:
    """One incident. Its labels are its identity; `endsAt` lies ahead while it is open."""
    over = incident.state is IncidentState.RESOLVED
    ends = incident.resolved_at if over else now + settings.interval * _SILENCES
    found: dict[str, Any] = {
        "labels": {
            "alertname": "Tidegate" + "".join(word.title() for word in incident.rule.value.split("-")),
            "severity": incident.severity.value,
            "incident": incident.label,
            "rule": incident.rule.value,
            "source": incident.source.value,
            "metric": printable(incident.metric, 120),
            "provider": incident.provider,
            **({"ip": str(incident.ip)} if incident.ip else {}),
        },
        "annotations": {
            "summary": printable(incident.title, 200),
            "description": printable(incident.summary, 500),
        },
        "startsAt": incident.opened_at.isoformat(),
        "endsAt": (ends or now).isoformat(),
    }
    if web_url:
        found["generatorURL"] = f"{web_url.rstrip('/')}/incidents/{incident.number}"
    return found


def worded(alerts: Iterable[dict[str, Any]], settings: AlertmanagerSettings) -> Post:
    """The request that tells them."""
    password = settings.password.get_secret_value() if settings.password else ""
    auth = (settings.username, password) if settings.username else None
    return Post(settings.url.rstrip("/") + _PATH, json.dumps(list(alerts)).encode(), auth=auth)


def rehearsed(settings: AlertmanagerSettings, bulletin: Bulletin, now: datetime) -> Post:
    """A test alert that ends by itself: real ones do not come by the outbox."""
    made = {
        "labels": {"alertname": "TidegateTest", "severity": bulletin.severity, "test": "yes"},
        "annotations": {"summary": bulletin.title, "description": bulletin.verdict},
        "startsAt": bulletin.at.isoformat(),
        "endsAt": (now + settings.interval).isoformat(),
    }
    return worded([made], settings)


class Feed:
    """Tells one Alertmanager what is open. `tell` once per interval."""

    def __init__(
        self,
        name: str,
        engine: Engine,
        clock: Clock,
        settings: NotificationSettings,
        background: Background,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.settings = settings.channels.alertmanager[name]
        self._name, self._engine, self._clock = name, engine, clock
        self._all, self._background, self._transport = settings, background, transport
        self._complaint = ""

    async def tell(self) -> int:
        """Post what the routes give this channel; how many alerts were taken."""
        now = self._clock.now()
        alerts = [alert(one, now, self.settings, self._all.web_url) for one in self._wanted(now)]
        if not alerts:
            return 0
        try:
            await post.send(worded(alerts, self.settings), self._all.channels.timeout, self._transport)
        except (Refused, Postponed) as error:
            self._note(str(error))
            return 0
        self._note("")
        return len(alerts)

    def _wanted(self, now: datetime) -> list[Incident]:
        routes = [route for route in routing.routes(self._all) if self._name in route.channels]
        with database.reading(self._engine) as session:
            known = incidents.between(session, now - TOLD_AFTER, now + _NOW_TOO)
            silenced = silences.silenced(orders.standing(session, now))
        return [
            one
            for one in known
            if one.severity.rank >= self._all.minimum_severity.rank
            and not silenced(one)
            and any(routing.is_for(route, [one], self._background) for route in routes)
        ]

    def _note(self, complaint: str) -> None:
        if complaint and complaint != self._complaint:
            log.warning("The Alertmanager %s is not told: %s", self._name, complaint,
                        extra={"event": "alertmanager.failed"})  # fmt: skip
        if self._complaint and not complaint:
            log.info("The Alertmanager %s is told again", self._name, extra={"event": "alertmanager.told"})
        self._complaint = complaint
