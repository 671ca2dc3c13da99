from datetime import timedelta

import pytest

from core.duration import format_duration
from monitor.notifications.plan_mail import QUESTION, plan_mail, put_plan
from monitor.notifications.rehearsal import rehearse, sample
from monitor.notifications.retry import Blame, GiveUp, Retry, after_failure
from monitor.notifications.samples import Scenario
from monitor.notifications.settings import NotificationSettings
from monitor.notifications.views import PlannedChange
from storage import database, outbox
from tests.unit.monitor.watching import START, html_of, message, monitor_settings, rig, text_of

SETTINGS = monitor_settings().notifications
CHANGE = PlannedChange(
    "203.0.113.7 × microsoft", "source-ip-max-msg-rate", "1200/h", "300/h", "snds-red", "RED on 22 Nov",
    'tidegate pin 203.0.113.7 --provider microsoft --rate 300/h --for 24h --reason "SNDS RED"',
)  # fmt: skip


def test_the_waits_between_attempts() -> None:
    waits = []
    for attempts in range(1, 10):
        verdict = after_failure(attempts, Blame.PASSING, START, SETTINGS)
        assert isinstance(verdict, Retry)
        waits.append(format_duration(verdict.at - START))
    assert waits == ["30s", "1m", "2m", "4m", "8m", "16m", "32m", "1h", "1h"]


def test_after_the_last_attempt_it_is_given_up() -> None:
    assert isinstance(after_failure(24, Blame.PASSING, START, SETTINGS), GiveUp)


def test_a_refusal_for_good_is_final_at_once() -> None:
    assert isinstance(after_failure(1, Blame.REFUSED, START, SETTINGS), GiveUp)


def test_the_plan_says_what_would_change_and_the_command_for_it() -> None:
    mail = message(plan_mail([CHANGE], START, SETTINGS).mime)
    assert mail["Subject"] == "[Tidegate] Plan: 1 change for 203.0.113.7 x microsoft"
    said = " ".join(text_of(mail).split())
    assert "1200/h -> 300/h" in said
    assert "Nothing has been changed" in said
    assert "--rate 300/h" in said
    assert "--rate 300/h" in html_of(mail)


def test_a_question_says_that_nothing_happens_before_it_is_answered_and_how_to_answer() -> None:
    asked = PlannedChange(
        "dnsbl:zen.test", "new caps on its word", "held back", "your decision", "guard", "named 9 of 20",
        'tidegate approve 4 --reason "…"   or   tidegate deny 4 --reason "…"',
    )  # fmt: skip
    mail = message(plan_mail([asked], START, SETTINGS, words=QUESTION).mime)
    assert mail["Subject"] == "[Tidegate] Guard: 1 change waiting for dnsbl:zen.test"
    assert mail["X-Tidegate-Severity"] == "critical"
    said = " ".join(text_of(mail).split())
    assert "nothing will be until somebody approves or denies it" in said
    assert "tidegate approve 4" in said
    assert "tidegate deny 4" in html_of(mail)


def test_the_same_plan_is_mailed_once_a_day() -> None:
    with rig() as monitor:
        told = []
        for hours in (0, 1, 25):
            with database.session(monitor.engine) as session:
                told.append(put_plan(session, [CHANGE], START + timedelta(hours=hours), SETTINGS))
        assert told == [True, False, True]


@pytest.mark.parametrize("scenario", list(Scenario))
def test_a_rehearsal_goes_to_the_real_outbox_and_says_that_it_is_a_test(scenario: Scenario) -> None:
    settings = monitor_settings()
    with rig(settings) as monitor:
        rehearse(monitor.engine, scenario, START, settings.notifications, settings.digest)
        [mail] = monitor.mails()
        assert mail["Subject"].startswith("[Tidegate] TEST ")
        assert text_of(mail).startswith("TEST. ")
        assert mail["X-Tidegate-Test"] == "yes"
        with database.reading(monitor.engine) as session:
            assert [m.kind for m in outbox.pending(session)] == ["test"]


def test_a_resolved_rehearsal_shows_the_timetable() -> None:
    settings = monitor_settings()
    mail = sample(Scenario.RESOLVED, START, settings.notifications, settings.digest)
    assert "Microsoft: 180/h" in mail.text


@pytest.mark.parametrize("bad", ["nobody", "a@", "@b", "a@b\r\nBcc: c@d"])
def test_what_is_no_address_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="not a mail address"):
        NotificationSettings(recipients=[bad])
