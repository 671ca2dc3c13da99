"""Addresses, chains, leases, texts, secrets, errors and the clock."""

import asyncio
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from core.address import SourceIp, contains, reversed_labels
from core.clock import NANOSECONDS, ManualClock, ScaledClock
from core.errors import ConfigError
from core.incident import Severity
from core.lease import Directive, Lease, Origin, Scope, automatic_key
from core.limit import LimitTerm, chain
from core.rate import UNLIMITED, Rate
from core.secret import Redactor
from core.text import printable

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def test_a_source_ip_binds_to_itself_unless_told_otherwise() -> None:
    plain = SourceIp.model_validate("203.0.113.7")
    behind_nat = SourceIp.model_validate({"address": "203.0.113.7", "bind": "10.0.0.7"})
    assert plain.bind == plain.address
    assert str(behind_nat.bind) == "10.0.0.7"


@pytest.mark.parametrize(
    ("address", "labels"),
    [
        ("203.0.113.7", "7.113.0.203"),
        ("2001:db8::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"),
    ],
)
def test_an_address_is_reversed_as_dns_lists_want_it(address: str, labels: str) -> None:
    assert reversed_labels(ip_address(address)) == labels


def test_families_never_match_each_other() -> None:
    networks = [ip_network("0.0.0.0/0")]
    assert contains(networks, ip_address("203.0.113.7"))
    assert not contains(networks, ip_address("2001:db8::1"))


def term(value: str, origin: Origin = Origin.CONFIGURATION) -> LimitTerm:
    return LimitTerm(directive="d", value=Rate.parse(value), origin=origin, set_by="x", reason="why")


@given(st.permutations(["unlimited", "100/h", "1/m", "5/s"]))
def test_a_chain_puts_the_strictest_first_and_marks_it(order: list[str]) -> None:
    made = chain("scope", "d", [term(text) for text in order])
    assert [str(t.value) for t in made.terms] == ["1/m", "100/h", "5/s", "unlimited"]
    assert [t.binding for t in made.terms] == [True, False, False, False]
    assert str(made.effective) == "1/m"


def test_where_nothing_limits_nothing_binds() -> None:
    made = chain("scope", "d", [term("unlimited")])
    assert made.effective == UNLIMITED
    assert not made.terms[0].binding


def test_a_lease_comes_back_from_json_as_it_went() -> None:
    scope = Scope.model_validate({"source_ip": "203.0.113.7", "provider": "microsoft"})
    lease = Lease(
        key=automatic_key(scope, Directive.SOURCE_IP_MAX_MSG_RATE),
        scope=scope,
        directive=Directive.SOURCE_IP_MAX_MSG_RATE,
        value=Rate.parse("60/h"),
        origin=Origin.CONTROLLER,
        reason="listed",
        set_by="controller",
        set_at=NOON,
        expires_at=NOON + timedelta(hours=6),
    )
    assert Lease.model_validate_json(lease.model_dump_json()) == lease
    assert lease.key == "auto:203.0.113.7:microsoft:source-ip-max-msg-rate"
    assert str(scope) == "203.0.113.7 × microsoft"


@pytest.mark.parametrize("origin", [Origin.BACKOFF, Origin.CONFIGURATION, Origin.PROVIDER])
def test_only_operators_and_the_controller_hold_leases(origin: Origin) -> None:
    with pytest.raises(ValueError, match="a lease comes from operator or controller"):
        Lease.model_validate(
            {
                "key": "k",
                "scope": {"source_ip": "203.0.113.7"},
                "directive": "source-ip-max-msg-rate",
                "value": "1/h",
                "origin": origin,
                "reason": "r",
                "set_by": "x",
                "set_at": NOON,
            }
        )


def test_strangers_words_cannot_move_the_cursor_or_the_reading_direction() -> None:
    assert printable("421 \x1b[2J\x07nice\r\n try\u202e later") == "421 [2J nice try later"
    assert printable("x" * 600).endswith("…")


@given(st.text())
def test_printable_text_is_one_line_without_control_characters(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable() or not shown
    assert len(shown) <= 500


def test_secrets_are_cut_out_wherever_they_stand() -> None:
    redact = Redactor([SecretStr("abc123"), "abc123xyz", ""])
    assert redact("https://x/?key=ABC123 abc123xyz.zen.test") == "https://x/?key=*** ***.zen.test"
    assert Redactor()("nothing to hide") == "nothing to hide"


def test_severities_have_an_order() -> None:
    assert Severity.CRITICAL.rank > Severity.WARNING.rank > Severity.INFO.rank


def test_a_configuration_error_says_where_what_and_what_instead() -> None:
    error = ConfigError(
        "unknown key 'hostnam'", remedy="did you mean hostname?", file="t.yaml", line=7, key="engine"
    )
    assert str(error) == "t.yaml:7: engine: unknown key 'hostnam' (did you mean hostname?)"


async def test_a_manual_clock_wakes_its_sleepers_in_order() -> None:
    clock, woken = ManualClock(), []

    async def sleep(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(name)

    tasks = [asyncio.create_task(sleep("late", 20)), asyncio.create_task(sleep("early", 10))]
    await asyncio.sleep(0)
    clock.advance(9.9)
    await asyncio.sleep(0)
    assert woken == []
    clock.advance(20)
    await asyncio.gather(*tasks)
    assert woken == ["early", "late"]
    assert clock.monotonic_ns() == round(29.9 * NANOSECONDS)


def test_a_scaled_clock_runs_ahead_from_its_origin() -> None:
    clock = ScaledClock(60, datetime.now(UTC) - timedelta(minutes=1))
    assert timedelta(minutes=59) < clock.now() - clock.origin < timedelta(minutes=62)
    assert clock.real_seconds(60) == 1


def test_a_clock_cannot_stand_still() -> None:
    with pytest.raises(ValueError, match="above 0"):
        ScaledClock(0, NOON)


def test_a_scaled_clock_shows_a_chosen_moment_at_the_present_one_and_runs_from_there() -> None:
    shown, present = datetime(2026, 3, 4, 6, tzinfo=UTC), datetime.now(UTC)
    clock = ScaledClock.showing(shown, present, 1_080)
    assert abs(clock.origin + (present - clock.origin) * 1_080 - shown) < timedelta(seconds=1)
    assert timedelta(seconds=-1) < clock.now() - shown < timedelta(hours=2)
