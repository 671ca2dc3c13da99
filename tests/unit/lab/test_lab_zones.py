"""What a zone answers, and how a story changes it."""

from ipaddress import ip_address

import pytest

from lab.zones import PARKED, REFUSAL, Behaviour, Outcome, Zones

LISTED = ip_address("203.0.113.7")
CLEAN = ip_address("203.0.113.8")
NAME = "7.113.0.203.sbl.lab.test"


@pytest.fixture
def zones() -> Zones:
    made = Zones()
    made.add_blocklist("sbl.lab.test")
    return made


def test_a_new_list_has_the_test_points_of_rfc_5782(zones: Zones) -> None:
    assert zones.ask("2.0.0.127.sbl.lab.test", "A").records == ("127.0.0.2",)
    assert zones.ask("1.0.0.127.sbl.lab.test", "A").outcome is Outcome.NXDOMAIN


def test_a_listed_address_has_its_code_and_reason_until_it_is_delisted(zones: Zones) -> None:
    zones.enlist("sbl.lab.test", LISTED, ("127.0.0.2", "127.0.0.9"), "see SBL1")
    assert zones.ask(NAME, "A").records == ("127.0.0.2", "127.0.0.9")
    assert zones.ask(NAME, "TXT").records == ("see SBL1",)
    zones.delist("sbl.lab.test", LISTED)
    assert zones.ask(NAME, "A").outcome is Outcome.NXDOMAIN
    assert zones.ask(NAME, "TXT").outcome is Outcome.NXDOMAIN


def test_a_name_is_found_whatever_its_case_and_final_dot(zones: Zones) -> None:
    zones.enlist("sbl.lab.test", LISTED)
    assert zones.ask("7.113.0.203.SBL.Lab.Test.", "A").outcome is Outcome.ANSWERED


def test_another_type_at_a_name_that_exists_is_nodata(zones: Zones) -> None:
    assert zones.ask("2.0.0.127.sbl.lab.test", "AAAA").outcome is Outcome.NODATA


def test_a_name_between_existing_ones_is_an_empty_non_terminal_and_not_nxdomain(zones: Zones) -> None:
    assert zones.ask("0.127.sbl.lab.test", "A").outcome is Outcome.NODATA  # RFC 8020


@pytest.mark.parametrize(
    ("behaviour", "outcome", "records"),
    [
        (Behaviour.REFUSES, Outcome.ANSWERED, (REFUSAL,)),
        (Behaviour.WILDCARD, Outcome.ANSWERED, (PARKED,)),
        (Behaviour.SERVFAIL, Outcome.SERVFAIL, ()),
        (Behaviour.SILENT, Outcome.SILENT, ()),
        (Behaviour.NODATA, Outcome.NODATA, ()),
        (Behaviour.NORMAL, Outcome.NXDOMAIN, ()),
    ],
)
def test_each_behaviour_treats_a_clean_address_its_own_way(
    zones: Zones, behaviour: Behaviour, outcome: Outcome, records: tuple[str, ...]
) -> None:
    zones.behave("sbl.lab.test", behaviour)
    answer = zones.ask("8.113.0.203.sbl.lab.test", "A")
    assert (answer.outcome, answer.records) == (outcome, records)


def test_a_wildcard_can_pretend_to_list_the_world(zones: Zones) -> None:
    zones.behave("sbl.lab.test", Behaviour.WILDCARD, "127.0.0.2")
    assert zones.ask("1.0.0.127.sbl.lab.test", "A").records == ("127.0.0.2",)


def test_a_name_outside_every_zone_is_refused(zones: Zones) -> None:
    assert zones.ask("example.com", "A").outcome is Outcome.REFUSED


def test_a_score_is_published_replaced_and_taken_away(zones: Zones) -> None:
    zones.add_blocklist("score.lab.test")
    name = "7.113.0.203.score.lab.test"
    zones.score("score.lab.test", LISTED, 97)
    assert zones.ask(name, "A").records == ("127.0.4.97",)
    zones.score("score.lab.test", LISTED, 61)
    assert zones.ask(name, "A").records == ("127.0.4.61",)
    zones.score("score.lab.test", LISTED, None)
    assert zones.ask(name, "A").outcome is Outcome.NXDOMAIN


def test_a_mail_domain_names_its_exchangers_in_order(zones: Zones) -> None:
    zones.add_mail_domain("geemail.test", {"mx1.geemail.test": LISTED, "mx2.geemail.test": CLEAN})
    assert zones.ask("geemail.test", "MX").records == ("10 mx1.geemail.test.", "20 mx2.geemail.test.")
    assert zones.ask("mx2.geemail.test", "A").records == (str(CLEAN),)


def test_questions_are_counted_for_each_zone(zones: Zones) -> None:
    zones.add_blocklist("bl.lab.test")
    zones.ask(NAME, "A")
    zones.ask(NAME, "TXT")
    assert (zones.queries("sbl.lab.test"), zones.queries("bl.lab.test")) == (2, 0)
