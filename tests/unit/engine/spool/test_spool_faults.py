"""The disk is full, breaks, or lies: whoever waits hears of it, and only what was acknowledged remains."""

import asyncio
import contextlib
import errno
import logging
import random

import pytest
from spooling import NOON, kill, message, opened, recovered, segments

from core.errors import SpoolError, SpoolFull
from engine.spool.base import MessageId, Settled
from engine.spool.log import LogSpool
from engine.spool.simulated import SimulatedDisk

FAULTS = [errno.ENOSPC, errno.EDQUOT, errno.EIO, -errno.EIO, 0]


async def fill(spool: LogSpool, count: int = 9) -> tuple[list[MessageId], list[SpoolError]]:
    """Store one after the other, over several segments: who was acknowledged, and what the others heard."""
    stored, errors = [], []
    for n in range(count):
        try:
            stored.append(await spool.store(message(b"%d" % n * 2000)))
        except SpoolError as error:
            errors.append(error)
    return stored, errors


@pytest.mark.parametrize("code", FAULTS)
@pytest.mark.parametrize("death", ["kill", "power cut", "close"])
async def test_if_the_nth_call_fails_store_raises_and_exactly_the_acknowledged_come_back(
    code: int, death: str
) -> None:
    for n in range(1, 200):
        disk = SimulatedDisk()
        disk.faults[n] = code
        spool = await opened(disk)
        stored, errors = await fill(spool)
        if not disk.failed:
            break
        if disk.failed != ["ftruncate"] and (code or disk.failed == ["pwritev"]):
            assert len(errors) == 1, (n, disk.failed)
            assert isinstance(errors[0], SpoolFull) == (abs(code) != errno.EIO)
        if death == "close":
            await spool.close()
            after = disk
        else:
            after = disk.killed() if death == "kill" else disk.power_cut(random.Random(n))
            await kill(spool)
        assert set(await recovered(after)) == set(stored), (n, disk.failed)
    else:
        pytest.fail("the faults never ended")
    assert n > 20


@pytest.mark.parametrize("code", FAULTS)
async def test_if_two_calls_in_a_row_fail_only_the_acknowledged_come_back(code: int) -> None:
    for n in range(1, 60):
        disk = SimulatedDisk()
        disk.faults = {n: code, n + 1: errno.EIO}
        spool = await opened(disk)
        stored, _ = await fill(spool)
        after = disk.killed()
        await kill(spool)
        found = set(await recovered(after))
        assert set(stored) <= found, (n, disk.failed)
        if disk.failed.count("ftruncate") == 0:
            assert set(stored) == found, (n, disk.failed)


@pytest.mark.parametrize("code", FAULTS)
async def test_if_the_nth_call_fails_no_mark_is_lost(code: int) -> None:
    for n in range(1, 200):
        disk = SimulatedDisk()
        spool = await opened(disk)
        stored, _ = await fill(spool, 5)
        disk.faults[disk.calls + n] = code
        spool.settle(stored[0], 0, Settled.DELIVERED)
        with contextlib.suppress(SpoolError):
            await spool.sync()
        spool.postpone(stored[1], 0, 2, NOON, "451")
        more, _ = await fill(spool, 4)
        spool.settle(stored[2], 0, Settled.BOUNCED)
        try:
            await spool.sync()
        except SpoolError:
            await spool.sync()
        failed = list(disk.failed)
        after = disk.power_cut(random.Random(n))
        await kill(spool)
        found = await recovered(after)
        assert set(found) == {stored[1], *stored[3:], *more}, (n, failed)
        assert found[stored[1]].pending[0].attempts == 2
        if not failed:
            return
    pytest.fail("the faults never ended")


async def test_a_failed_batch_fails_every_waiter_with_an_error_of_its_own() -> None:
    disk = SimulatedDisk()
    spool = await opened(disk)
    disk.permanent["fdatasync"] = errno.EIO
    tasks = [spool.store(message(b"%d" % n)) for n in range(20)]
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, SpoolError) for result in results)
    assert len({id(result) for result in results}) == 20
    assert spool.counters.failed_commits >= 1
    disk.permanent.clear()
    message_id = await spool.store(message(b"again"))
    await spool.close()
    assert set(await recovered(disk)) == {message_id}


async def test_after_a_failed_fdatasync_the_segment_is_closed_and_read_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    disk = SimulatedDisk()
    spool = await opened(disk)
    kept = await spool.store(message(b"kept"))
    disk.faults[disk.calls + 2] = errno.EIO
    with pytest.raises(SpoolError):
        await spool.store(message(b"lost"))
    assert disk.failed == ["fdatasync"]
    after = await spool.store(message(b"after"))
    assert len(segments(disk)) == 2
    assert b"lost" not in disk.bytes_of(segments(disk)[0])
    assert "spool.lost" not in [getattr(record, "event", "") for record in caplog.records]
    await spool.close()
    assert set(await recovered(disk)) == {kept, after}


async def test_what_the_disk_lost_before_is_told_after_a_failed_fdatasync(
    caplog: pytest.LogCaptureFixture,
) -> None:
    disk = SimulatedDisk()
    spool = await opened(disk)
    await spool.store(message(b"the first message"))
    [name] = segments(disk)
    disk.spoil(name, disk.bytes_of(name).index(b"the first"), b"THE")
    disk.faults[disk.calls + 2] = errno.EIO
    with pytest.raises(SpoolError):
        await spool.store(message(b"lost"))
    [said] = [record for record in caplog.records if getattr(record, "event", "") == "spool.lost"]
    assert said.levelno == logging.CRITICAL
    await spool.close()


async def test_a_full_disk_refuses_messages_but_notes_deliveries_and_recovers() -> None:
    disk = SimulatedDisk(capacity=40 << 10)
    spool = await opened(disk)
    stored, errors = await fill(spool, 40)
    assert errors
    assert all(isinstance(error, SpoolFull) for error in errors)
    assert "no room" in str(errors[0])
    assert len(stored) >= 12
    for message_id in stored[3:5]:
        spool.settle(message_id, 0, Settled.DELIVERED)
    await spool.sync()
    after = disk.killed()
    await kill(spool)
    assert set(await recovered(after)) == set(stored) - set(stored[3:5])
    again = await opened(after)
    for message_id in stored[:12]:
        again.settle(message_id, 0, Settled.DELIVERED)
    await again._reclaimer.idle()
    new = await again.store(message(b"there is room again" * 50))
    await again.close()
    assert set(await recovered(after)) == {*stored[12:], new}


async def test_marks_wait_in_memory_while_even_their_reserve_is_used_up() -> None:
    disk = SimulatedDisk()
    spool = await opened(disk)
    stored, _ = await fill(spool, 3)
    for call in ("pwritev", "allocate", "create"):
        disk.permanent[call] = errno.ENOSPC
    spool.settle(stored[0], 0, Settled.DELIVERED)
    with pytest.raises(SpoolFull):
        await spool.sync()
    spool.settle(stored[1], 0, Settled.DELIVERED)
    with pytest.raises(SpoolFull):
        await spool.store(message())
    disk.permanent.clear()
    await spool.sync()
    after = disk.power_cut(random.Random(1))
    await kill(spool)
    assert set(await recovered(after)) == {stored[2]}


async def test_marks_in_a_batch_that_found_no_room_use_their_reserve_at_once() -> None:
    disk = SimulatedDisk(capacity=10 << 10)
    spool = await opened(disk)
    stored, _ = await fill(spool, 3)
    spool.settle(stored[0], 0, Settled.DELIVERED)
    with pytest.raises(SpoolFull):
        await spool.store(message(b"x" * 3000))
    after = disk.killed()
    await kill(spool)
    assert set(await recovered(after)) == set(stored[1:])


async def test_the_reserve_keeps_room_for_marks_when_messages_have_taken_the_rest() -> None:
    disk = SimulatedDisk(capacity=8 << 10)
    spool = await opened(disk)
    stored = [await spool.store(message(b"x")) for _ in range(25)]
    for _ in range(40):
        with contextlib.suppress(SpoolFull):
            stored.append(await spool.store(message(b"x")))
    assert spool.counters.failed_commits > 0
    for message_id in stored[:20]:
        spool.settle(message_id, 0, Settled.DELIVERED)
    await spool.sync()
    after = disk.power_cut(random.Random(1))
    await kill(spool)
    assert set(await recovered(after)) == set(stored[20:])


@pytest.mark.parametrize("seed", range(8))
async def test_a_write_that_failed_after_all_was_written_does_not_survive_a_power_cut(seed: int) -> None:
    disk = SimulatedDisk()
    spool = await opened(disk)
    kept = await spool.store(message(b"kept"))
    disk.faults = {disk.calls + 1: -errno.EIO}
    with pytest.raises(SpoolError):
        await spool.store(message(b"refused"))
    after = disk.power_cut(random.Random(seed))
    await kill(spool)
    assert set(await recovered(after)) == {kept}


async def test_what_cannot_be_cut_off_is_disowned_by_the_next_segment() -> None:
    disk = SimulatedDisk()
    spool = await opened(disk)
    first = await spool.store(message(b"first"))
    # written after all, reported as failed, and twice impossible to cut off
    disk.faults = {disk.calls + 1: -errno.EIO, disk.calls + 2: errno.EIO, disk.calls + 3: errno.EIO}
    with pytest.raises(SpoolError):
        await spool.store(message(b"refused"))
    assert disk.failed == ["pwritev", "ftruncate", "ftruncate"]
    second = await spool.store(message(b"second"))
    after = disk.killed()
    await kill(spool)
    assert any(b"refused" in after.bytes_of(name) for name in segments(after))
    assert set(await recovered(after)) == {first, second}


async def test_a_segment_left_over_from_a_failed_roll_does_not_end_its_predecessor() -> None:
    disk = SimulatedDisk()
    spool = await opened(disk)
    stored, _ = await fill(spool, 3)
    disk.permanent = {"sync_directory": errno.EIO, "unlink": errno.EIO}
    with pytest.raises(SpoolError):
        await spool.store(message(b"x" * 6000))
    assert len(segments(disk)) == 2
    disk.permanent = {}
    stored.append(await spool.store(message(b"small")))
    assert len(segments(disk)) == 2
    after = disk.killed()
    await kill(spool)
    assert set(await recovered(after)) == set(stored)


async def test_an_unforeseen_error_in_the_thread_is_told_and_not_swallowed() -> None:
    disk = SimulatedDisk()
    spool = await opened(disk)
    disk.faults = None  # type: ignore[assignment]
    with pytest.raises(SpoolError):
        await spool.store(message())
    disk.faults = {}
    assert await spool.store(message())
    await spool.close()
