"""What an answer of the Sender Score zone means, and what it must never be taken for."""

from datetime import UTC, datetime
from ipaddress import ip_address

import pytest

from core.reading import Quality, Source, Status
from monitor.collectors.collected import Collected
from monitor.collectors.sender_score import Said, SenderScoreCollector, read
from monitor.collectors.settings import ResolverSettings, SenderScoreSettings
from monitor.health import OutcomeKind
from monitor.resolver import Answer, AnswerKind, ScriptedResolver

NOW = datetime(2026, 11, 23, 17, 30, tzinfo=UTC)
SETTINGS = SenderScoreSettings()


def score(address: str) -> Answer:
    return Answer(AnswerKind.ADDRESSES, (address,), 10)


@pytest.mark.parametrize(
    ("answer", "status", "quality", "value"),
    [
        (score("127.0.4.100"), Status.GOOD, Quality.OK, 100),
        (score("127.0.4.80"), Status.GOOD, Quality.OK, 80),
        (score("127.0.4.79"), Status.WARN, Quality.OK, 79),
        (score("127.0.4.70"), Status.WARN, Quality.OK, 70),
        (score("127.0.4.69"), Status.BAD, Quality.OK, 69),
        (score("127.0.4.0"), Status.BAD, Quality.OK, 0),
        (score("127.0.4.101"), Status.UNKNOWN, Quality.INVALID_SOURCE, None),
        (score("127.0.0.99"), Status.UNKNOWN, Quality.INVALID_SOURCE, None),
        (score("203.0.113.80"), Status.UNKNOWN, Quality.INVALID_SOURCE, None),
        (score("127.255.255.255"), Status.UNKNOWN, Quality.ERROR, None),
        (score("127.255.255.254"), Status.UNKNOWN, Quality.ERROR, None),
        (
            Answer(AnswerKind.ADDRESSES, ("127.0.4.90", "127.0.4.91")),
            Status.UNKNOWN, Quality.INVALID_SOURCE, None,
        ),
        (Answer(AnswerKind.NXDOMAIN), Status.UNKNOWN, Quality.NO_DATA, None),
        (Answer(AnswerKind.NODATA), Status.UNKNOWN, Quality.ERROR, None),
        (Answer(AnswerKind.SERVFAIL), Status.UNKNOWN, Quality.ERROR, None),
        (Answer(AnswerKind.REFUSED), Status.UNKNOWN, Quality.ERROR, None),
        (Answer(AnswerKind.TIMEOUT), Status.UNKNOWN, Quality.ERROR, None),
    ],
)  # fmt: skip
def test_the_table_of_answers(answer: Answer, status: Status, quality: Quality, value: float | None) -> None:
    found = read(answer, SETTINGS)
    assert (found.status, found.quality, found.value) == (status, quality, value)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (score("127.0.4.0"), Said.SCORE),
        (Answer(AnswerKind.NXDOMAIN), Said.NO_SCORE),
        (score("127.255.255.255"), Said.REFUSED),
        (score("127.0.0.2"), Said.NO_SUCH_ANSWER),
        (Answer(AnswerKind.REFUSED), Said.SILENCE),
        (Answer(AnswerKind.NODATA), Said.SILENCE),
    ],
)
def test_a_score_no_score_a_refusal_and_silence_are_told_apart(answer: Answer, said: Said) -> None:
    assert read(answer, SETTINGS).said is said


def test_a_refusal_says_what_to_do() -> None:
    assert "my.validity.com" in read(score("127.255.255.255"), SETTINGS).detail


def test_the_bands_are_settings() -> None:
    strict = SenderScoreSettings(good_from=95, bad_below=90)
    assert [read(score(f"127.0.4.{n}"), strict).status for n in (95, 94, 89)] == [
        Status.GOOD, Status.WARN, Status.BAD,
    ]  # fmt: skip


async def test_one_reading_per_ipv4_address_and_utc_day() -> None:
    resolver = ScriptedResolver({"7.113.0.203.score.test": score("127.0.4.83")})
    asked = SenderScoreCollector(
        SenderScoreSettings(zone="score.test"), ResolverSettings(), open_resolver=lambda: resolver
    )
    collected = await asked.collect([ip_address("203.0.113.7"), ip_address("2001:db8::7")], NOW)
    (reading,) = collected.readings
    assert (reading.source, reading.value) == (Source.SENDER_SCORE, 83)
    assert reading.period_start == datetime(2026, 11, 23, tzinfo=UTC)
    assert reading.period_end == datetime(2026, 11, 24, tzinfo=UTC)
    assert reading.observed_at == NOW
    assert [o.kind for o in collected.outcomes] == [OutcomeKind.ANSWERED]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(AnswerKind.NXDOMAIN), OutcomeKind.ANSWERED),
        (score("127.255.255.255"), OutcomeKind.FAILED),
        (Answer(AnswerKind.TIMEOUT), OutcomeKind.FAILED),
        (score("203.0.113.80"), OutcomeKind.UNTRUSTED),
    ],
)
async def test_no_data_is_an_answer_and_a_refusal_is_not(answer: Answer, kind: OutcomeKind) -> None:
    resolver = ScriptedResolver({"7.113.0.203.score.senderscore.com": answer})
    asked = SenderScoreCollector(SETTINGS, ResolverSettings(), open_resolver=lambda: resolver)
    collected = await asked.collect([ip_address("203.0.113.7")], NOW)
    assert [o.kind for o in collected.outcomes] == [kind]


NAMES = {n: f"{n}.113.0.203.score.senderscore.com" for n in range(1, 31)}
FLEET = [ip_address(f"203.0.113.{n}") for n in NAMES]


class Remembering(ScriptedResolver):
    """Still knows what it was asked after it is closed."""

    async def aclose(self) -> None:
        """Keep everything."""


async def asked_with(answers: dict[str, Answer], **settings: object) -> tuple[Collected, list[str]]:
    resolver = Remembering(answers)
    collector = SenderScoreCollector(
        SenderScoreSettings.model_validate(settings), ResolverSettings(), open_resolver=lambda: resolver
    )
    return await collector.collect(FLEET, NOW), resolver.asked


async def test_a_refused_resolver_is_refused_one_question_only() -> None:
    collected, asked = await asked_with(dict.fromkeys(NAMES.values(), score("127.255.255.255")))
    assert asked == [NAMES[1]]
    assert {(r.status, r.quality, r.value) for r in collected.readings} == {
        (Status.UNKNOWN, Quality.ERROR, None)
    }
    assert len(collected.readings) == len(FLEET)


async def test_a_refusal_in_mid_round_ends_the_questions_and_keeps_the_scores() -> None:
    answers = {name: score("127.0.4.90" if n <= 20 else "127.255.255.255") for n, name in NAMES.items()}
    collected, asked = await asked_with(answers, concurrency=1)
    assert len(asked) == 21
    assert [r.value for r in collected.readings] == [90.0] * 20 + [None] * 10
    (outcome,) = collected.outcomes
    assert outcome.kind is OutcomeKind.ANSWERED
    assert "10 of 30 IPs: query refused" in outcome.reason


PROBE = {"probe_ip": "192.0.2.99"}
PROBE_NAME = "99.2.0.192.score.senderscore.com"


async def test_nobody_is_asked_about_until_the_probe_has_a_score() -> None:
    scored = dict.fromkeys(NAMES.values(), score("127.0.4.12"))
    for answer, kind in (
        (score("127.255.255.255"), OutcomeKind.FAILED),
        (Answer(AnswerKind.TIMEOUT), OutcomeKind.FAILED),
        (Answer(AnswerKind.NXDOMAIN), OutcomeKind.UNTRUSTED),
        (score("203.0.113.80"), OutcomeKind.UNTRUSTED),
    ):
        collected, asked = await asked_with({PROBE_NAME: answer, **scored}, **PROBE)
        assert asked == [PROBE_NAME]
        assert {r.status for r in collected.readings} == {Status.UNKNOWN}
        assert {r.value for r in collected.readings} == {None}
        assert collected.outcomes[0].kind is kind


async def test_after_the_probe_has_a_score_everybody_is_asked_about() -> None:
    scored = dict.fromkeys(NAMES.values(), score("127.0.4.12"))
    collected, asked = await asked_with({PROBE_NAME: score("127.0.4.55"), **scored}, **PROBE)
    assert len(asked) == 31
    assert {r.value for r in collected.readings} == {12.0}
