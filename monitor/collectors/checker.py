"""pydnsbl, behind one door: it asks the questions, we judge the answers.

Its verdict (`.blacklisted`) calls any A record a listing, error codes and parked domains too, and its default
list holds 18 dead zones of 42 (reference: signals.md 4). So: one checker, built inside the running loop, no
default providers, its resolver replaced by the configured one, and `dnsbl_request` alone.
"""

import asyncio

import aiodns
import pydnsbl
from aiodns import error as aiodns_error

from core.address import IpAddress
from monitor.collectors.settings import ResolverSettings
from monitor.collectors.zones import AskedZone, CatalogueProvider
from monitor.resolver import Answer, AnswerKind, answer_of_error, answer_of_records, deadline, open_channel


class DnsblChecker:
    """Asks zones about IPs. Build it inside the running loop, once; `renew` before a sweep; `aclose` it."""

    def __init__(self, settings: ResolverSettings, concurrency: int) -> None:
        self._settings = settings
        self._deadline = deadline(settings)
        self._checker = pydnsbl.DNSBLIpChecker(
            providers=[], concurrency=concurrency, loop=asyncio.get_running_loop()
        )

    async def renew(self) -> None:
        """Take a new channel: c-ares caches per channel and would hide a change for the TTL."""
        before: aiodns.DNSResolver = self._checker._resolver  # noqa: SLF001 - pydnsbl has no setting for it
        self._checker._resolver = open_channel(self._settings)  # noqa: SLF001
        await before.close()

    async def ask(self, ip: IpAddress, zone: AskedZone) -> Answer:
        """One question, in bounded real time."""
        try:
            async with asyncio.timeout(self._deadline):
                response = await self._checker.dnsbl_request(str(ip), CatalogueProvider(zone))
        except TimeoutError:
            return Answer(AnswerKind.TIMEOUT)
        if isinstance(response.error, aiodns_error.DNSError):
            return answer_of_error(response.error)
        # pydnsbl keeps no error for NXDOMAIN, the one that means "not listed"
        if response.response is None:
            return Answer(AnswerKind.NXDOMAIN)
        return answer_of_records(response.response)

    async def aclose(self) -> None:
        await self._checker._resolver.close()  # noqa: SLF001
