"""The incidents of one world, kept in memory; what becomes of them is the production lifecycle's decision."""

from collections.abc import Iterable
from datetime import datetime

from core.address import IpAddress
from core.incident import Incident, IncidentState
from core.reading import Source
from monitor.detection.finding import Finding
from monitor.incidents import record
from monitor.incidents.lifecycle import FLAP_WINDOW, FLAPPING, Action, Move, Past, flips_of, transition
from monitor.notifications.settings import NotificationSettings

_FLAP_AFTER = NotificationSettings().flap_after


class Register:
    """Open incidents by fingerprint, and those closed within a day."""

    def __init__(self) -> None:
        self._open: dict[str, Incident] = {}
        self._closed: dict[str, list[Incident]] = {}
        self._lines: dict[str, list[tuple[datetime, str]]] = {}
        self._count = 0

    @property
    def open(self) -> list[Incident]:
        return list(self._open.values())

    def is_open(self, ip: IpAddress, source: Source, metric: str) -> bool:
        return any((i.ip, i.source, i.metric) == (ip, source, metric) for i in self._open.values())

    def take(self, findings: Iterable[Finding], now: datetime) -> bool:
        """Let incidents follow. Returns whether one opened, changed or closed."""
        moved = [self._apply(finding, now) for finding in findings]
        return any(moved)

    def _apply(self, finding: Finding, now: datetime) -> bool:
        known = self._open.get(finding.fingerprint)
        action = transition(known, finding, self._past(finding.fingerprint, known, now), _FLAP_AFTER, now)
        match action.move:
            case Move.OPEN | Move.REOPEN:
                self._begin(finding, action, now)
            case Move.UPDATE | Move.ESCALATE | Move.NOTE | Move.REFRESH if known:
                self._open[finding.fingerprint] = record.changed(known, finding, now)
            case Move.RESOLVE if known:
                self._close(known, now)
            case Move.HOLD if known:
                self._open[finding.fingerprint] = _flapping(known)
            case _:
                return False
        if action.move is not Move.REFRESH:
            self._lines.setdefault(finding.fingerprint, []).append((now, action.reason))
        return action.move is not Move.HOLD

    def _past(self, fingerprint: str, known: Incident | None, now: datetime) -> Past:
        since = now - FLAP_WINDOW
        closed = self._closed.get(fingerprint, [])
        closed[:] = [i for i in closed if i.updated_at > since]
        lines = self._lines.get(fingerprint, [])
        lines[:] = [line for line in lines if line[0] > since]
        flips = flips_of([*closed, *([known] if known else [])], now)
        return Past(flips, tuple(text for _, text in lines))

    def _begin(self, finding: Finding, action: Action, now: datetime) -> None:
        self._count += 1
        fields = record.new_incident(finding, now).model_dump()
        opened = Incident(number=self._count, state=IncidentState.OPEN, updated_at=now, **fields)
        self._open[finding.fingerprint] = _flapping(opened) if action.move is Move.REOPEN else opened
        self._lines[finding.fingerprint] = [(now, finding.title), (now, finding.summary)]

    def _close(self, known: Incident, now: datetime) -> None:
        del self._open[known.fingerprint]
        over = {"state": IncidentState.RESOLVED, "resolved_at": now, "updated_at": now}
        self._closed.setdefault(known.fingerprint, []).append(known.model_copy(update=over))


def _flapping(incident: Incident) -> Incident:
    return incident.model_copy(update={"evidence": {**incident.evidence, FLAPPING: True}})
