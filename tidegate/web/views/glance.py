"""Everything that the overview rests on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from controller.settings import Mode
from core.incident import Incident
from monitor.health import SourceHealth, SourceState
from storage.audit import AuditEntry
from storage.incidents import IncidentEvent
from storage.leases import LeaseChange
from storage.orders import Order
from tidegate.web.views.ips import Fleet


@dataclass(frozen=True, slots=True)
class Glance:
    """`engine` is the status document, empty where `trouble` says why the engine is away."""

    now: datetime
    fleet: Fleet
    mode: Mode
    engine: Mapping[str, Any] = field(default_factory=dict)
    trouble: str = ""
    leases: Sequence[Mapping[str, Any]] = ()
    orders: Sequence[Order] = ()
    sources: Sequence[SourceHealth] = ()
    hours: Sequence[tuple[datetime, Mapping[str, int]]] = ()
    events: Sequence[tuple[Incident, IncidentEvent]] = ()
    changes: Sequence[LeaseChange] = ()
    acts: Sequence[AuditEntry] = ()

    @property
    def blind(self) -> list[SourceHealth]:
        """The sources that were asked, and cannot be relied on."""
        asked = (one for one in self.sources if one.state is not SourceState.NEW)
        return [one for one in asked if not one.state.can_be_trusted]
