from datetime import datetime, timedelta

from core.incident import IncidentKind
from core.reading import Quality, Source
from monitor.detection.blind import Sight, blind, sight
from monitor.detection.finding import Finding, FindingState
from monitor.detection.settings import DetectionSettings
from monitor.health import SourceHealth, SourceState
from tests.unit.monitor.watching import IP, START, clean, score, unknown

RULES = DetectionSettings()
NOW = START + timedelta(hours=12)


def judged(sights: list[Sight], *sources: SourceHealth, since: datetime = START) -> dict[str, FindingState]:
    found: list[Finding] = blind(sights, sources, NOW, since, RULES)
    assert all(f.kind is IncidentKind.SOURCE and f.ip is None for f in found)
    return {f.title: f.state for f in found}


def seen(zone: str, hours_ago: float, ip_offset: int = 0) -> Sight:
    return Sight(IP + ip_offset, Source.DNSBL, zone, NOW - timedelta(hours=hours_ago), NOW, "timeout")


def test_a_list_that_answered_within_three_polls_sees() -> None:
    assert judged([seen("a.example", 2.9)]) == {"blind on a.example": FindingState.CLEAR}


def test_a_list_silent_for_more_than_three_polls_is_blind() -> None:
    assert judged([seen("a.example", 3.1)]) == {"blind on a.example": FindingState.ACTIVE}


def test_it_is_one_finding_however_many_ips_are_not_answered_about() -> None:
    sights = [seen("a.example", 5, n) for n in range(50)]
    assert judged(sights) == {"blind on a.example": FindingState.ACTIVE}


def test_a_few_unanswered_ips_are_not_blindness() -> None:
    sights = [seen("a.example", 5), *(seen("a.example", 0.5, n) for n in range(1, 4))]
    assert judged(sights) == {"blind on a.example": FindingState.CLEAR}


def test_after_a_pause_of_ours_sources_get_their_time_and_the_pause_is_no_answer() -> None:
    hour_ago = NOW - timedelta(hours=1)
    assert judged([seen("a.example", 100)], since=hour_ago) == {"blind on a.example": FindingState.SUSPECT}
    assert judged([seen("a.example", 0.5)], since=hour_ago) == {"blind on a.example": FindingState.CLEAR}


def test_a_new_start_says_nothing_about_the_resolver_until_most_lists_have_answered() -> None:
    hour_ago = NOW - timedelta(hours=1)
    silent = [seen(f"{n}.example", 100) for n in range(3)]
    states = judged([*silent, seen("good.example", 0)], since=hour_ago)
    assert "blind on the DNS lists" not in states
    better = judged([silent[0], *(seen(f"good{n}.example", 0) for n in range(3))], since=hour_ago)
    assert better["blind on the DNS lists"] is FindingState.CLEAR


def test_an_account_that_answered_before_the_new_start_and_not_since_is_no_news() -> None:
    health = SourceHealth(
        name="snds:main",
        state=SourceState.BLIND,
        last_attempt_at=NOW,
        last_success_at=NOW - timedelta(days=5),
    )
    states = judged([], health, since=NOW - timedelta(hours=1))
    assert states == {"blind on Microsoft SNDS, account main": FindingState.SUSPECT}


def test_most_lists_silent_is_one_finding_about_the_resolver() -> None:
    sights = [seen(f"{n}.example", 5) for n in range(3)] + [seen("good.example", 0)]
    assert judged(sights) == {
        "blind on good.example": FindingState.CLEAR,
        "blind on the DNS lists": FindingState.ACTIVE,
    }


def test_a_list_that_is_asked_once_a_day_is_not_blind_after_three_hours() -> None:
    daily = SourceHealth(
        name="dnsbl:a.example",
        state=SourceState.HEALTHY,
        last_success_at=NOW - timedelta(hours=30),
        last_attempt_at=NOW,
    )
    unit = (Source.DNSBL, "a.example")
    since = NOW - timedelta(days=9)

    def state(cadence: timedelta) -> FindingState:
        return blind([], [daily], NOW, since, RULES, {unit: cadence})[0].state

    assert state(timedelta(hours=24)) is FindingState.CLEAR
    assert state(timedelta(hours=9)) is FindingState.ACTIVE
    assert state(timedelta(0)) is FindingState.ACTIVE


def test_a_list_that_was_taken_out_is_not_missed() -> None:
    gone = Sight(IP, Source.DNSBL, "old.example", START - timedelta(days=9), START - timedelta(days=9))
    assert judged([gone, seen("a.example", 0)]) == {"blind on a.example": FindingState.CLEAR}


def test_no_data_is_an_answer() -> None:
    nothing = score(0, 90).model_copy(update={"quality": Quality.NO_DATA, "value": None})
    assert sight([nothing]).seen_at == nothing.observed_at


def test_a_series_that_never_answered_is_measured_from_the_first_try() -> None:
    tries = [unknown(START + timedelta(hours=n)) for n in range(5)]
    assert sight(tries).seen_at == START
    assert sight([clean(START - timedelta(hours=1)), *tries]).seen_at == START - timedelta(hours=1)


def test_a_quarantined_source_is_told_at_once() -> None:
    health = SourceHealth(
        name="dnsbl:a.example", state=SourceState.QUARANTINED, last_attempt_at=NOW, reason="lists the world"
    )
    assert judged([seen("a.example", 0)], health) == {"blind on a.example": FindingState.ACTIVE}


def test_an_snds_account_is_blind_after_three_days_whatever_rows_there_are() -> None:
    def account(days: float) -> SourceHealth:
        at = NOW - timedelta(days=days)
        return SourceHealth(
            name="snds:main", state=SourceState.FAILING, last_success_at=at, last_attempt_at=NOW
        )

    long_ago = START - timedelta(days=30)
    title = "blind on Microsoft SNDS, account main"
    assert judged([], account(2.9), since=long_ago) == {title: FindingState.CLEAR}
    assert judged([], account(3.1), since=long_ago) == {title: FindingState.ACTIVE}


def test_an_engine_that_answered_once_is_missed_after_half_an_hour_and_one_that_never_did_is_not() -> None:
    def engine(minutes: float | None) -> SourceHealth:
        at = None if minutes is None else NOW - timedelta(minutes=minutes)
        return SourceHealth(name="engine", state=SourceState.BLIND, last_success_at=at, last_attempt_at=NOW)

    title = "blind on mail servers' replies"
    assert judged([], engine(29)) == {title: FindingState.CLEAR}
    assert judged([], engine(31)) == {title: FindingState.ACTIVE}
    assert judged([], engine(None)) == {title: FindingState.SUSPECT}, "starts nothing and ends nothing"


def test_the_silence_of_another_monitor_is_not_blindness() -> None:
    sender = SourceHealth(
        name="alerts:hetrix", last_success_at=START - timedelta(days=90), last_attempt_at=NOW
    )
    assert judged([], sender) == {}
