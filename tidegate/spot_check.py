"""One look at the lists and scores for some IPs, here and now; nothing is kept."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from core.address import IpAddress
from core.clock import SystemClock
from core.reading import Reading, Status
from monitor import catalogue
from monitor.collectors.collected import Collected
from monitor.collectors.dnsbl import DnsblCollector
from monitor.collectors.sender_score import SenderScoreCollector
from monitor.collectors.settings import DnsblSettings, ResolverSettings, SenderScoreSettings
from monitor.dns.opening import open_resolver
from monitor.resolver import AnswerKind

_PROBE_ZONE = "zen.spamhaus.org"
_PROBE = f"2.0.0.127.{_PROBE_ZONE}"
_OWN_RESOLVER = "Name your own recursing resolver: --resolver ADDRESS"


@dataclass(frozen=True, slots=True)
class Settings:
    """Whom to ask, and through which resolver."""

    resolver: ResolverSettings
    dnsbl: DnsblSettings
    score: SenderScoreSettings
    probe: bool = True


@dataclass(frozen=True, slots=True)
class Found:
    """What came of it. `resolver` is the sentence about the resolver."""

    ips: tuple[IpAddress, ...]
    resolver: str
    readings: tuple[Reading, ...]

    @property
    def is_something(self) -> bool:
        """Whether any list names any of the IPs, or a score is bad. Unknown is not a finding."""
        return any(reading.status in {Status.BAD, Status.WARN} for reading in self.readings)

    @property
    def is_blind(self) -> bool:
        """Whether nobody gave an answer that means anything."""
        return all(reading.status is Status.UNKNOWN for reading in self.readings)

    def document(self) -> dict[str, Any]:
        return {
            "schema": "check/v1",
            "resolver": self.resolver,
            "found": self.is_something,
            "readings": [reading.model_dump(mode="json") for reading in self.readings],
        }


def settings(config: str | None, resolvers: Sequence[str], zones: Sequence[str]) -> Settings:
    """From a configuration when one is named, else the defaults. Raises OperatorError."""
    from pydantic import ValidationError  # noqa: PLC0415

    from core.errors import OperatorError  # noqa: PLC0415

    resolver, dnsbl, score = ResolverSettings(), DnsblSettings(), SenderScoreSettings(enabled=True)
    if config is not None:
        from tidegate.config.load import load  # noqa: PLC0415

        monitor = load(config).config.monitor
        resolver, dnsbl, score = monitor.resolver, monitor.dnsbl, monitor.sender_score
    try:
        if resolvers:
            resolver = ResolverSettings.model_validate(
                resolver.model_dump(by_alias=True) | {"nameservers": list(resolvers)}
            )
    except ValidationError as error:
        said = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise OperatorError(f"--resolver: {said}; write it like 192.0.2.53 or 127.0.0.1:5353") from None
    if zones:
        dnsbl = dnsbl.model_copy(update={"zones": list(zones)})
    probe = config is None and (not zones or _PROBE_ZONE in zones)
    return Settings(resolver, dnsbl, score, probe)


async def look(ips: Sequence[IpAddress], asked: Settings) -> Found:
    """Ask everybody once. Unanswered and refused questions are unknown, never an error."""
    said = "not tested; it asks the lists that are configured"
    if asked.probe:
        word = await resolver_word(asked.resolver)
        said = word.said if word.kind is ResolverKind.FINE else f"{word.said}. {_OWN_RESOLVER}"
    collectors: list[DnsblCollector | SenderScoreCollector] = []
    if asked.dnsbl.enabled:
        collectors.append(DnsblCollector(asked.dnsbl, asked.resolver))
    if asked.score.enabled:
        collectors.append(SenderScoreCollector(asked.score, asked.resolver))
    now = SystemClock().now()
    rounds: list[Collected] = await asyncio.gather(*(one.collect(ips, now) for one in collectors))
    await asyncio.gather(*(one.aclose() for one in collectors))
    return Found(tuple(dict.fromkeys(ips)), said, tuple(r for one in rounds for r in one.readings))


class ResolverKind(StrEnum):
    """What a resolver is good for, as far as DNS lists go."""

    FINE = "lists answer it"
    REFUSED = "lists refuse it"
    REWRITES = "it makes answers up"
    SILENT = "it gives no usable answer"


@dataclass(frozen=True, slots=True)
class ResolverWord:
    """What was found out about a resolver, in a sentence."""

    kind: ResolverKind
    said: str


async def resolver_word(resolver: ResolverSettings) -> ResolverWord:
    """Whether this resolver can be used at all: Spamhaus refuses public and anonymous ones.

    https://www.spamhaus.org/faqs/dnsbl-usage/: 127.255.255.254 means asked through a public resolver,
    127.255.255.255 too many questions, 127.255.255.252 a misspelt zone.
    """
    channel = open_resolver(resolver)
    try:
        answer = await channel.addresses(_PROBE)
    finally:
        await channel.aclose()
    if answer.kind is not AnswerKind.ADDRESSES or not answer.addresses:
        return ResolverWord(ResolverKind.SILENT, f"{_PROBE_ZONE} gave no usable answer ({answer.kind})")
    entry = catalogue.shipped().find(_PROBE_ZONE)
    for address in answer.addresses:
        refusal = entry.refusal(address) if entry else None
        if refusal:
            said = f"Spamhaus refuses it: {refusal} ({address}); its lists are unknown from here"
            return ResolverWord(ResolverKind.REFUSED, said)
    if all(address.startswith("127.0.0.") for address in answer.addresses):
        return ResolverWord(ResolverKind.FINE, "Spamhaus answers its test entry")
    said = f"{_PROBE_ZONE} answered {answer.addresses[0]}, which is no listing: the resolver rewrites answers"
    return ResolverWord(ResolverKind.REWRITES, said)
