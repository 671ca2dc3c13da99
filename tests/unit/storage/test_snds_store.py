from datetime import UTC, date, datetime, timedelta
from ipaddress import ip_address

from sqlmodel import Session

from storage import snds
from storage.snds import Activity

IP = ip_address("203.0.113.7")
DAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def told(day: date = DAY, **said: object) -> Activity:
    begin = datetime(day.year, day.month, day.day, 8, tzinfo=UTC)
    known = {
        "ip": IP, "day": day, "account": "main", "activity_start": begin,
        "activity_end": begin + timedelta(days=1), "activity_text": "8 to 8", "observed_at": NOW,
    }  # fmt: skip
    return Activity.model_validate(known | said)


def test_what_was_told_comes_back_as_it_was_blanks_and_all(session: Session) -> None:
    full = told(
        rcpt_commands=911, data_commands=420, message_recipients=905, filter_result="RED", complaint_rate=0.007,
        trap_hits=6, trap_text="a to b", sample_helo="mx", sample_mail_from="x@y", comments="c",
    )  # fmt: skip
    blank = told(DAY - timedelta(days=1))
    snds.record(session, [full, blank])
    session.expire_all()
    assert snds.days_of(session, IP, DAY - timedelta(days=9)) == [full, blank]
    assert snds.days_of(session, IP, DAY) == [full]
    assert snds.days_of(session, ip_address("203.0.113.8"), DAY - timedelta(days=9)) == []


def test_a_revision_replaces_and_an_older_word_does_not(session: Session) -> None:
    snds.record(session, [told(filter_result="GREEN")])
    revised = told(filter_result="RED", observed_at=NOW + timedelta(hours=6))
    snds.record(session, [revised])
    snds.record(session, [told(filter_result="YELLOW")])
    assert snds.days_of(session, IP, DAY) == [revised]


def test_a_repetition_writes_nothing(session: Session) -> None:
    snds.record(session, [told()])
    snds.record(session, [told(observed_at=NOW + timedelta(hours=6))])
    assert not session.dirty
    assert snds.days_of(session, IP, DAY)[0].observed_at == NOW


def test_each_account_keeps_its_own_word(session: Session) -> None:
    snds.record(session, [told(), told(account="second", filter_result="RED")])
    assert [one.account for one in snds.days_of(session, IP, DAY)] == ["main", "second"]


def test_days_of_long_ago_are_forgotten(session: Session) -> None:
    snds.record(session, [told(DAY - snds.KEPT - timedelta(days=1)), told(DAY - snds.KEPT)])
    snds.record(session, [told()])
    assert [one.day for one in snds.days_of(session, IP, date.min)] == [DAY, DAY - snds.KEPT]


def test_trap_hits_are_added_up_over_ips_and_days_and_blank_is_not_nought(session: Session) -> None:
    other = ip_address("203.0.113.8")
    assert snds.trap_hits(session, DAY, DAY + timedelta(days=1)) is None
    snds.record(session, [told(), told(ip=other)])
    assert snds.trap_hits(session, DAY, DAY + timedelta(days=1)) is None
    snds.record(
        session,
        [
            told(trap_hits=6),
            told(account="second", trap_hits=4),
            told(ip=other, trap_hits=1),
            told(DAY - timedelta(days=1), trap_hits=100),
        ],
    )
    assert snds.trap_hits(session, DAY, DAY + timedelta(days=1)) == 6 + 1
    assert snds.trap_hits(session, DAY - timedelta(days=1), DAY) == 100


def test_how_far_an_account_was_read_is_remembered_by_account(session: Session) -> None:
    assert snds.read_through(session, "main") is None
    snds.set_read_through(session, "main", DAY)
    snds.set_read_through(session, "main", DAY + timedelta(days=1))
    snds.set_read_through(session, "second", DAY)
    assert snds.read_through(session, "main") == DAY + timedelta(days=1)
    assert snds.read_through(session, "second") == DAY
