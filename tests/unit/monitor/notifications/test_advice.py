"""What to do about a listing, as the catalogue knows it."""

from typing import Any

import pytest

from core.incident import Incident, IncidentKind, IncidentState, Rule, Severity
from core.reading import Source
from monitor.notifications.advice import steps
from tests.unit.monitor.watching import IP, START


def advised(tier: int = 1, **evidence: Any) -> tuple[str, ...]:
    incident = Incident(
        number=1, fingerprint="f", kind=IncidentKind.IP, ip=IP, source=Source.DNSBL, metric="z", rule=Rule.DNSBL_LISTED,
        severity=Severity.CRITICAL, tier=tier, state=IncidentState.OPEN, title="t", evidence=evidence, evidence_end=START,
        opened_at=START, updated_at=START,
    )  # fmt: skip
    return steps(incident, "23 Nov 14:05 CET (13:05Z)")


@pytest.mark.parametrize("tier", [1, 2])
def test_the_cause_comes_first_then_the_lists_own_words_then_the_removal(tier: int) -> None:
    said = advised(
        tier,
        lookup_url="https://list.example/why",
        delist_url="https://list.example/out",
        expiry="7 days (gk)",
    )
    assert said[0].startswith("Find the cause first")
    assert "23 Nov 14:05" in said[0]
    assert said[1:] == (
        "See what the list has against the IP: https://list.example/why",
        "Then ask for removal: https://list.example/out",
        "How long it stays: 7 days.",
    )


def test_a_list_that_forgets_by_itself_needs_no_form() -> None:
    assert advised(expiry="24 h after the last report")[1:] == (
        "How long it stays: 24 h after the last report.",
    )


def test_of_an_unknown_list_nothing_is_made_up() -> None:
    assert advised()[1:] == ("Then look for a removal form on the list's own site.",)


def test_a_list_that_few_use_is_no_reason_to_hurry() -> None:
    assert advised(3)[0].startswith("Few receivers use this list")
