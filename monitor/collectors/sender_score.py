"""Validity's Sender Score over DNS: `127.0.4.N` is the score N, and nothing else is a score.

Reading the last octet of any answer has turned refusals (127.255.255.255) into scores of 255
(filter-senderscore issues 31 and 33).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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

_SCORE: Final = "127.0.4."
_REFUSED: Final = "127.255.255."
_HINT: Final = "register your resolver's egress address at my.validity.com"


@dataclass(frozen=True, slots=True)
class Score:
    """What one answer says. `value` is 0 to 100, or None."""

    status: Status
    quality: Quality
    detail: str
    value: float | None = None


def read(answer: Answer, settings: SenderScoreSettings) -> Score:
    """Read one answer. NXDOMAIN means that too little mail was seen to have a score: not a bad one."""
    if answer.kind is AnswerKind.NXDOMAIN:
        return Score(Status.UNKNOWN, Quality.NO_DATA, "no score: too little mail seen")
    if answer.kind is not AnswerKind.ADDRESSES or not answer.addresses:
        return Score(Status.UNKNOWN, Quality.ERROR, str(answer.kind))
    if any(address.startswith(_REFUSED) for address in answer.addresses):
        return Score(Status.UNKNOWN, Quality.ERROR, f"query refused ({answer.addresses[0]}): {_HINT}")
    if len(answer.addresses) > 1 or not answer.addresses[0].startswith(_SCORE):
        said = ", ".join(answer.addresses)
        return Score(Status.UNKNOWN, Quality.INVALID_SOURCE, f"answered {said}, which is no score")
    value = int(answer.addresses[0].removeprefix(_SCORE))
    if value > 100:
        return Score(Status.UNKNOWN, Quality.INVALID_SOURCE, f"answered {value}, which is no score")
    return Score(_band(value, settings), Quality.OK, f"Sender Score {value}", float(value))


def _band(value: int, settings: SenderScoreSettings) -> Status:
    if value < settings.bad_below:
        return Status.BAD
    return Status.GOOD if value >= settings.good_from else Status.WARN


class SenderScoreCollector:
    """Asks for the score of every IPv4 address; there are no scores for IPv6."""

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
        asked: list[IpAddress] = [ip for ip in dict.fromkeys(ips) if ip.version == 4]
        if not asked:
            return Collected(self.name)
        scores = await self._scores(asked)
        readings = [self._reading(ip, scores[ip], now) for ip in asked]
        return Collected(self.name, readings, [_outcome(list(scores.values()))])

    async def aclose(self) -> None:
        """Nothing is held between rounds."""

    async def _scores(self, ips: list[IpAddress]) -> dict[IpAddress, Score]:
        resolver = self._open_resolver()
        # one zone only: its silence is the resolver's, as far as can be told
        patience = Patience()
        scores: dict[IpAddress, Score] = {}

        async def ask(ip: IpAddress) -> None:
            answer = Answer(AnswerKind.TIMEOUT)
            if patience.is_worth_asking(self._settings.zone):
                answer = await resolver.addresses(f"{reversed_labels(ip)}.{self._settings.zone}")
                patience.note(self._settings.zone, answer.kind)
            scores[ip] = read(answer, self._settings)

        try:
            await pool.run(ips, ask, self._settings.concurrency)
        finally:
            await resolver.aclose()
        return scores

    def _reading(self, ip: IpAddress, score: Score, now: datetime) -> Reading:
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
            evidence={"zone": self._settings.zone},
        )


def _outcome(scores: list[Score]) -> SourceOutcome:
    """No data is an answer; anything else unknown, for more than half of the IPs, is a failure."""
    problems = [s for s in scores if s.status is Status.UNKNOWN and s.quality is not Quality.NO_DATA]
    if 2 * len(problems) <= len(scores):
        return SourceOutcome(SenderScoreCollector.name, OutcomeKind.ANSWERED)
    broken = all(s.quality is Quality.INVALID_SOURCE for s in problems)
    kind = OutcomeKind.UNTRUSTED if broken else OutcomeKind.FAILED
    return SourceOutcome(SenderScoreCollector.name, kind, problems[0].detail)
