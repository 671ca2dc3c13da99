from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.mail.settings import SentLogSettings
from engine.mail.trace import TraceIds
from engine.sentlog import Sent, SentLog

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def sent(number: int, recipient: str = "c@d.test", at: datetime = NOW) -> Sent:
    trace = TraceIds(lambda size: number.to_bytes(8, "big") * (size // 8)).next(at.timestamp())
    return Sent(
        trace, recipient, "203.0.113.7", "microsoft", at.timestamp(), number, "a@b.test", "default", "job"
    )


async def test_what_was_added_is_found_before_and_after_a_restart(tmp_path: Path) -> None:
    log = SentLog(tmp_path / "sent.db", SentLogSettings())
    log.add(sent(1))
    assert await log.find([b"x" * 12, sent(1).trace], "C@D.test", NOW) == sent(1)
    await log.close(NOW)
    log = SentLog(tmp_path / "sent.db", SentLogSettings())
    assert await log.find([sent(1).trace], "", NOW) == sent(1)
    assert await log.find([sent(2).trace], "", NOW) is None
    await log.close(NOW)


async def test_hidden_recipients_are_counted_once_for_each_copy_and_no_more(tmp_path: Path) -> None:
    log = SentLog(tmp_path / "sent.db", SentLogSettings())
    log.add(sent(1, "c@d.test"))
    log.add(sent(1, "e@d.test"))
    matches = [await log.complain([sent(1).trace], "", NOW) for _ in range(3)]
    assert [match.repeated for match in matches if match] == [False, False, True]
    await log.close(NOW)


async def test_what_is_too_old_is_dropped(tmp_path: Path) -> None:
    log = SentLog(tmp_path / "sent.db", SentLogSettings(retention=timedelta(days=14)))
    for number in range(10):
        log.add(sent(number))
    late = NOW + timedelta(days=14, seconds=1)
    log.add(sent(99, at=late))
    await log.flush(late)
    assert await log.find([sent(1).trace], "", late) is None
    assert await log.find([sent(99, at=late).trace], "", late) is not None
    await log.close(late)


async def test_the_file_stays_within_its_size_and_the_newest_stay(tmp_path: Path) -> None:
    log = SentLog(tmp_path / "sent.db", SentLogSettings(max_size=1024 * 1024))
    for second in range(30):
        at = NOW + timedelta(seconds=second)
        for number in range(1_000):
            log.add(sent(number, at=at))
        await log.flush(at)
    assert await log.find([sent(5).trace], "", NOW) is None
    last = NOW + timedelta(seconds=29)
    assert await log.find([sent(5, at=last).trace], "", last) is not None
    await log.close(last)
    assert (tmp_path / "sent.db").stat().st_size < 3 * 1024 * 1024
