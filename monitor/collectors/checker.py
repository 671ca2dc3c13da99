"""pydnsbl, behind one door: it asks the questions, we judge the answers.

Its verdict (`.blacklisted`) calls any A record a listing, error codes and parked domains too, and its default
list holds 18 dead zones of 42 (reference: signals.md 4). So: a checker built inside the running loop, no
default providers, its resolver replaced by the configured one, and `dnsbl_request` alone.
"""

import asyncio
from contextlib import nullcontext
from typing import Self

import aiodns
import pydnsbl
from aiodns import error as aiodns_error
from pydnsbl.checker import DNSBLResponse

from monitor.collectors.settings import ResolverClient, ResolverSettings
from monitor.collectors.zones import CatalogueProvider
from monitor.dns.opening import open_for_pydnsbl
from monitor.resolver import Answer, AnswerKind, answer_of_error, answer_of_records, deadline

_CLEAN = Answer(AnswerKind.NXDOMAIN)


class _Checker(pydnsbl.DNSBLIpChecker):  # type: ignore[misc]
    """pydnsbl's, but for the way to a query: what comes is reversed already, once for all zones."""

    def prepare_query(self, request: str) -> str:
        return request


class DnsblChecker:
    """Asks zones about IPs, over a channel that has cached nothing: open one for each sweep, and close it."""

    def __init__(self, checker: _Checker, deadline: float | None) -> None:
        self._checker = checker
        self._deadline = deadline

    @classmethod
    async def opened(cls, settings: ResolverSettings) -> Self:
        """Build pydnsbl's checker in the running loop, and put the configured resolver under it.

        c-ares caches per channel and would hide a change for the TTL: hence a new one for each sweep.
        """
        loop = asyncio.get_running_loop()
        checker = _Checker(providers=[], loop=loop)
        its_own: aiodns.DNSResolver = checker._resolver  # noqa: SLF001 - pydnsbl has no setting for it
        checker._resolver = open_for_pydnsbl(settings)  # noqa: SLF001
        await its_own.close()
        # the sweeper's turns are the bound; a second one costs a tenth of a look-up
        checker._semaphore = nullcontext()  # noqa: SLF001
        # c-ares is bounded from outside; our own client keeps its promise itself
        return cls(checker, deadline(settings) if settings.client is ResolverClient.AIODNS else None)

    async def ask(self, labels: str, provider: CatalogueProvider) -> Answer:
        """One question, in bounded real time, about a reversed address (core.address.reversed_labels).

        Equal answers "not listed" are one object.
        """
        if self._deadline is None:
            return _read(await self._checker.dnsbl_request(labels, provider))
        try:
            async with asyncio.timeout(self._deadline):
                return _read(await self._checker.dnsbl_request(labels, provider))
        except TimeoutError:
            return Answer(AnswerKind.TIMEOUT)

    async def aclose(self) -> None:
        await self._checker._resolver.close()  # noqa: SLF001


def _read(response: DNSBLResponse) -> Answer:
    if isinstance(response.error, aiodns_error.DNSError):
        return answer_of_error(response.error)
    # pydnsbl keeps no error for NXDOMAIN, the one that means "not listed"
    return _CLEAN if response.response is None else answer_of_records(response.response)
