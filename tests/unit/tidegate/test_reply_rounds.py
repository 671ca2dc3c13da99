"""What the controller heard from the engine, cut into rounds for the monitor."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from controller.reconciler import TickReport
from controller.settings import Mode
from core.reading import Reading
from core.statistics import ScopeMinute
from monitor.health import OutcomeKind
from monitor.replies.hours import Count, ReplyHistory
from monitor.replies.settings import ReplySettings
from tidegate.reply_rounds import rounds

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def history() -> ReplyHistory:
    return ReplyHistory(ReplySettings())


def minutes(ips: int) -> tuple[ScopeMinute, ...]:
    first = ip_address("203.0.113.1")
    return tuple(
        ScopeMinute(source_ip=first + n, provider="google", minute=NOON - timedelta(hours=1), delivered=9)
        for n in range(ips)
    )


def test_a_large_fleets_hour_comes_in_pieces_and_the_engine_is_noted_once() -> None:
    found = rounds(TickReport(NOON, Mode.ADVISE, minutes=minutes(120)), history())
    readings: list[Reading] = [reading for each in found for reading in each.readings]
    assert len(readings) == 120 * len(Count)
    assert max(len(each.readings) for each in found) <= 200
    assert [o.kind for each in found for o in each.outcomes] == [OutcomeKind.ANSWERED]


def test_an_engine_with_nothing_new_answered_all_the_same() -> None:
    (only,) = rounds(TickReport(NOON, Mode.ADVISE, minutes=()), history())
    assert (only.readings, [o.kind for o in only.outcomes]) == ([], [OutcomeKind.ANSWERED])


def test_an_engine_that_is_away_is_a_source_that_failed() -> None:
    (only,) = rounds(TickReport(NOON, Mode.ADVISE, failure="the engine does not answer"), history())
    assert [(o.name, o.kind, o.reason) for o in only.outcomes] == [
        ("engine", OutcomeKind.FAILED, "the engine does not answer")
    ]


def test_a_controller_that_may_not_ask_says_nothing_about_the_engine() -> None:
    assert rounds(TickReport(NOON, Mode.ADVISE, failure="epoch 3 is over", is_fenced=True), history()) == []
