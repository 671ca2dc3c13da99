"""Validity's Sender Score over DNS: `127.0.4.N` is the score N, and nothing else is a score.

Reading the last octet of any answer has turned refusals (127.255.255.255) into scores of 255
(filter-senderscore issues 31 and 33).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from ipaddress import IPv4Address
from typing import Final

from core.address import IpAddress, reversed_labels
from core.reading import Quality, Reading, Source, Status
from monitor.collectors import pool
from monitor.collectors.collected import Collected
from monitor.collectors.patience import Patience
from monitor.collectors.settings import ResolverSettings, SenderScoreSettings
from monitor.dns import opening
from monitor.health import OutcomeKind, SourceOutcome
from monitor.resolver import Answer, AnswerKind, Resolver

REFUSED_RANGE: Final = "127.255.255."
_SCORE: Final = "127.0.4."


class Said(StrEnum):
    """What an answer of the zone is."""

    SCORE = "a score"
    NO_SCORE = "no score: too little mail seen"
    REFUSED = "refused"
    NO_SUCH_ANSWER = "an answer that is no score"
    SILENCE = "no answer"


_QUALITY: Final = {
    Said.SCORE: Quality.OK,
    Said.NO_SCORE: Quality.NO_DATA,
    Said.REFUSED: Quality.ERROR,
    Said.NO_SUCH_ANSWER: Quality.INVALID_SOURCE,
    Said.SILENCE: Quality.ERROR,
}


@dataclass(frozen=True, slots=True)
class Score:
    """What one answer says. `value` is 0 to 100, or None."""

    said: Said
    status: Status
    detail: str
    value: float | None = None

    @property
    def quality(self) -> Quality:
        return _QUALITY[self.said]

    @property
    def is_trouble(self) -> bool:
        """Neither a score nor the lack of one."""
        return self.said not in {Said.SCORE, Said.NO_SCORE}


def read(answer: Answer, settings: SenderScoreSettings) -> Score:
    """Read one answer. NXDOMAIN means that too little mail was seen to have a score: not a bad one."""
    if answer.kind is AnswerKind.NXDOMAIN:
        return _unknown(Said.NO_SCORE, str(Said.NO_SCORE))
    if answer.kind is not AnswerKind.ADDRESSES or not answer.addresses:
        return _unknown(Said.SILENCE, str(answer.kind))
    refusal = next((a for a in answer.addresses if a.startswith(REFUSED_RANGE)), None)
    if refusal is not None:
        return _unknown(
            Said.REFUSED,
            f"query refused ({refusal}): register your resolver's egress address at my.validity.com",
        )
    if len(answer.addresses) > 1 or not answer.addresses[0].startswith(_SCORE):
        return _unknown(Said.NO_SUCH_ANSWER, f"answered {', '.join(answer.addresses)}, which is no score")
    value = int(answer.addresses[0].removeprefix(_SCORE))
    if value > 100:
        return _unknown(Said.NO_SUCH_ANSWER, f"answered {value}, which is no score")
    return Score(Said.SCORE, _band(value, settings), f"Sender Score {value}", float(value))


def _unknown(said: Said, detail: str) -> Score:
    return Score(said, Status.UNKNOWN, detail)


def _band(value: int, settings: SenderScoreSettings) -> Status:
    if value < settings.bad_below:
        return Status.BAD
    return Status.GOOD if value >= settings.good_from else Status.WARN


class SenderScoreCollector:
    """Asks for the score of every IPv4 address; there are no scores for IPv6.

    One question goes first. Where it is refused, or a `probe-ip` has no score, no other is asked.
    """

    name = "sender-score"

    def __init__(
        self,
        settings: SenderScoreSettings,
        resolver: ResolverSettings,
        open_resolver: Callable[[], Resolver] | None = None,
    ) -> None:
        self._settings = settings
        self._open_resolver = open_resolver or (lambda: opening.open_resolver(resolver))

    async def collect(self, ips: Sequence[IpAddress], now: datetime) -> Collected:
        """One reading per IPv4 address, for the present UTC day."""
        asked = [ip for ip in dict.fromkeys(ips) if isinstance(ip, IPv4Address)]
        if not asked:
            return Collected(self.name)
        resolver = self._open_resolver()
        try:
            scores = await _Round(resolver, self._settings).of(asked)
        finally:
            await resolver.aclose()
        readings = [reading(ip, scores[ip], now, self._settings) for ip in asked]
        return Collected(self.name, readings, [outcome(list(scores.values()))])

    async def aclose(self) -> None:
        """Nothing is held between rounds."""


def reading(ip: IpAddress, score: Score, now: datetime, settings: SenderScoreSettings) -> Reading:
    """One IP's score as the reading for the present UTC day."""
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return Reading(
        ip=ip,
        source=Source.SENDER_SCORE,
        period_start=day,
        period_end=day + timedelta(days=1),
        observed_at=now,
        status=score.status,
        quality=score.quality,
        value=score.value,
        detail=score.detail,
        evidence={"zone": settings.zone, "answer": score.said.value},
    )


class _Round:
    """One round of questions to the one zone. `closed` is why no more is asked."""

    def __init__(self, resolver: Resolver, settings: SenderScoreSettings) -> None:
        self._resolver = resolver
        self._settings = settings
        # one zone only: its silence is the resolver's, as far as can be told
        self._patience = Patience()
        self._closed: Score | None = None
        self._scores: dict[IpAddress, Score] = {}

    async def of(self, ips: Sequence[IPv4Address]) -> dict[IpAddress, Score]:
        """The score of each."""
        probe = self._settings.probe_ip
        if probe is not None:
            self._closed = unproven(await self._ask(probe), probe)
        first, *rest = ips
        await self._one(first)
        await pool.run(rest, self._one, self._settings.concurrency)
        return self._scores

    async def _one(self, ip: IpAddress) -> None:
        score = self._closed or await self._ask(ip)
        if score.said is Said.REFUSED:
            # each further question would be refused, too, and be held against us
            self._closed = score
        self._scores[ip] = score

    async def _ask(self, ip: IpAddress) -> Score:
        answer = Answer(AnswerKind.TIMEOUT)
        if self._patience.is_worth_asking(self._settings.zone):
            answer = await self._resolver.addresses(f"{reversed_labels(ip)}.{self._settings.zone}")
            self._patience.note(self._settings.zone, answer.kind)
        return read(answer, self._settings)


def unproven(probed: Score, probe: IPv4Address) -> Score | None:
    """Why the zone is not believed in this round; None where the probe has a score, as it should."""
    if probed.said is Said.SCORE:
        return None
    if probed.said is Said.NO_SCORE:
        return _unknown(
            Said.NO_SUCH_ANSWER,
            f"the probe-ip {probe} has no score: another one is needed, or answers are forged",
        )
    return probed


def outcome(scores: Sequence[Score]) -> SourceOutcome:
    """No score is an answer; anything else unknown, for more than half of the IPs, is a failure."""
    name = SenderScoreCollector.name
    troubled = [score for score in scores if score.is_trouble]
    if not troubled:
        return SourceOutcome(name, OutcomeKind.ANSWERED)
    detail = troubled[0].detail
    if 2 * len(troubled) <= len(scores):
        return SourceOutcome(name, OutcomeKind.ANSWERED, f"{len(troubled)} of {len(scores)} IPs: {detail}")
    broken = all(score.said is Said.NO_SUCH_ANSWER for score in troubled)
    return SourceOutcome(name, OutcomeKind.UNTRUSTED if broken else OutcomeKind.FAILED, detail)
