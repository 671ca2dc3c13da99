"""The health of a source: every pair of the machine, and the story of an outage."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from monitor.health import (
    PATIENCE,
    REMEMBERED,
    TRANSITIONS,
    HealthEvent,
    OutcomeKind,
    SourceHealth,
    SourceOutcome,
    SourceState,
    Trigger,
    after,
    from_row,
    to_row,
)

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def outcome(kind: OutcomeKind, reason: str = "") -> SourceOutcome:
    return SourceOutcome("dnsbl:zen.spamhaus.org", kind, reason)


@pytest.mark.parametrize(("state", "trigger"), list(product(SourceState, Trigger)))
def test_every_pair_of_the_machine_leads_somewhere_sensible(state: SourceState, trigger: Trigger) -> None:
    later = TRANSITIONS[state][trigger]
    assert later is not SourceState.NEW
    if trigger is Trigger.ANSWERED:
        assert later is SourceState.HEALTHY
    elif trigger is Trigger.UNTRUSTED or state is SourceState.QUARANTINED:
        assert later is SourceState.QUARANTINED
    else:
        assert later in {SourceState.FAILING, SourceState.BLIND}
    if state is SourceState.BLIND and trigger is Trigger.FAILED:
        assert later is SourceState.BLIND


def story(*kinds: OutcomeKind) -> tuple[list[SourceState], list[HealthEvent | None]]:
    health = SourceHealth(name="dnsbl:zen.spamhaus.org")
    states, events = [], []
    for hours, kind in enumerate(kinds):
        health, event = after(health, outcome(kind, "silence"), NOW + timedelta(hours=hours))
        states.append(health.state)
        events.append(event)
    return states, events


def test_an_outage_is_told_once_when_patience_ends_and_once_when_it_is_over() -> None:
    ok, bad = OutcomeKind.ANSWERED, OutcomeKind.FAILED
    states, events = story(ok, bad, bad, bad, bad, ok, ok)
    assert states == [
        SourceState.HEALTHY, SourceState.FAILING, SourceState.FAILING, SourceState.BLIND,
        SourceState.BLIND, SourceState.HEALTHY, SourceState.HEALTHY,
    ]  # fmt: skip
    assert events == [None, None, None, HealthEvent.WENT_BLIND, None, HealthEvent.RECOVERED, None]


def test_a_single_failure_is_not_told() -> None:
    assert story(OutcomeKind.ANSWERED, OutcomeKind.FAILED, OutcomeKind.ANSWERED)[1] == [None, None, None]


def test_a_quarantine_is_lifted_by_an_answer_alone() -> None:
    states, events = story(
        OutcomeKind.UNTRUSTED, *[OutcomeKind.FAILED] * (PATIENCE + 1), OutcomeKind.ANSWERED
    )
    assert states[:-1] == [SourceState.QUARANTINED] * (PATIENCE + 2)
    assert events[0] is HealthEvent.QUARANTINED
    assert events[-1] is HealthEvent.RECOVERED


def test_health_remembers_when_and_why() -> None:
    healthy, _ = after(SourceHealth(name="s"), outcome(OutcomeKind.ANSWERED), NOW)
    failing, _ = after(healthy, outcome(OutcomeKind.FAILED, "no answer"), NOW + timedelta(hours=1))
    assert failing.last_success_at == NOW
    assert failing.last_attempt_at == failing.since == NOW + timedelta(hours=1)
    assert (failing.last_error, failing.consecutive_failures) == ("no answer", 1)
    healed, _ = after(failing, outcome(OutcomeKind.ANSWERED), NOW + timedelta(hours=2))
    assert (healed.last_error, healed.consecutive_failures) == ("no answer", 0)


def test_health_survives_storage() -> None:
    failing, _ = after(SourceHealth(name="s"), outcome(OutcomeKind.FAILED, "no answer"), NOW)
    back = from_row(to_row(failing))
    assert back == failing.model_copy(update={"since": NOW})


@pytest.mark.parametrize("state", SourceState)
def test_only_a_healthy_or_stumbling_source_can_be_trusted(state: SourceState) -> None:
    trusted = {SourceState.HEALTHY, SourceState.FAILING}
    assert state.can_be_trusted == (state in trusted)


def test_since_survives_storage_even_when_it_is_not_the_last_success() -> None:
    health = SourceHealth(name="s")
    for hour, kind in enumerate([OutcomeKind.ANSWERED, OutcomeKind.UNTRUSTED, OutcomeKind.UNTRUSTED]):
        health, _ = after(health, outcome(kind, "lists the world"), NOW + timedelta(hours=hour))
    assert from_row(to_row(health)) == health
    assert (health.since, health.last_success_at) == (NOW + timedelta(hours=1), NOW)


def test_the_error_share_is_of_the_last_fifty_attempts() -> None:
    health = SourceHealth(name="s")
    assert health.error_share is None
    for kind in [OutcomeKind.FAILED] * 100 + [OutcomeKind.ANSWERED] * 30 + [OutcomeKind.UNTRUSTED] * 10:
        health, _ = after(health, outcome(kind), NOW)
    assert len(health.recent) == REMEMBERED
    assert health.error_share == 0.4  # 10 failures and 10 lies out of 50
