import pytest
from controller_world import HOUR, MINUTE, NOON, SECOND, SETTINGS, incident, minute, scope

from controller import evidence
from controller.evidence import Counts, Effect, Signal
from core.incident import IncidentKind, Rule, Severity
from core.lease import Scope
from core.reading import Source
from core.statistics import ScopeMinute
from storage.scopes import ScopeHour

PROVIDERS = ("microsoft", "google", "yahoo", "other", "*")
CRITICAL, WARNING = Severity.CRITICAL, Severity.WARNING


@pytest.mark.parametrize(
    ("rule", "tier", "severity", "levels"),
    [
        # what                          microsoft google yahoo other *
        (Rule.DNSBL_LISTED, 1, CRITICAL, (0.1, 0.5, 0.1, 0.1, None)),
        (Rule.DNSBL_LISTED, 2, CRITICAL, (None, None, None, 0.5, None)),
        (Rule.DNSBL_LISTED, 3, CRITICAL, (None, None, None, None, None)),
        (Rule.SNDS_RED, 3, CRITICAL, (0.2, None, None, None, None)),
        (Rule.SNDS_NON_GREEN, 3, WARNING, (0.5, None, None, None, None)),
        (Rule.SNDS_BLOCKED, 3, CRITICAL, (0.2, None, None, None, None)),
        (Rule.SNDS_JUNKED, 3, WARNING, (0.5, None, None, None, None)),
        (Rule.SNDS_COMPLAINTS, 3, WARNING, (0.5, None, None, None, None)),
        (Rule.SNDS_TRAP_HITS, 3, WARNING, (0.5, None, None, None, 0.8)),
        (Rule.SNDS_TRAP_HITS, 3, CRITICAL, (0.3, None, None, None, 0.8)),
        (Rule.SENDER_SCORE_DROP, 3, WARNING, (None, None, None, None, 0.7)),
        (Rule.SENDER_SCORE_LOW, 3, WARNING, (None, None, None, None, None)),
        (Rule.SENDER_SCORE_LOW, 3, CRITICAL, (None, None, None, None, 0.5)),
        (Rule.ALERT, 3, CRITICAL, (None, None, None, None, 0.2)),
        (Rule.ALERT, 3, WARNING, (None, None, None, None, 0.5)),
        (Rule.ALERT, 3, Severity.INFO, (None, None, None, None, None)),
        (Rule.DECREASE, 3, WARNING, (None, None, None, None, None)),
        (Rule.BLIND, 3, WARNING, (None, None, None, None, None)),
    ],
)
def test_each_rule_caps_where_the_table_says(
    rule: Rule, tier: int, severity: Severity, levels: tuple[float | None, ...]
) -> None:
    one = incident(rule, tier=tier, severity=severity)
    assert tuple(evidence.cap(one, provider, SETTINGS.caps) for provider in PROVIDERS) == levels


def test_an_alert_that_names_a_provider_caps_there_alone() -> None:
    one = incident(Rule.ALERT).model_copy(update={"provider": "google", "source": Source.ALERT})
    levels = [evidence.cap(one, provider, SETTINGS.caps) for provider in PROVIDERS]
    assert levels == [None, 0.2, None, None, None]


def test_an_alert_that_stands_speaks_of_now_and_an_snds_day_of_its_day() -> None:
    alert = incident(Rule.ALERT, at=NOON - 5 * HOUR).model_copy(update={"source": Source.ALERT})
    day = incident(Rule.SNDS_RED, at=NOON - 5 * HOUR)
    ends = [
        evidence.from_incidents([one], scope(provider), (), NOON, SETTINGS.caps)[0].period_end
        for one, provider in ((alert, "*"), (day, "microsoft"))
    ]
    assert ends == [NOON, NOON - 5 * HOUR]


def test_when_the_engine_is_not_heard_recovery_from_replies_freezes() -> None:
    blind = evidence.blind_sources(
        [incident(Rule.BLIND, metric="").model_copy(update={"source": Source.REPLIES})]
    )
    assert evidence.is_blind("replies", blind)
    assert not evidence.is_blind("dnsbl:any", blind)


def test_every_rule_is_in_the_table_or_is_only_told() -> None:
    counted_for_itself = {Rule.COMPLAINTS, Rule.HARD_BOUNCES, Rule.REPUTATION_DEFERRALS, Rule.BLOCKS}
    assert set(Rule) - set(evidence._CAPS) == {Rule.DECREASE, Rule.BLIND, Rule.ACCESS} | counted_for_itself


def test_only_incidents_about_this_ip_count() -> None:
    others = [incident(ip="203.0.113.8"), incident(kind=IncidentKind.SOURCE)]
    assert evidence.from_incidents(others, scope(), (), NOON, SETTINGS.caps) == []


def test_an_override_takes_a_rule_or_one_problem_out() -> None:
    one = incident()
    for pattern in ("dnsbl-listed", one.fingerprint, "ip:*:zen.example", "*"):
        assert evidence.from_incidents([one], scope(), (pattern,), NOON, SETTINGS.caps) == []
    assert len(evidence.from_incidents([one], scope(), ("snds-red",), NOON, SETTINGS.caps)) == 1


def found(*minutes: object, since: object = None) -> list[tuple[str, float]]:
    signals = evidence.from_replies(minutes, scope(), since, NOON, SETTINGS.replies)  # type: ignore[arg-type]
    return [(s.rule, s.value) for s in signals]


def test_the_share_of_reputation_deferrals_decides_the_cut() -> None:
    assert found(minute(NOON, delivered=1000, reputation_deferred=30)) == []
    assert found(minute(NOON, delivered=1000, reputation_deferred=60)) == [("replies-deferred", 0.7)]
    assert found(minute(NOON, delivered=50, reputation_deferred=50)) == [("replies-deferred", 0.4)]


def test_blocks_cut_hardest() -> None:
    assert found(minute(NOON, delivered=10, blocked=10, reputation_deferred=10)) == [("replies-blocked", 0.2)]


def test_one_or_two_lonely_events_cut_nothing() -> None:
    assert found(minute(NOON, reputation_deferred=2)) == []
    assert found(minute(NOON, blocked=2)) == []
    assert found(minute(NOON, blocked=3)) == [("replies-blocked", 0.2)]


def hour_of_good_mail(*, last: ScopeMinute) -> list[Signal]:
    good = [minute(NOON - n * MINUTE, delivered=600) for n in range(1, 60)]
    return evidence.from_replies([*good, last], scope(), None, NOON + 30 * SECOND, SETTINGS.replies)


def test_an_hour_of_good_mail_does_not_hide_a_burst_of_blocks() -> None:
    (signal,) = hour_of_good_mail(last=minute(NOON, delivered=60, blocked=40))
    assert (signal.value, signal.rule) == (0.2, "replies-blocked")
    assert signal.text == "microsoft blocked 40 of 100 recipients: surely more than 10%"
    (heavy,) = hour_of_good_mail(last=minute(NOON, delivered=60, reputation_deferred=40))
    assert heavy.value == 0.4


def test_a_few_replies_and_mild_trouble_are_no_burst() -> None:
    assert hour_of_good_mail(last=minute(NOON, delivered=3, blocked=9)) == []
    assert hour_of_good_mail(last=minute(NOON, delivered=90, reputation_deferred=15)) == []


def test_replies_older_than_an_hour_or_than_the_last_cut_do_not_count() -> None:
    bad = minute(NOON - 30 * MINUTE, reputation_deferred=50)
    assert found(bad) != []
    assert found(minute(NOON - 61 * MINUTE, reputation_deferred=50)) == []
    assert found(bad, since=NOON - 29 * MINUTE) == []


def test_the_newest_reply_is_quoted_and_made_safe() -> None:
    text = "421 RP-001 \x1b[31mslow\u202e down"
    (signal,) = evidence.from_replies(
        [minute(NOON, reputation_deferred=9, last_reply=text)], scope(), None, NOON, SETTINGS.replies
    )
    assert "“421 RP-001 [31mslow down”" in signal.text
    assert "\x1b" not in signal.text


def hours(delivered: int, *, complaints: int = 0, hard_bounced: int = 0, count: int = 5) -> list[ScopeHour]:
    return [
        ScopeHour(
            scope=scope(), hour=NOON - n * HOUR, delivered=delivered, complaints=complaints,
            hard_bounced=hard_bounced,
        )
        for n in range(1, count + 1)
    ]  # fmt: skip


def counted(given_: list[ScopeHour], where: Scope, since: object = None) -> list[str]:
    return [s.rule for s in evidence.from_counts(given_, where, since, NOON, SETTINGS.counts)]  # type: ignore[arg-type]


def test_complaints_cut_at_their_provider_and_hard_bounces_everywhere() -> None:
    assert counted(hours(1000, complaints=5), scope()) == ["complaints"]
    assert counted(hours(1000, complaints=5), scope("*")) == []
    assert counted(hours(100, hard_bounced=30), scope("*")) == ["hard-bounces"]
    assert counted(hours(100, hard_bounced=30), scope()) == []


def test_usual_complaints_and_bounces_cut_nothing() -> None:
    assert counted(hours(2000, complaints=1, count=48), scope()) == []
    assert counted(hours(100, hard_bounced=2, count=48), scope("*")) == []


def test_hours_that_began_before_the_last_cut_are_stale() -> None:
    assert counted(hours(1000, complaints=5), scope(), since=NOON) == []


def test_blind_sources_are_named_as_signals_name_them() -> None:
    blind = evidence.blind_sources(
        [incident(Rule.BLIND, metric="zen.example"), incident(Rule.DNSBL_LISTED, metric="other.example")]
    )
    assert blind == {"dnsbl:zen.example"}
    assert evidence.is_blind("dnsbl:zen.example", blind)
    assert not evidence.is_blind("dnsbl:other.example", blind)
    for metric in ("", "every-zone"):
        everything = evidence.blind_sources([incident(Rule.BLIND, metric=metric)])
        assert evidence.is_blind("dnsbl:any", everything)
        assert not evidence.is_blind("snds", everything)


def test_a_listing_is_as_new_as_the_look_and_snds_as_old_as_its_day() -> None:
    day_ago = NOON - 24 * HOUR
    for rule, end in ((Rule.DNSBL_LISTED, NOON), (Rule.SNDS_RED, day_ago)):
        (signal,) = evidence.from_incidents([incident(rule, at=day_ago)], scope(), (), NOON, SETTINGS.caps)
        assert signal.period_end == end


def test_gathering_the_same_twice_is_gathering_it_once() -> None:
    listed = [incident(), incident()]
    bad = [minute(NOON, reputation_deferred=50)]
    signals = evidence.gather(scope(), listed, Counts(bad), (), None, NOON, SETTINGS)
    assert [(s.effect, s.value) for s in signals] == [(Effect.CAP, 0.1), (Effect.REPLY, 0.4)]
    assert signals == evidence.gather(scope(), listed[:1], Counts(bad), (), None, NOON, SETTINGS)


def test_an_override_of_a_measured_rule_takes_it_out() -> None:
    bad = [minute(NOON, reputation_deferred=50)]
    assert evidence.gather(scope(), [], Counts(bad), ("replies-*",), None, NOON, SETTINGS) == ()


def test_snds_goes_blind_as_a_whole_and_each_dns_list_by_itself() -> None:
    assert evidence.source_name(Source.SNDS_DATA, "trap-hits") == "snds"
    assert evidence.source_name(Source.SNDS_STATUS, "") == "snds"
    assert evidence.source_name(Source.DNSBL, "zen.example") == "dnsbl:zen.example"
    assert evidence.source_name(Source.SENDER_SCORE, "") == "sender-score"
