"""pydnsbl, behind one door: it asks the questions, we judge the answers.

Its verdict (`.blacklisted`) calls any A record a listing, error codes and parked domains too, and its default
list holds 18 dead zones of 42 (reference: signals.md 4). So: one checker, built inside the running loop, no
default providers, its resolver replaced by the configured one, and `dnsbl_request` alone.
"""

import asyncio

import aiodns
import pydnsbl
from aiodns import error as aiodns_error
from pydnsbl.checker import DNSBLResponse

from monitor.collectors.settings import ResolverClient, ResolverSettings
from monitor.collectors.zones import AskedZone, CatalogueProvider
from monitor.dns.opening import open_for_pydnsbl
from monitor.dns.resolver import PydnsblResolver
from monitor.resolver import Answer, AnswerKind, answer_of_error, answer_of_records, deadline

_Underneath = aiodns.DNSResolver | PydnsblResolver
_CLEAN = Answer(AnswerKind.NXDOMAIN)


class DnsblChecker:
    """Asks zones about IPs. Build it inside the running loop, once; `renew` before a sweep; `aclose` it."""

    def __init__(self, settings: ResolverSettings, concurrency: int) -> None:
        self._settings = settings
        # c-ares is bounded from outside; our own client keeps its promise itself
        self._deadline = deadline(settings) if settings.client is ResolverClient.AIODNS else None
        self._providers: dict[str, CatalogueProvider] = {}
        self._checker = pydnsbl.DNSBLIpChecker(
            providers=[], concurrency=concurrency, loop=asyncio.get_running_loop()
        )

    async def renew(self) -> None:
        """Take a new channel: c-ares caches per channel and would hide a change for the TTL."""
        before: _Underneath = self._checker._resolver  # noqa: SLF001 - pydnsbl has no setting for it
        self._checker._resolver = open_for_pydnsbl(self._settings)  # noqa: SLF001
        await before.close()

    async def ask(self, ip: str, zone: AskedZone) -> Answer:
        """One question, in bounded real time. Equal answers "not listed" are one object."""
        provider = self._providers.get(zone.name)
        if provider is None:
            provider = self._providers[zone.name] = CatalogueProvider(zone)
        if self._deadline is None:
            return _read(await self._checker.dnsbl_request(ip, provider))
        try:
            async with asyncio.timeout(self._deadline):
                return _read(await self._checker.dnsbl_request(ip, provider))
        except TimeoutError:
            return Answer(AnswerKind.TIMEOUT)

    async def aclose(self) -> None:
        await self._checker._resolver.close()  # noqa: SLF001


def _read(response: DNSBLResponse) -> Answer:
    if isinstance(response.error, aiodns_error.DNSError):
        return answer_of_error(response.error)
    # pydnsbl keeps no error for NXDOMAIN, the one that means "not listed"
    return _CLEAN if response.response is None else answer_of_records(response.response)
