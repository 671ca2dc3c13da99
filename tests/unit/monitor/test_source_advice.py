"""What doctor is told about Sender Score and SNDS."""

from datetime import UTC, datetime

import pytest

from monitor.collectors.collected import Collected
from monitor.collectors.settings import SenderScoreSettings
from monitor.collectors.snds_access import Access, Door, Standing
from monitor.collectors.snds_settings import SndsSettings
from monitor.health import OutcomeKind, SourceOutcome
from monitor.source_advice import REGISTRATION, Weight, sender_score, snds

NOW = datetime(2026, 11, 23, tzinfo=UTC)
PROVEN = SenderScoreSettings(enabled=True, probe_ip="192.0.2.1")


def scored(kind: OutcomeKind, reason: str = "") -> Collected:
    return Collected("sender-score", outcomes=[SourceOutcome("sender-score", kind, reason)])


def test_a_refused_resolver_is_told_how_to_register() -> None:
    refused = scored(OutcomeKind.FAILED, "query refused (127.255.255.255)")
    (advice,) = sender_score(PROVEN, 100, refused)
    assert advice.weight is Weight.BROKEN
    assert advice.mend == REGISTRATION
    assert "my.validity.com" in REGISTRATION
    assert "not the sending IPs" in REGISTRATION


def test_a_sender_score_that_answers_is_fine() -> None:
    (advice,) = sender_score(PROVEN, 100, scored(OutcomeKind.ANSWERED))
    assert (advice.weight, advice.mend) == (Weight.FINE, "")


@pytest.mark.parametrize(("fleet", "told"), [(333, False), (334, True)])
def test_more_questions_than_are_free_are_told(fleet: int, *, told: bool) -> None:
    found = sender_score(PROVEN, fleet, scored(OutcomeKind.ANSWERED))
    assert any("questions in 30 days" in advice.said for advice in found) == told


def test_without_a_probe_forged_answers_cannot_be_told() -> None:
    found = sender_score(SenderScoreSettings(enabled=True), 1, None)
    assert [(one.weight, "probe-ip" in one.mend) for one in found] == [(Weight.UNWISE, True)]


def test_what_is_not_asked_is_fine() -> None:
    assert [one.weight for one in [*sender_score(SenderScoreSettings(), 9, None), *snds(SndsSettings(), None)]] == [
        Weight.FINE, Weight.FINE,
    ]  # fmt: skip


def accounts(*given: dict[str, str]) -> SndsSettings:
    return SndsSettings.model_validate({"enabled": True, "accounts": list(given)})


def round_of(*outcomes: SourceOutcome, access: tuple[Access, ...] = ()) -> Collected:
    return Collected("snds", outcomes=list(outcomes), access=list(access))


@pytest.mark.parametrize(
    ("account", "mend"),
    [
        ({"sign-in-file": "x"}, "tidegate snds login --account main"),
        ({"data-link": "https://x.example", "links-issued": "2026-11-01"}, "make new links at https://"),
        ({"key": "k", "base-url": "https://proxy.example"}, "see the account at https://"),
    ],
)
def test_an_account_that_does_not_answer_is_told_the_way_in_that_it_uses(
    account: dict[str, str], mend: str
) -> None:
    failed = SourceOutcome("snds:main", OutcomeKind.FAILED, "data: SNDS answered HTTP 500")
    (advice,) = snds(accounts(account), round_of(failed))
    assert (advice.weight, mend in advice.mend) == (Weight.BROKEN, True)


def test_each_account_is_told_about_by_itself_with_what_is_about_to_close() -> None:
    settings = accounts(
        {"name": "a", "sign-in-file": "x"},
        {"name": "b", "data-link": "https://x.example", "links-issued": "2026-11-01"},
    )
    good = [SourceOutcome(f"snds:{name}", OutcomeKind.ANSWERED) for name in "ab"]
    doors = (Access("b", Door.LINKS, Standing.CLOSING, "soon"), Access("a", Door.SIGN_IN, Standing.OPEN))
    found = snds(settings, round_of(*good, access=doors))
    assert [(one.about, one.weight) for one in found] == [
        ("SNDS account a", Weight.FINE), ("SNDS account b", Weight.FINE), ("SNDS account b", Weight.UNWISE),
    ]  # fmt: skip


def test_what_the_settings_alone_get_wrong_is_told_without_asking() -> None:
    found = snds(accounts({"name": "a", "key": "k"}, {"name": "b", "data-link": "https://x.example"}), None)
    assert ["June 2026" in found[0].said, "links-issued" in found[1].said] == [True, True]
