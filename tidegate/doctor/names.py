"""Names: what the source IPs are called, and whether the engine greets with a name that leads back to them.

Large providers refuse mail from IPs without a forward-confirmed name (Gmail: 550 5.7.25, see
https://support.google.com/a/answer/81126; Yahoo and Outlook likewise).
"""

import asyncio
from asyncio import Future
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final, Protocol

from aiodns import error as aiodns_error

from core.address import IpAddress
from core.text import printable
from monitor.collectors import pool
from monitor.collectors.settings import ResolverSettings
from monitor.resolver import deadline, open_channel
from tidegate.doctor.finding import Finding, Patient, Verdict, broken, fine, some, unwise

_PTR: Final = "reverse names"
_HELO: Final = "greeting"
_AT_ONCE: Final = 16
_ABSENT: Final = {aiodns_error.ARES_ENOTFOUND, aiodns_error.ARES_ENODATA}


class Lookup(Protocol):
    """Asks for names and addresses. None: nobody gave an answer; empty: there is none."""

    async def pointers(self, ip: IpAddress) -> tuple[str, ...] | None: ...

    async def addresses(self, name: str, version: int) -> frozenset[IpAddress] | None: ...


class DnsLookup:
    """Over the configured resolver. Made inside the running loop; close it."""

    def __init__(self, settings: ResolverSettings) -> None:
        self._channel = open_channel(settings)
        self._deadline = deadline(settings)

    async def pointers(self, ip: IpAddress) -> tuple[str, ...] | None:
        records = await self._asked(self._channel.query(ip.reverse_pointer, "PTR"))
        if records is None:
            return None
        # c-ares puts one name into `name` and all of them into `aliases`
        names = [name for record in records for name in (record.aliases or [record.name])]
        return tuple(dict.fromkeys(str(name).rstrip(".").lower() for name in names))

    async def addresses(self, name: str, version: int) -> frozenset[IpAddress] | None:
        asking: Future[Any]
        try:
            asking = self._channel.query(name, "A") if version == 4 else self._channel.query(name, "AAAA")
        except UnicodeError:
            return frozenset()  # no name that DNS can hold
        records = await self._asked(asking)
        return None if records is None else frozenset(ip_address(str(record.host)) for record in records)

    async def _asked(self, asking: Future[Any]) -> list[Any] | None:
        try:
            async with asyncio.timeout(self._deadline):
                found = await asking
        except aiodns_error.DNSError as error:
            return [] if error.args and error.args[0] in _ABSENT else None
        except TimeoutError:
            return None
        return found if isinstance(found, list) else [found]

    async def aclose(self) -> None:
        await self._channel.close()


@dataclass(frozen=True, slots=True)
class Named:
    """What one IP is called. `confirmed`: those of its names that lead back to it."""

    names: tuple[str, ...] | None
    confirmed: tuple[str, ...] = ()


async def names(patient: Patient) -> Sequence[Finding]:
    """Forward-confirmed reverse DNS of each source IP (RFC 8601 section 2.7.3), and the greeting's name."""
    ips = [source.address for source in patient.config.source_ips]
    lookup = DnsLookup(patient.config.monitor.resolver)
    try:
        known = await name_all(lookup, ips)
        hostname = patient.config.engine.hostname
        leads_to = await _addresses(lookup, hostname)
    finally:
        await lookup.aclose()
    return [*reverse(known), *greeting(hostname, leads_to, known)]


async def name_all(lookup: Lookup, ips: Sequence[IpAddress]) -> dict[IpAddress, Named]:
    """Look all of them up, a few at a time."""
    found: dict[IpAddress, Named] = {}

    async def look(ip: IpAddress) -> None:
        called = await lookup.pointers(ip)
        back = [name for name in called or () if ip in (await lookup.addresses(name, ip.version) or ())]
        found[ip] = Named(called, tuple(back))

    await pool.run(ips, look, _AT_ONCE)
    return {ip: found[ip] for ip in ips}


async def _addresses(lookup: Lookup, name: str) -> frozenset[IpAddress] | None:
    four, six = await lookup.addresses(name, 4), await lookup.addresses(name, 6)
    known = (four or frozenset()) | (six or frozenset())
    # one family's silence leaves it open whether there is an address at all
    return None if not known and None in {four, six} else known


def reverse(known: Mapping[IpAddress, Named]) -> list[Finding]:
    """What the reverse names come to."""
    silent = [ip for ip, named in known.items() if named.names is None]
    nameless = [ip for ip, named in known.items() if named.names == ()]
    astray = [f"{ip} ({printable(n.names[0], 60)})" for ip, n in known.items() if n.names and not n.confirmed]
    found = []
    if nameless:
        said = f"no reverse name (PTR): {some(nameless)}"
        found.append(broken(_PTR, said, "have the owner of the network set one, like mta1.example.com"))
    if astray:
        said = f"the reverse name does not lead back to its IP: {some(astray)}"
        found.append(
            broken(_PTR, said, "give that name an A (or AAAA) record with the IP, or change the PTR")
        )
    if silent:
        said = f"the resolver gave no answer about {len(silent)} of {len(known)} IPs"
        found.append(Finding(_PTR, Verdict.UNKNOWN, said, "see the resolver line here"))
    if known and not found:
        found.append(fine(_PTR, f"all {len(known)} IPs have a reverse name that leads back to them"))
    return found


def greeting(
    hostname: str, leads_to: frozenset[IpAddress] | None, known: Mapping[IpAddress, Named]
) -> list[Finding]:
    """Whether the name in EHLO is a real one (RFC 5321 section 4.1.1.1) and fits the IPs."""
    mend = "write engine.hostname: a name of this host in your domain, with A records for the source IPs"
    if "." not in hostname.strip("."):
        return [unwise(_HELO, f"the engine greets as {hostname}, which is no full name", mend)]
    if leads_to is None:
        return [Finding(_HELO, Verdict.UNKNOWN, f"the resolver gave no answer about {hostname}")]
    if not leads_to:
        return [unwise(_HELO, f"the engine greets as {hostname}, which has no address", mend)]
    other = [ip for ip, named in known.items() if named.confirmed and hostname.lower() not in named.confirmed]
    strangers = [ip for ip in other if ip not in leads_to]
    if strangers:
        said = f"the engine greets as {hostname}, neither the name nor an address of {some(strangers)}"
        return [unwise(_HELO, said, f"give {hostname} A records for them; few refuse mail for it")]
    return [fine(_HELO, f"the engine greets as {hostname}, which fits")]
