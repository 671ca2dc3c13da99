import base64
import json
import re
import struct
import zlib
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session

from core.errors import OperatorError
from core.lease import Scope
from core.reading import Source
from monitor.collectors import snds_access
from monitor.collectors.collected import Collected
from monitor.collectors.snds_settings import SndsAccount, SndsSettings
from monitor.digest import build, facts, figures, png
from monitor.digest import mail as digest_mail
from monitor.digest.facts import Facts
from monitor.digest.settings import DigestSettings
from monitor.digest.week import Week, last_week, parse_week, week_of
from monitor.notifications.settings import Recipient
from storage import coverage, database
from storage.coverage import Coverage
from storage.scopes import ScopeHour
from tests.unit.monitor.watching import (
    IP,
    OTHER_IP,
    START,
    Rig,
    clean,
    html_of,
    listed,
    message,
    monitor_settings,
    rig,
    score,
    text_of,
    unknown,
)  # fmt: skip

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
MAIL = monitor_settings().notifications
MONDAY = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


def digest_of(monitor: Rig, settings: DigestSettings | None = None) -> str:
    with database.session(monitor.engine) as session:
        return digest_mail.digest(session, MONDAY, settings or DigestSettings(), MAIL).text


def covered(zone: str) -> Coverage:
    return Coverage(
        source=Source.DNSBL, metric=zone, families=(4,), first_at=START, last_at=START, whole_at=START
    )


def listed_for(monitor: Rig, hours: int) -> None:
    monitor.take(clean(monitor.clock.now()), *(clean(monitor.clock.now(), IP + n) for n in range(1, 4)))
    for wait in (3600, 30, *[3600] * hours):
        monitor.clock.advance(wait)
        monitor.take(listed(monitor.clock.now()))


def test_a_clean_week_still_proves_that_somebody_watches() -> None:
    with rig(start=START - timedelta(days=3)) as monitor:
        monitor.take(*(clean(monitor.clock.now(), IP + n) for n in range(24)))
        said = digest_of(monitor)
    assert said.startswith("All 24 IPs clean all week, every check answers.\n")


def test_a_week_of_silence_is_not_called_clean() -> None:
    with rig() as monitor:
        assert digest_of(monitor).startswith("Nothing was watched")
    with rig(start=START - timedelta(days=3)) as monitor:
        monitor.take(clean(monitor.clock.now()), unknown(monitor.clock.now(), IP + 1))
        assert digest_of(monitor).startswith("All 2 IPs clean all week, 1 check unanswered.")


def test_ips_that_only_a_lists_row_speaks_for_are_counted() -> None:
    with rig() as monitor:
        with database.session(monitor.engine) as session:
            coverage.watch(session, [IP, OTHER_IP], START)
            row = covered("bl.test")
            coverage.save(session, row)
        assert "All 2 IPs clean all week, every check answers" in digest_of(monitor)
        assert "2 series watched" in digest_of(monitor)
        with database.session(monitor.engine) as session:
            coverage.save(session, row.model_copy(update={"doubt": "refused"}))
        assert "2 checks unanswered" in digest_of(monitor)


def test_every_clean_ip_is_counted_however_few_lines_there_are() -> None:
    with rig(start=START - timedelta(days=3)) as monitor:
        listed_for(monitor, 3)
        with database.session(monitor.engine) as session:
            coverage.watch(session, [IP + n for n in range(500)], START - timedelta(days=9))
        said = digest_of(monitor)
    assert said.startswith("499 clean, 1 in trouble now.")
    assert "499 clean all week." in said


def test_lists_that_speak_for_everybody_speak_for_an_ip_in_trouble_too() -> None:
    with rig(start=START - timedelta(days=3)) as monitor:
        for day in range(-3, 0):
            monitor.take(score(day, 65))
        with database.session(monitor.engine) as session:
            coverage.watch(session, [IP], START - timedelta(days=9))
            coverage.save(session, covered("one.test"))
        assert "on no list; score 65" in digest_of(monitor)
        with database.session(monitor.engine) as session:
            coverage.save(session, covered("one.test").model_copy(update={"doubt": "refused"}))
        assert "lists unknown; score 65" in digest_of(monitor)


def test_links_that_expire_soon_are_named_with_the_day_and_the_remedy() -> None:
    with rig(start=START - timedelta(days=3)) as monitor:
        account = SndsAccount.model_validate(
            {"name": "main", "data-link": "https://snds.example/?k=c4nary", "links-issued": date(2026, 11, 1)}
        )
        now = monitor.clock.now()
        doors = snds_access.of_account(account, SndsSettings(expiry_warning=timedelta(days=21)), now)
        monitor.watcher.take(Collected("snds", [clean(now)], access=doors))
        said = digest_of(monitor)
        with database.session(monitor.engine) as session:
            html = digest_mail.digest(session, MONDAY, DigestSettings(), MAIL).html
    assert said.startswith("1 clean, 0 in trouble now, access to 1 source ends.\n")
    quality = " ".join(said[said.index("DATA QUALITY") :].split())
    assert "the SNDS links of account main stop working on 2026-12-01, in" in quality
    assert "make new ones in the SNDS portal" in quality
    assert "stop working on 2026-12-01" in html
    assert "c4nary" not in said + html


def test_the_verdict_counts_and_the_worst_stand_first() -> None:
    with rig(start=START - timedelta(days=6)) as monitor:
        listed_for(monitor, 30)
        for _ in range(8):
            monitor.clock.advance(3600)
            monitor.take(clean(monitor.clock.now()))
        for wait in (3600, 30):
            monitor.clock.advance(wait)
            monitor.take(listed(monitor.clock.now(), IP + 1))
        said = digest_of(monitor)
    assert said.startswith("3 clean, 1 in trouble now, 1 recovered.")
    assert said.index("203.0.113.8  critical") < said.index("203.0.113.7  recovered")
    assert "2 clean all week." in said


def test_missing_statistics_are_no_data_and_not_zero() -> None:
    with rig() as monitor:
        assert "the engine has reported no mail" in digest_of(monitor)


@pytest.mark.parametrize(
    ("this", "last", "row"),
    [
        (7, 3, "Spam trap hits (SNDS) 7 3 +4"),
        (0, None, "Spam trap hits (SNDS) 0 no data no data"),
        (2, 2, "Spam trap hits (SNDS) 2 2 same"),
    ],
)
def test_trap_hits_stand_beside_those_of_the_week_before(this: int, last: int | None, row: str) -> None:
    week = last_week(MONDAY, AMSTERDAM)
    view = build.digest_view(Facts(week, MONDAY, traps=(this, last)), DigestSettings())
    _, text = digest_mail.shown(view, "subject")
    assert row in " ".join(text.split())


@pytest.mark.parametrize(
    ("this", "last", "change"),
    [(230, 100, "+130 %"), (103, 100, "+3 %"), (50, 1_000, "-95 %"), (12_000, 100, "+11,900 %")],
)
def test_a_large_change_is_written_out(this: int, last: int, change: str) -> None:
    week = last_week(MONDAY, AMSTERDAM)
    scope = Scope(source_ip=IP, provider="google")
    hours = (ScopeHour(scope, week.start, this, this), ScopeHour(scope, week.before.start, last, last))
    view = build.digest_view(Facts(week, MONDAY, hours=hours), DigestSettings())
    assert view.figures[0].change == change


def test_a_week_that_is_not_over_is_compared_with_the_one_before_up_to_the_same_hour() -> None:
    now = datetime(2026, 11, 25, 8, 30, tzinfo=UTC)
    week = Week(date(2026, 11, 23), ZoneInfo("UTC"))
    asked: list[tuple[datetime, datetime]] = []

    def sums(_session: Session, start: datetime, end: datetime) -> list[ScopeHour]:
        asked.append((start, end))
        return []

    with rig() as monitor, database.session(monitor.engine) as session:
        facts.gather(session, week, now, sums)
        assert asked == [
            (datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 25, 9, tzinfo=UTC)),
            (datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 11, 18, 9, tzinfo=UTC)),
        ]
        asked.clear()
        facts.gather(session, week.before, now, sums, datetime(2026, 11, 10, tzinfo=UTC))
    assert asked == [(week.before.start, week.start)]


def test_a_week_that_is_not_over_says_so_and_tells_of_no_day_to_come() -> None:
    with rig(start=START - timedelta(days=3)) as monitor:
        listed_for(monitor, 3)
        now = monitor.clock.now()
        week = week_of(now, ZoneInfo("UTC"))
        with database.session(monitor.engine) as session:
            view = digest_mail.view(session, now, DigestSettings(), week)
    assert view.title == f"{week.title}, so far"
    assert len(view.day_names) == len(view.troubled_per_day) == len(view.ips[0].days) == 5
    assert view.troubled_per_day[-1] == 1
    assert not view.is_over


def test_the_three_forms_say_the_same() -> None:
    with rig(start=START - timedelta(days=3)) as monitor:
        listed_for(monitor, 3)
        with database.session(monitor.engine) as session:
            view = digest_mail.view(session, MONDAY, DigestSettings())
            mail = message(digest_mail.digest(session, MONDAY, DigestSettings(), MAIL).mime)
    document = json.loads(digest_mail.as_json(view))
    assert document["schema"] == "digest/v1"
    assert document["verdict"] in text_of(mail)
    assert document["verdict"] in html_of(mail)
    assert [i["label"] for i in document["attention"]] == ["INC-1"]
    assert mail["Subject"] == "[Tidegate] Weekly: 3 clean, 1 in trouble now - week 47, 2026"


def test_the_picture_is_inline_and_has_words() -> None:
    with rig(start=START - timedelta(days=3)) as monitor:
        listed_for(monitor, 3)
        with database.session(monitor.engine) as session:
            mail = message(digest_mail.digest(session, MONDAY, DigestSettings(), MAIL).mime)
    html = html_of(mail)
    assert f'src="cid:{digest_mail.CHART}"' in html
    assert 'alt="IPs in trouble: 11-16 0, 11-17 0, 11-18 0, 11-19 0, 11-20 1, 11-21 1, 11-22 1"' in html
    [picture] = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert picture["Content-ID"] == f"<{digest_mail.CHART}>"
    assert len(mail.as_bytes()) < 80_000


def test_the_page_needs_nothing_beside_it() -> None:
    with rig(start=START - timedelta(days=3)) as monitor:
        listed_for(monitor, 3)
        with database.session(monitor.engine) as session:
            page = digest_mail.page(digest_mail.view(session, MONDAY, DigestSettings()))
    assert "cid:" not in page
    [encoded] = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    assert base64.b64decode(encoded).startswith(b"\x89PNG")


def test_each_reader_gets_one_digest_a_week_in_their_own_zone() -> None:
    kiritimati = Recipient(address="far@example.com", time_zone=ZoneInfo("Pacific/Kiritimati"))
    settings = DigestSettings(recipients=["near@example.com", kiritimati])
    now = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)  # Monday there already, Sunday here
    with rig(start=START - timedelta(days=9)) as monitor:
        monitor.take(clean(monitor.clock.now()))
        counts = []
        for hours in (0, 1, 24):
            with database.session(monitor.engine) as session:
                later = now + timedelta(hours=hours)
                counts.append(digest_mail.put_digests(session, later, settings, MAIL))
        assert counts == [2, 0, 1]
        subjects = [(mail["To"], mail["Subject"][-16:]) for mail in monitor.mails()]
    assert subjects == [
        ("near@example.com", " - week 46, 2026"),
        ("far@example.com", " - week 47, 2026"),
        ("near@example.com", " - week 47, 2026"),
    ]


def test_a_quiet_week_can_be_left_out() -> None:
    with rig(start=START - timedelta(days=3)) as monitor:
        monitor.take(clean(monitor.clock.now()))
        with database.session(monitor.engine) as session:
            assert digest_mail.put_digests(session, MONDAY, DigestSettings(only_if_news=True), MAIL) == 0


@pytest.mark.parametrize(
    ("now", "zone", "week"),
    [
        (datetime(2026, 11, 23, 6, tzinfo=UTC), "Europe/Amsterdam", "2026-W47"),
        (datetime(2026, 11, 22, 23, 30, tzinfo=UTC), "Europe/Amsterdam", "2026-W47"),
        (datetime(2026, 11, 22, 22, 30, tzinfo=UTC), "Europe/Amsterdam", "2026-W46"),
        (datetime(2026, 1, 1, 12, tzinfo=UTC), "UTC", "2025-W52"),
        (datetime(2027, 1, 4, 12, tzinfo=UTC), "UTC", "2026-W53"),
    ],
)
def test_the_week_is_the_last_full_one_where_the_reader_is(now: datetime, zone: str, week: str) -> None:
    assert last_week(now, ZoneInfo(zone)).name == week


def test_a_week_with_a_clock_change_has_169_hours() -> None:
    week = parse_week("2026-W43", AMSTERDAM)
    assert week.end - week.start == timedelta(hours=169)


@pytest.mark.parametrize("bad", ["0001-W01", "\uff12026-W47", "2026-47", "2026-W54", "W47", "", "2026-W00"])
def test_what_is_no_week_is_refused_with_an_example(bad: str) -> None:
    with pytest.raises(OperatorError, match="2026-W47"):
        parse_week(bad, AMSTERDAM)


@given(st.dates(min_value=datetime(2000, 1, 1).date(), max_value=datetime(2100, 1, 1).date()))
def test_weeks_follow_each_other_without_a_gap(day: object) -> None:
    monday = day - timedelta(days=day.weekday())  # type: ignore[attr-defined,operator]
    week = Week(monday, AMSTERDAM)
    assert week.before.end == week.start
    assert parse_week(week.name, AMSTERDAM) == week


def test_sparks_rise_with_their_numbers() -> None:
    assert figures.spark((0, 1, 2, 3)) == "▁▃▅▇"
    assert figures.spark((0, 0)) == "▁▁"
    assert figures.spark((1, 0), top=3) == "▃▁"


def test_the_png_is_one() -> None:
    made = png.bars((0, 3, 1))
    assert made.startswith(b"\x89PNG\r\n\x1a\n")
    place, seen, data = 8, [], b""
    while place < len(made):
        (length,) = struct.unpack(">I", made[place : place + 4])
        name, body = made[place + 4 : place + 8], made[place + 8 : place + 8 + length]
        (crc,) = struct.unpack(">I", made[place + 8 + length : place + 12 + length])
        assert crc == zlib.crc32(name + body)
        seen.append(name)
        data += body if name == b"IDAT" else b""
        place += 12 + length
    assert seen == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
    assert len(zlib.decompress(data)) == png.HEIGHT * (png.WIDTH + 1)
