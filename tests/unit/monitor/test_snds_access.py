"""Doors into SNDS that close: when they are told about, and what the telling means."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.incident import IncidentKind, Rule, Severity
from monitor.collectors import snds_access
from monitor.collectors.snds_access import Access, Door, Standing
from monitor.collectors.snds_settings import SndsAccount, SndsSettings
from monitor.detection import access
from monitor.detection.finding import FindingState

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SETTINGS = SndsSettings()


def linked(age_days: int) -> SndsAccount:
    issued = NOW.date() - timedelta(days=age_days)
    return SndsAccount(name="main", data_link="https://x.example/d?k=1", links_issued=issued)


def doors(account: SndsAccount, **settings: Any) -> list[Access]:
    return snds_access.of_account(account, SndsSettings.model_validate(settings), NOW)


@pytest.mark.parametrize(
    ("age_days", "standing", "words"),
    [
        (0, Standing.OPEN, ""),
        (22, Standing.OPEN, ""),
        (23, Standing.CLOSING, "stop working on 2026-11-30, in 7 days"),
        (29, Standing.CLOSING, "stop working on 2026-11-24, in 1 day:"),
        (30, Standing.CLOSED, "stopped working on 2026-11-23"),
        (90, Standing.CLOSED, "stopped working on"),
    ],
)
def test_links_are_told_about_a_week_before(age_days: int, standing: Standing, words: str) -> None:
    (door,) = doors(linked(age_days))
    assert (door.door, door.standing) == (Door.LINKS, standing)
    assert words in door.said
    assert bool(door.said) == door.needs_somebody


def test_how_long_before_is_a_setting() -> None:
    assert doors(linked(12), **{"expiry-warning": "20d"})[0].standing is Standing.CLOSING


@pytest.mark.parametrize(
    ("age_days", "standing"),
    [(269, Standing.OPEN), (270, Standing.CLOSING), (299, Standing.CLOSING), (300, Standing.CLOSED)],
)
def test_an_attestation_is_told_about_a_month_before(age_days: int, standing: Standing) -> None:
    account = SndsAccount(key="k", attested=NOW.date() - timedelta(days=age_days))
    assert [(d.door, d.standing) for d in doors(account)] == [(Door.ATTESTATION, standing)]


def test_what_has_no_date_has_no_door() -> None:
    assert doors(SndsAccount(key="k")) == []
    assert doors(SndsAccount(data_link="https://x.example")) == []


def test_a_sign_in_is_open_by_an_answer_closed_by_a_refusal_and_else_unknown() -> None:
    account = SndsAccount(sign_in_file="x")
    found = [
        snds_access.sign_in(account, answered=True),
        snds_access.sign_in(account, over="sign in again"),
        snds_access.sign_in(account),
    ]
    assert [one.standing for one in found if one] == [Standing.OPEN, Standing.CLOSED, Standing.UNKNOWN]
    assert snds_access.sign_in(SndsAccount(key="k"), answered=True) is None


@pytest.mark.parametrize(
    ("standing", "state", "severity"),
    [
        (Standing.OPEN, FindingState.CLEAR, Severity.WARNING),
        (Standing.CLOSING, FindingState.ACTIVE, Severity.WARNING),
        (Standing.CLOSED, FindingState.ACTIVE, Severity.CRITICAL),
    ],
)
@pytest.mark.parametrize("door", list(Door))
def test_a_door_is_a_finding_about_monitoring(
    door: Door, standing: Standing, state: FindingState, severity: Severity
) -> None:
    (found,) = access.findings([Access("main", door, standing, "said" if severity else "")], NOW)
    assert (found.state, found.severity, found.kind, found.ip) == (state, severity, IncidentKind.SOURCE, None)
    assert found.rule is Rule.ACCESS
    assert found.fingerprint == f"source:snds-data:access:main:{door}"


def test_what_is_not_known_about_a_door_is_no_finding() -> None:
    assert list(access.findings([Access("main", Door.SIGN_IN, Standing.UNKNOWN)], NOW)) == []
