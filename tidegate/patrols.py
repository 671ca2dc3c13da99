"""The rounds of the DNS lists in the watch process, and the operators' word about lists that were stopped."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from sqlalchemy import Engine

from core.address import IpAddress
from core.clock import Clock
from core.reading import Source
from monitor.attention import attention
from monitor.collectors.collected import Collected
from monitor.collectors.dnsbl import DnsblCollector
from monitor.collectors.etiquette import Tempo
from monitor.collectors.rota import Attention
from storage import audit, coverage, database, orders, readings
from storage.audit import AuditEntry
from storage.orders import Order, OrderKind

log = logging.getLogger(__name__)

Result = TypeVar("Result")


class AtDesk(Protocol):
    """Runs database work one at a time beside the event loop."""

    def __call__(self, work: Callable[[], Result]) -> Awaitable[Result]: ...


@dataclass(frozen=True, slots=True)
class Patrols:
    """Sends the collector round; `take_in` keeps what each piece of a round brings."""

    collector: DnsblCollector
    engine: Engine
    clock: Clock
    fleet: Sequence[IpAddress]
    busy_from: int
    at_desk: AtDesk
    take_in: Callable[[Collected], Awaitable[Any]]

    def begin(self) -> None:
        """Take over what the records hold, and forget lists that are not asked any more."""
        with database.session(self.engine) as session:
            self.collector.remember(readings.latest(session))
            coverage.keep_only(session, Source.DNSBL, self.collector.zones)

    async def one_round(self, tempo: Tempo = Tempo.FREE) -> None:
        """Ask whose turn it is; each piece is recorded before the next is made."""
        watched = await self.at_desk(self._attention)
        pieces = self.collector.patrol(self.fleet, self.clock.now(), watched, tempo)
        async with aclosing(pieces):
            async for piece in pieces:
                await self.take_in(piece)

    async def heed(self) -> None:
        """Believe the lists that operators vouched for, and ask those at once."""
        if not self.collector.suspects:
            return
        obeyed = await self.at_desk(self._obey)
        for zone in obeyed:
            self.collector.approve(zone)
        for tempo in self.collector.tempos if obeyed else ():
            await self.one_round(tempo)

    def _attention(self) -> Attention:
        with database.reading(self.engine) as session:
            return attention(session, self.fleet, self.clock.now(), self.busy_from)

    def _obey(self) -> list[str]:
        now = self.clock.now()
        with database.session(self.engine) as session:
            given = [o for o in orders.standing(session, now) if self._concerns(o)]
            for order in given:
                orders.withdraw(session, order.id, now)
                audit.append(session, _entry(order, now, self.collector.suspects[order.subject]))
        return [order.subject for order in given]

    def _concerns(self, order: Order) -> bool:
        return order.kind is OrderKind.BELIEVE and order.subject in self.collector.suspects


def _entry(order: Order, now: datetime, stopped: str) -> AuditEntry:
    return AuditEntry(
        at=now,
        actor=order.author,
        action="source.approved",
        subject=f"dnsbl:{order.subject}",
        before=stopped,
        after="believed in its next round",
        reason=order.reason,
    )
