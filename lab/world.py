"""The whole pretend internet: DNS, SNDS, three providers, a mailbox, wired together on loopback."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Self

from core.address import SourceIp, parse_ip, reversed_labels
from core.clock import Clock
from lab.dns import DnsServer, lookup
from lab.ledger import Ledger
from lab.mailbox import Mailbox
from lab.manners import PROVIDERS, Provider
from lab.ports import free_port
from lab.providers import MailboxProvider
from lab.snds import SndsBook
from lab.snds_server import SndsServer
from lab.traffic import Traffic
from lab.zones import Zones

SCORE_ZONE = "score.lab.test"
SNDS_KEY = "lab-snds-key-0001"
_PORT_ATTEMPTS = 20


def lab_source(last: int) -> SourceIp:
    """203.0.113.N (RFC 5737) to the world, 127.0.1.N to the socket: each peer address is a real one."""
    return SourceIp(address=ip_address(f"203.0.113.{last}"), bind=ip_address(f"127.0.1.{last}"))


@dataclass(frozen=True, slots=True)
class Pool:
    """A VirtualMTA and its source IPs."""

    name: str
    sources: tuple[SourceIp, ...]


POOLS = (
    Pool("marketing", (lab_source(7), lab_source(8))),
    Pool("transactional", (lab_source(16), lab_source(17))),
)


class Lab:
    """Everything outside Tidegate that Tidegate talks to; an async context manager.

    `dns` answers providers and engine, `resolver` (same zones, another port) the monitor, so that a story
    can kill the one without the other. `engine_port` and `api_port` are set aside for the engine.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        providers: Sequence[Provider] = PROVIDERS,
        pools: Sequence[Pool] = POOLS,
        seed: int = 1,
        ledger_file: Path | None = None,
        smtp_port: int = 0,
    ) -> None:
        self.clock = clock
        self.pools = tuple(pools)
        self.zones = Zones()
        self.dns = DnsServer(self.zones)
        self.resolver = DnsServer(self.zones)
        self.book = SndsBook()
        self.snds = SndsServer(self.book, SNDS_KEY, clock=clock)
        self.mailbox = Mailbox(clock)
        self.ledger = Ledger(ledger_file)
        self.engine_port = free_port()
        self.api_port = free_port()
        self.smtp_port = smtp_port
        self._seed = seed
        self._who = tuple(providers)
        self._stack = AsyncExitStack()
        self.providers: dict[str, MailboxProvider] = {}
        self._publish()

    @property
    def sources(self) -> tuple[SourceIp, ...]:
        return tuple(source for pool in self.pools for source in pool.sources)

    def traffic(self, run: str = "lab", connections: int = 4) -> Traffic:
        """A source of mail aimed at the engine's listener."""
        return Traffic(
            "127.0.0.1",
            self.engine_port,
            clock=self.clock,
            run=run,
            seed=self._seed,
            connections=connections,
        )

    async def listed_on(self, address: str, zones: Sequence[str]) -> tuple[str, ...]:
        """On which of `zones` the lab's DNS lists an address, asked over the wire."""
        labels = reversed_labels(parse_ip(address))
        server = (self.dns.host, self.dns.port)
        answers = [(zone, await lookup(f"{labels}.{zone}", server=server)) for zone in zones]
        return tuple(zone for zone, found in answers if any(v.startswith("127.0.0.") for v in found.values))

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            for server in (self.dns, self.resolver, self.mailbox):
                await server.start()
                stack.push_async_callback(server.stop)
            self.snds.start()
            stack.callback(self.snds.stop)
            stack.callback(self.ledger.close)
            await self._open_providers(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _open_providers(self, stack: AsyncExitStack) -> None:
        """All on one port, as the world's are on 25: an engine knows one port for MX hosts."""
        for attempt in range(_PORT_ATTEMPTS):
            started: list[MailboxProvider] = []
            port = self.smtp_port
            try:
                for who in self._who:
                    server = self._provider(who, port)
                    await server.start()
                    started.append(server)
                    port = server.port
            except OSError:
                for server in started:
                    await server.stop()
                if self.smtp_port or attempt == _PORT_ATTEMPTS - 1:
                    raise
            else:
                self.smtp_port = port
                self.providers = {server.provider.ident: server for server in started}
                for server in started:
                    stack.push_async_callback(server.stop)
                return

    def _provider(self, who: Provider, port: int) -> MailboxProvider:
        return MailboxProvider(
            who,
            clock=self.clock,
            ledger=self.ledger,
            known_as={str(s.bind): str(s.address) for s in self.sources},
            listed_on=self.listed_on,
            seed=self._seed,
            port=port,
        )

    def _publish(self) -> None:
        for who in self._who:
            self.zones.add_mail_domain(who.domain, {who.exchanger: parse_ip(who.host)})
        self.zones.add_blocklist(SCORE_ZONE)
