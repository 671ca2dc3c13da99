"""Opens connections: which hosts are tried, from which address, encrypted or not."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from core.errors import DeliveryError
from engine.delivery.encryption import Encryption
from engine.delivery.routing import Host, Route, Router
from engine.directives import DomainSettings
from engine.outbound import ConnectCause, ConnectFailed, OutboundConnection, Timeouts
from engine.queue.queue import Lane
from engine.smtp.client import TlsPolicy
from engine.tls import IN_CLEAR, TlsWish
from engine.tracing.onlooker import Onlooker

_MAX_HOSTS: Final = 5
"""MX hosts tried for one connection, as Postfix's smtp_mx_address_limit."""


@dataclass(slots=True)
class Dialler:
    """Gives a lane a connection to one of its domain's mail servers."""

    router: Router
    encryption: Encryption
    hostname: str

    async def candidates(self, route: Route, lane: Lane) -> list[tuple[Host, str]]:
        """The hosts to try in order, each with an address. Raises DeliveryError when all turn us away."""
        ipv6 = lane.parent.source.bind.version == 6
        found = []
        if lane.skipped_hosts.issuperset(host.name for host in route.hosts):
            lane.skipped_hosts = frozenset()
            raise DeliveryError("every MX host has turned this source IP away")
        for host in [h for h in route.hosts if h.name not in lane.skipped_hosts][:_MAX_HOSTS]:
            found += [(host, address) for address in await self.router.addresses(host, ipv6=ipv6)]
        return found[: 2 * _MAX_HOSTS]

    async def dial(self, address: str, host: Host, lane: Lane, onlooker: Onlooker) -> OutboundConnection:
        """A connection; a second one in the clear when TLS failed and was not required.

        Raises ConnectFailed.
        """
        wish = self.encryption.wish(lane.queue.settings, host.name, (address, host.port))
        try:
            return await self._open(address, host, lane, wish, onlooker)
        except ConnectFailed as failure:
            if failure.cause is not ConnectCause.TLS or wish.policy is not TlsPolicy.OPPORTUNISTIC:
                raise
            self.encryption.failed((address, host.port), str(failure))
            return await self._open(address, host, lane, IN_CLEAR, onlooker)

    async def _open(
        self, address: str, host: Host, lane: Lane, wish: TlsWish, onlooker: Onlooker
    ) -> OutboundConnection:
        source = lane.parent.source.bind
        onlooker.connecting(host, address, wish.policy)
        try:
            return await OutboundConnection.open(
                address,
                host.port,
                bind=None if source.is_unspecified else source,
                hostname=self.hostname,
                timeouts=_timeouts(lane.queue.settings),
                tls=wish,
                wired=onlooker.wired,
            )
        except ConnectFailed as failure:
            onlooker.failed(str(failure))
            raise


def _timeouts(settings: DomainSettings) -> Timeouts:
    usual = Timeouts()
    return replace(
        usual,
        connect=_seconds(settings.connect_timeout, usual.connect),
        greeting=_seconds(settings.smtp_greeting_timeout, usual.greeting),
        data_block=_seconds(settings.data_send_timeout, usual.data_block),
    )


def _seconds(duration: timedelta | None, usual: float) -> float:
    return duration.total_seconds() if duration is not None else usual
