"""500 IPs are listed at once: one mail soon, and an IP that flaps all day is told three times at most.

The real watcher, database and outbox, on a clock that moves when told.
"""

from datetime import datetime, timedelta
from ipaddress import ip_address

import pytest

from core.incident import Severity
from core.reading import Source
from monitor.alerts import evidence
from monitor.alerts.alert import Alert, AlertState
from monitor.incidents.lifecycle import Move
from storage import database, incidents
from tests.unit.monitor.watching import IP, START, Rig, clean, listed, rig, score, text_of

FLEET = [ip_address("198.51.100.0") + n for n in range(500)]
TICK = 5


def wait_for_mail(monitor: Rig, patience: int = 600) -> float:
    """Seconds until the outbox holds one more mail."""
    before, began = len(monitor.mails()), monitor.clock.now()
    while len(monitor.mails()) == before:
        monitor.later(seconds=TICK)
        assert monitor.clock.now() - began < timedelta(seconds=patience), "no mail"
    return (monitor.clock.now() - began).total_seconds()


def test_five_hundred_listings_at_once_are_one_mail_within_ninety_seconds() -> None:
    with rig() as monitor:
        monitor.take(*(clean(START, ip) for ip in FLEET))
        monitor.clock.advance(3600)
        monitor.take(*(listed(monitor.clock.now(), ip) for ip in FLEET))
        monitor.clock.advance(30)
        confirmed = monitor.clock.now()
        # each second look is a round of its own, spread over twenty seconds
        for place, ip in enumerate(FLEET):
            monitor.take(listed(monitor.clock.now(), ip))
            if place % 25 == 0:  # the very first is alone: it must not be told alone
                monitor.later(seconds=1)
        wait_for_mail(monitor)
        assert monitor.clock.now() - confirmed <= timedelta(seconds=90)
        monitor.later(minutes=10)
        [mail] = monitor.mails()
        said = " ".join(text_of(mail).split())
        assert said.startswith("500 IPs at once: listed on Spamhaus ZEN (SBL).")
        assert said.count("says listed: SBL") == 1, "what all have in common is said once"
        assert "- and 470 more: tidegate show incidents" in said
        assert "5 of 500 IPs shown" in said
        assert "and 499 others alike" in said
        assert "or the list errs" in said
        assert len(mail.as_bytes()) < 100_000, "Gmail clips longer ones"
        with database.reading(monitor.engine) as session:
            assert len(incidents.open_incidents(session)) == 500


def test_stragglers_of_a_storm_join_its_thread_and_so_does_its_end() -> None:
    fleet = FLEET[:40]
    with rig() as monitor:
        monitor.take(*(clean(START, ip) for ip in fleet))
        for wait in (3600, 30):
            monitor.clock.advance(wait)
            monitor.take(*(listed(monitor.clock.now(), ip) for ip in fleet[:30]))
        wait_for_mail(monitor)
        for ip in fleet[30:]:
            for wait in (300, 30):
                monitor.clock.advance(wait)
                monitor.take(listed(monitor.clock.now(), ip))
            monitor.watcher.tick()
        assert len(monitor.mails()) <= 3, "an hour of stragglers: updates after 15 and after 30 minutes more"
        for _ in range(7):
            monitor.clock.advance(3600)
            monitor.take(*(clean(monitor.clock.now(), ip) for ip in fleet))
        monitor.later(minutes=2)
        mails = monitor.mails()
        assert mails[-1]["X-Tidegate-State"] == "resolved"
        assert {str(mail["References"] or mail["Message-ID"]).split()[0] for mail in mails} == {
            str(mails[0]["Message-ID"])
        }


def hourly_flaps(at: datetime, hour: int) -> tuple[object, ...]:
    return (listed(at) if hour % 2 else clean(at),)


def eight_hour_flaps(at: datetime, hour: int) -> tuple[object, ...]:
    return (listed(at) if hour % 10 < 2 else clean(at),)


def changing_codes(at: datetime, hour: int) -> tuple[object, ...]:
    code = ("SBL", "CSS", "XBL")[hour % 3]
    return (listed(at).model_copy(update={"detail": f"listed: {code} [127.0.0.{hour % 3 + 2}]"}),)


def several_lists(at: datetime, hour: int) -> tuple[object, ...]:
    zones = ("zen.spamhaus.org", "bl.spamcop.net", "b.barracudacentral.org")
    return tuple(listed(at, zone=z) if hour % 10 < 2 else clean(at, zone=z) for z in zones)


def somebody_elses_alert(at: datetime, hour: int) -> tuple[object, ...]:
    """Its words change every time, too."""
    alert = Alert(
        sender="prom", key="bounces", ip=IP, state=AlertState.FIRING if hour % 2 else AlertState.RESOLVED,
        severity=Severity.WARNING, title="203.0.113.7 bounces", text=f"{hour} % bounce", until=at + timedelta(days=2),
    )  # fmt: skip
    return (evidence.reading(alert, at),)


def restless_severity(at: datetime, hour: int) -> tuple[object, ...]:
    (reading,) = somebody_elses_alert(at, 1)
    severity = Severity.CRITICAL if hour % 2 else Severity.WARNING
    facts = {**reading.evidence, "severity": str(severity)}  # type: ignore[attr-defined]
    return (reading.model_copy(update={"evidence": facts, "detail": f"{hour} % bounce"}),)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "flaps",
    [hourly_flaps, eight_hour_flaps, changing_codes, several_lists, somebody_elses_alert, restless_severity],
)
def test_an_ip_that_flaps_for_a_day_is_three_mails_at_most(flaps: object) -> None:
    with rig() as monitor:
        zones = {r.metric for r in flaps(START, 3) if r.source is Source.DNSBL}  # type: ignore[operator]
        monitor.take(*(clean(START, zone=zone) for zone in zones), score(0, 95))
        began = monitor.clock.now()
        for hour in range(24):
            monitor.clock.advance(3600 - 30)
            monitor.take(*flaps(monitor.clock.now(), hour))  # type: ignore[operator]
            monitor.clock.advance(30)
            monitor.take(*flaps(monitor.clock.now(), hour))  # type: ignore[operator]
            monitor.later(seconds=61)
            monitor.clock.advance(-61)
        assert monitor.clock.now() - began == timedelta(hours=24)
        assert 1 <= len(monitor.mails()) <= 3


def test_a_flapping_problem_is_said_to_flap_and_ends_a_day_after_it_holds_still() -> None:
    with rig() as monitor:
        monitor.take(clean(START))
        changes = []
        for hour in range(48):
            monitor.clock.advance(3600 - 30)
            answer = listed if hour in {0, 1, 9, 10, 18} else clean
            changes += monitor.take(answer(monitor.clock.now())).changes
            monitor.clock.advance(30)
            changes += monitor.take(answer(monitor.clock.now())).changes
            monitor.watcher.tick()
        assert [change.move for change in changes] == [Move.OPEN, Move.RESOLVE, Move.REOPEN, Move.RESOLVE]
        monitor.later(minutes=2)
        mails = monitor.mails()
        reasons = [mail["X-Tidegate-Reason"] for mail in mails]
        assert reasons == ["new", "resolved", "new", "reminder", "resolved"]
        again, end = mails[2], mails[4]
        assert "It comes and goes: it is kept open, and quiet" in " ".join(text_of(again).split())
        assert end["X-Tidegate-State"] == "resolved"
