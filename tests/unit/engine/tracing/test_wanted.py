"""Which connections a trace is about."""

from dataclasses import replace
from ipaddress import ip_address

import pytest

from engine.tracing.wanted import Subject, Wanted

SUBJECT = Subject("yahoo.test", "marketing", "yahoo", ip_address("203.0.113.7"), "10.0.0.7")


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(),
        Wanted(domain="yahoo.test"),
        Wanted(vmta="marketing"),
        Wanted(domain="yahoo.test", vmta="marketing"),
        Wanted(source_ip=ip_address("203.0.113.7")),
        Wanted(provider="yahoo", source_ip=ip_address("203.0.113.7")),
    ],
    ids=str,
)
def test_a_connection_fits_when_all_that_was_asked_for_fits(wanted: Wanted) -> None:
    assert wanted.takes(SUBJECT)


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(domain="mail.yahoo.test"),
        Wanted(vmta="bills"),
        Wanted(domain="yahoo.test", vmta="bills"),
        Wanted(source_ip=ip_address("203.0.113.8")),
        Wanted(source_ip=ip_address("10.0.0.7")),
        Wanted(source_ip=ip_address("203.0.113.7"), provider="google"),
    ],
    ids=str,
)
def test_one_part_that_does_not_fit_is_enough(wanted: Wanted) -> None:
    assert not wanted.takes(SUBJECT)


def test_what_failed_before_a_source_ip_was_chosen_belongs_to_none() -> None:
    early = replace(SUBJECT, source_ip=None, provider=None)
    assert Wanted(domain="yahoo.test").takes(early)
    assert not Wanted(source_ip=ip_address("203.0.113.7")).takes(early)
    assert not Wanted(provider="yahoo").takes(early)


def test_a_wish_is_said_in_words() -> None:
    assert str(Wanted(vmta="marketing", source_ip=ip_address("203.0.113.7"), provider="yahoo")) == (
        "*/marketing from 203.0.113.7 at yahoo"
    )
    assert str(Wanted()) == "any queue"
