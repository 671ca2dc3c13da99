"""What an answer of the Sender Score zone means, and what it must never be taken for."""

from datetime import UTC, datetime
from ipaddress import ip_address

import pytest

from core.reading import Quality, Source, Status
from monitor.collectors.sender_score import SenderScoreCollector, read
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
