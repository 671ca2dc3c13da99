"""One DNS question, and its answer in the six ways that matter here.

aiodns is used the way reference measurements allow: inside the running loop, closed after use, and renewed
when an answer must not come out of c-ares' own cache.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil, log2
from typing import Any, Final, Protocol

import aiodns
from aiodns import error as aiodns_error

from monitor.collectors.settings import ResolverSettings

_GRACE_SECONDS: Final = 1.0
_SHORTEST_TRY: Final = 0.25
"""Seconds. c-ares learns a server's pace and waits five times that, but no less (ares_metrics.c in 1.34)."""


class AnswerKind(StrEnum):
    """What came back."""

    ADDRESSES = "addresses"
    NXDOMAIN = "no such name"
    NODATA = "the name exists but has no address"
    SERVFAIL = "the resolver failed (SERVFAIL)"
    REFUSED = "the server refused to answer (REFUSED)"
    TIMEOUT = "no answer in time"
    OTHER = "an answer that cannot be used"


_KINDS = {
    aiodns_error.ARES_ENODATA: AnswerKind.NODATA,
    aiodns_error.ARES_ESERVFAIL: AnswerKind.SERVFAIL,
    aiodns_error.ARES_ENOTFOUND: AnswerKind.NXDOMAIN,
    aiodns_error.ARES_EREFUSED: AnswerKind.REFUSED,
    aiodns_error.ARES_ECONNREFUSED: AnswerKind.TIMEOUT,
    aiodns_error.ARES_ETIMEOUT: AnswerKind.TIMEOUT,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a question for addresses. `ttl` in seconds, of the first record."""

    kind: AnswerKind
    addresses: tuple[str, ...] = ()
    ttl: int | None = None


def answer_of_records(records: Sequence[Any]) -> Answer:
    """aiodns' result records (`.host`, `.ttl`), sorted so that round robin changes nothing."""
    if not records:
        return Answer(AnswerKind.NODATA)
    return Answer(AnswerKind.ADDRESSES, tuple(sorted(str(r.host) for r in records)), int(records[0].ttl))


def answer_of_error(error: aiodns_error.DNSError) -> Answer:
    """An aiodns error; its first argument is the c-ares status."""
    return Answer(_KINDS.get(error.args[0], AnswerKind.OTHER) if error.args else AnswerKind.OTHER)


class Resolver(Protocol):
    """Asks DNS questions. An answer is never an exception."""

    async def addresses(self, name: str) -> Answer:
        """The A records of a name."""
        ...

    async def texts(self, name: str) -> tuple[str, ...]:
        """The TXT records of a name, or none."""
        ...

    async def aclose(self) -> None:
        """Give back the sockets."""
        ...


def open_channel(settings: ResolverSettings, *, second: bool = False) -> aiodns.DNSResolver:
    """A new c-ares channel with an empty cache. Must be called inside the running loop, and closed."""
    servers = settings.nameservers
    if second and settings.second_nameservers:
        servers = settings.second_nameservers
    ports: dict[str, Any] = {}
    if servers:
        # a channel has one port for all servers; the settings see to it that they agree
        ports = {"udp_port": servers[0].port, "tcp_port": servers[0].port}
    return aiodns.DNSResolver(
        nameservers=[server.host for server in servers] or None,
        loop=asyncio.get_running_loop(),
        timeout=settings.timeout.total_seconds(),
        tries=_sends(settings),
        **ports,
    )


def _sends(settings: ResolverSettings) -> int:
    """How often c-ares may send a question, so that a slow answer has the time that was promised.

    Each wait doubles the one before. Measured: after thirty quick answers, 3 s and two tries gave a question
    up after 0.53 s, and every list with slow name servers became unknown. `deadline` holds the bound instead.
    """
    promised = settings.timeout.total_seconds() * settings.tries
    return max(settings.tries, ceil(log2(promised / _SHORTEST_TRY + 1)))


def deadline(settings: ResolverSettings) -> float:
    """Real seconds after which a lookup is given up, whatever c-ares still has in mind."""
    return settings.timeout.total_seconds() * settings.tries + _GRACE_SECONDS


class AiodnsResolver:
    """The real thing, over one channel."""

    def __init__(self, settings: ResolverSettings, *, second: bool = False) -> None:
        self._channel = open_channel(settings, second=second)
        self._deadline = deadline(settings)

    async def addresses(self, name: str) -> Answer:
        try:
            async with asyncio.timeout(self._deadline):
                return answer_of_records(await self._channel.query(name, "A"))
        except aiodns_error.DNSError as error:
            return answer_of_error(error)
        except TimeoutError:
            return Answer(AnswerKind.TIMEOUT)

    async def texts(self, name: str) -> tuple[str, ...]:
        try:
            async with asyncio.timeout(self._deadline):
                records = await self._channel.query(name, "TXT")
        except (aiodns_error.DNSError, TimeoutError):
            return ()
        return tuple(_text(record.text) for record in records)

    async def aclose(self) -> None:
        await self._channel.close()


class ScriptedResolver:
    """Answers from a table; unknown names do not exist. For tests and rehearsals without a network."""

    def __init__(
        self, answers: Mapping[str, Answer], texts: Mapping[str, tuple[str, ...]] | None = None
    ) -> None:
        self._answers = answers
        self._texts = texts or {}
        self.asked: list[str] = []

    async def addresses(self, name: str) -> Answer:
        self.asked.append(name)
        return self._answers.get(name, Answer(AnswerKind.NXDOMAIN))

    async def texts(self, name: str) -> tuple[str, ...]:
        return self._texts.get(name, ())

    async def aclose(self) -> None:
        self.asked.clear()


def _text(raw: bytes | str) -> str:
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw
