"""The incidents of one world, kept in memory; what becomes of them is the production lifecycle's decision."""

from collections.abc import Iterable
from datetime import datetime

from core.address import IpAddress
from core.incident import Incident, IncidentState
from core.reading import Source
from monitor.detection.finding import Finding
from monitor.incidents import record
from monitor.incidents.lifecycle import FLAP_WINDOW, Move, flips_of, transition
from monitor.notifications.settings import NotificationSettings

_FLAP_AFTER = NotificationSettings().flap_after


class Register:
    """Open incidents by fingerprint, and those closed within a day."""

    def __init__(self) -> None:
        self._open: dict[str, Incident] = {}
        self._closed: dict[str, list[Incident]] = {}
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
        closed = self._closed.get(finding.fingerprint, [])
        closed[:] = [i for i in closed if i.updated_at > now - FLAP_WINDOW]
        recent = [*closed, *([known] if known else [])]
        action = transition(known, finding, flips_of(finding.fingerprint, recent, now), _FLAP_AFTER)
        match action.move:
            case Move.OPEN:
                self._count += 1
                fields = record.new_incident(finding, now).model_dump()
                self._open[finding.fingerprint] = Incident(
                    number=self._count, state=IncidentState.OPEN, updated_at=now, **fields
                )
            case Move.UPDATE | Move.ESCALATE | Move.REFRESH if known:
                self._open[finding.fingerprint] = record.changed(known, finding, now)
            case Move.RESOLVE if known:
                del self._open[finding.fingerprint]
                over = {"state": IncidentState.RESOLVED, "resolved_at": now, "updated_at": now}
                self._closed.setdefault(finding.fingerprint, []).append(known.model_copy(update=over))
            case _:
                return False
        return True
