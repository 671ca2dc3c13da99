"""Where mail for a domain goes: a static route, or its MX hosts (RFC 5321 section 5.1, RFC 7505)."""

import ipaddress
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import aiodns
from aiodns import error as dns_error

from core.clock import NANOSECONDS, Clock
from core.errors import DeliveryError
from engine.providers import ProviderMap
from engine.settings import EngineResolverSettings, RouteSettings

_CACHE_SECONDS = 300
_NO_SUCH_NAME = {dns_error.ARES_ENOTFOUND}
_NO_SUCH_RECORD = {dns_error.ARES_ENODATA}


@dataclass(frozen=True, slots=True)
class Host:
    """A mail server as the route names it."""

    name: str
    port: int

    def __str__(self) -> str:
        return f"{self.name}:{self.port}"


@dataclass(frozen=True, slots=True)
class Route:
    """The provider that a domain counts for, and its mail servers in the order to try."""

    provider: str
    hosts: tuple[Host, ...]


class Unroutable(DeliveryError):  # noqa: N818 - reads as what happened
    """No way to the domain; `permanent` if there will be none. `enhanced` is the RFC 3463 status."""

    def __init__(self, message: str, *, enhanced: str, permanent: bool) -> None:
        super().__init__(message, permanent=permanent)
        self.enhanced = enhanced


def split_host(text: str, default_port: int) -> Host:
    """Read `HOST[:PORT]` or `[IPv6]:PORT`."""
    name, colon, port = text.rpartition(":")
    if colon and port.isdigit() and (":" not in name or name.startswith("[")):
        return Host(name.strip("[]"), int(port))
    return Host(text.strip("[]"), default_port)


def order(answers: Iterable[tuple[int, str]], rng: random.Random) -> list[str]:
    """MX names by preference, equal ones shuffled so that the load spreads (RFC 5321 section 5.1)."""
    ranked = [(preference, rng.random(), name) for preference, name in answers]
    return [name for _, _, name in sorted(ranked)]


@dataclass(slots=True)
class Router:
    """Looks routes up. Create it inside the running loop: aiodns belongs to one."""

    routes: Mapping[str, RouteSettings]
    providers: ProviderMap
    settings: EngineResolverSettings
    port: int
    clock: Clock
    _cache: dict[str, tuple[int, Route]] = field(default_factory=dict)
    _resolver: aiodns.DNSResolver | None = None
    _rng: random.Random = field(default_factory=random.SystemRandom)

    async def route(self, domain: str) -> Route:
        """The route of a domain. Raises Unroutable."""
        static = self.routes.get(domain)
        if static and static.hosts:
            hosts = tuple(split_host(text, self.port) for text in static.hosts)
            return Route(static.provider or self.providers.provider(h.name for h in hosts), hosts)
        now = self.clock.monotonic_ns()
        known = self._cache.get(domain)
        if known and known[0] > now:
            return known[1]
        names = await self._mx_names(domain)
        provider = static.provider if static and static.provider else self.providers.provider(names)
        route = Route(provider, tuple(Host(name, self.port) for name in names))
        self._cache[domain] = (now + _CACHE_SECONDS * NANOSECONDS, route)
        return route

    async def addresses(self, host: Host, *, ipv6: bool) -> list[str]:
        """The addresses of a mail server in one family; empty if it has none. Raises Unroutable."""
        try:
            ipaddress.ip_address(host.name)
        except ValueError:
            pass
        else:
            return [host.name]
        try:
            found = await self._dns().query(host.name, "AAAA" if ipv6 else "A")
        except dns_error.DNSError as failure:
            if failure.args[0] in _NO_SUCH_NAME | _NO_SUCH_RECORD:
                return []
            raise _temporary(host.name, failure) from failure
        return [record.host for record in found]

    async def _mx_names(self, domain: str) -> list[str]:
        if domain.startswith("["):
            return [domain.strip("[]").removeprefix("IPv6:").removeprefix("ipv6:")]
        try:
            records = await self._dns().query(domain, "MX")
        except dns_error.DNSError as failure:
            if failure.args[0] in _NO_SUCH_NAME:
                raise Unroutable(f"{domain} does not exist", enhanced="5.1.2", permanent=True) from failure
            if failure.args[0] in _NO_SUCH_RECORD:
                return [domain]  # no MX: the implicit one, RFC 5321 section 5.1
            raise _temporary(domain, failure) from failure
        names = order([(r.priority, r.host.rstrip(".")) for r in records], self._rng)
        if names == [""]:
            raise Unroutable(f"{domain} accepts no mail (null MX)", enhanced="5.1.10", permanent=True)
        return names

    def _dns(self) -> aiodns.DNSResolver:
        if self._resolver is None:
            servers = [split_host(text, 53) for text in self.settings.nameservers]
            port = servers[0].port if servers else 53
            self._resolver = aiodns.DNSResolver(
                nameservers=[s.name for s in servers] or None,
                timeout=self.settings.timeout.total_seconds(),
                tries=self.settings.tries,
                udp_port=port,
                tcp_port=port,
            )
        return self._resolver


def _temporary(name: str, failure: Exception) -> Unroutable:
    text = failure.args[1] if len(failure.args) > 1 else failure
    return Unroutable(f"DNS did not answer for {name}: {text}", enhanced="4.4.3", permanent=False)
