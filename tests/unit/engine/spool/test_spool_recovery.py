"""What a start makes of torn tails, damage and leftovers."""

import asyncio
import logging
import random
from copy import deepcopy
from pathlib import Path

import pytest
from spooling import HERE, NOON, SMALL, kill, message, opened, recovered, segments

from core.errors import ConflictError, SpoolError
from engine.spool import reader
from engine.spool.base import MessageDamaged, MessageId, Settled
from engine.spool.commits import SpoolOptions
from engine.spool.simulated import SimulatedDisk


def copy(disk: SimulatedDisk) -> SimulatedDisk:
    """The same disk at this moment, to be destroyed."""
    twin = SimulatedDisk()
    inodes = {id(inode): deepcopy(inode) for inode in [*disk._names.values(), *disk._durable_names.values()]}
    twin._names = {name: inodes[id(inode)] for name, inode in disk._names.items()}
    twin._durable_names = {name: inodes[id(inode)] for name, inode in disk._durable_names.items()}
    return twin


ROOMY = SpoolOptions(segment_size=1 << 20, mark_reserve=1 << 10, cache_size=0, sync_after=60)


async def three_commits() -> tuple[SimulatedDisk, list[tuple[int, set[int]]]]:
    """A killed spool's disk, and after each commit the log's length and the ids acknowledged so far."""
    disk = SimulatedDisk()
    spool = await opened(disk, ROOMY)
    steps: list[tuple[int, set[int]]] = [(0, set())]
    for n in range(3):
        message_id = await spool.store(message(b"%d" % n * 40))
        steps.append((spool.size().disk_bytes, steps[-1][1] | {message_id}))
    after = disk.killed()
    await kill(spool)
    return after, steps


async def test_a_log_cut_at_any_byte_gives_exactly_what_was_acknowledged_by_then() -> None:
    disk, steps = await three_commits()
    [name] = segments(disk)
    data = disk.bytes_of(name)
    end = steps[-1][0]
    for cut in range(end + 1):
        torn = SimulatedDisk()
        torn.close(torn.create(Path(name)))
        torn.spoil(name, 0, data[:cut])
        expected = max((step for step in steps if step[0] <= cut), key=lambda step: step[0])[1]
        assert set(await recovered(torn)) == expected, cut


async def test_garbage_after_the_log_is_cut_off_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    disk, steps = await three_commits()
    [name] = segments(disk)
    disk.spoil(name, steps[-1][0], b"garbage")
    assert set(await recovered(disk)) == steps[-1][1]
    assert [record.event for record in caplog.records] == ["spool.torn"]  # type: ignore[attr-defined]


async def test_room_that_was_allocated_but_not_used_is_no_damage(caplog: pytest.LogCaptureFixture) -> None:
    disk, _ = await three_commits()
    assert len(disk.bytes_of(segments(disk)[0])) == 1 << 20
    await recovered(disk)
    assert caplog.records == []


@pytest.mark.parametrize("stride", [1, 7])
async def test_damage_anywhere_costs_no_other_message(stride: int) -> None:
    disk, steps = await three_commits()
    [name] = segments(disk)
    data = disk.bytes_of(name)
    after_second = steps[2][0]
    for place in range(0, after_second, stride):
        spoiled = SimulatedDisk()
        spoiled.close(spoiled.create(Path(name)))
        spoiled.spoil(name, 0, data)
        spoiled.spoil(name, place, bytes([data[place] ^ 0xFF]))
        spool = await opened(spoiled)
        found = {each.id for each in spool.recover()}
        intact = set()
        for message_id in found:
            try:
                spool.content(message_id)
                intact.add(message_id)
            except MessageDamaged:
                pass
        assert len(intact) >= 2, place
        assert 3 in intact, place
        await spool.close()


async def test_damage_in_an_older_segment_is_logged_and_costs_no_other_message(
    caplog: pytest.LogCaptureFixture,
) -> None:
    disk = SimulatedDisk()
    spool = await opened(disk)
    ids = [await spool.store(message(b"%d" % n * 2000)) for n in range(12)]
    await spool.close()
    first = segments(disk)[0]
    disk.spoil(first, 2200, b"\xff" * 40)
    found = await recovered(disk)
    assert set(ids) - set(found) == {ids[1]}
    assert "spool.damaged" in [record.event for record in caplog.records]  # type: ignore[attr-defined]
    assert all(record.levelno >= logging.ERROR for record in caplog.records)


async def test_a_page_that_cannot_be_read_costs_no_other_message() -> None:
    disk = SimulatedDisk()
    spool = await opened(disk, ROOMY)
    ids = [await spool.store(message(b"%d" % (n % 10) * 9000)) for n in range(30)]
    await spool.close()
    place = disk.bytes_of(segments(disk)[0]).index(b"5" * 9000)
    disk.bad_reads = {(segments(disk)[0], place - 10)}
    again = await opened(disk)
    found = {each.id for each in again.recover()}
    assert len(set(ids) - found) <= 2
    await again.close()


async def test_a_damaged_body_is_found_when_it_is_read() -> None:
    disk = SimulatedDisk()
    spool = await opened(disk, ROOMY)
    message_id = await spool.store(message(b"the body of the message"))
    await spool.sync()
    await spool.store(message())
    await spool.close()
    [name] = segments(disk)
    disk.spoil(name, disk.bytes_of(name).index(b"the body"), b"THE")
    again = await opened(disk)
    assert len(list(again.recover())) == 2
    with pytest.raises(MessageDamaged):
        again.content(message_id)
    await again.close()


async def test_a_body_in_a_mail_that_looks_like_a_record_is_never_believed() -> None:
    disk, steps = await three_commits()
    [name] = segments(disk)
    settle_all = disk.bytes_of(name)[: steps[-1][0]]
    other = SimulatedDisk()
    spool = await opened(other, ROOMY)
    message_id = await spool.store(message(settle_all))
    second = await spool.store(message())
    await spool.close()
    [mine] = segments(other)
    other.spoil(mine, 70, b"\0" * 40)  # the head of the first message's record
    assert set(await recovered(other)) == {second}
    assert message_id != second


async def test_settled_marks_outlive_their_segment_while_the_message_record_exists() -> None:
    disk = SimulatedDisk()
    spool = await opened(disk)
    stuck = await spool.store(message(b"s" * 3000))
    dead = await spool.store(message(b"d" * 300))
    for _ in range(40):
        passing = await spool.store(message(b"p" * 3000))
        spool.settle(passing, 0, Settled.DELIVERED)
    spool.settle(dead, 0, Settled.DELIVERED)
    for _ in range(40):
        passing = await spool.store(message(b"p" * 3000))
        spool.settle(passing, 0, Settled.DELIVERED)
    await spool._reclaimer.idle()
    assert spool.counters.reclaimed_segments > 10
    await spool.close()
    assert set(await recovered(disk)) == {stuck}


async def test_retry_state_outlives_its_segment() -> None:
    disk = SimulatedDisk()
    spool = await opened(disk)
    stuck = [await spool.store(message(b"s" * 3000, recipients=2)) for _ in range(2)]
    for n in range(60):
        if n in {5, 30}:
            spool.postpone(stuck[0], 1, n, NOON, f"451 {n}")
        passing = await spool.store(message(b"p" * 3000))
        spool.settle(passing, 0, Settled.DELIVERED)
    await spool._reclaimer.idle()
    assert spool.size().segments < 8
    await spool.close()
    found = await recovered(disk)
    assert set(found) == set(stuck)
    assert (found[stuck[0]].pending[1].attempts, found[stuck[0]].pending[1].last_error) == (30, "451 30")
    assert found[stuck[0]].pending[0].attempts == 0


@pytest.mark.parametrize("passing", range(14, 22))
async def test_an_older_postponement_written_again_does_not_win(passing: int) -> None:
    disk = SimulatedDisk()
    spool = await opened(disk)
    stuck = [await spool.store(message(b"s" * 3000)) for _ in range(2)]
    for n in range(passing):
        if n in {5, 8}:
            spool.postpone(stuck[0], 0, n, NOON, f"451 {n}")
        delivered = await spool.store(message(b"p" * 3000))
        spool.settle(delivered, 0, Settled.DELIVERED)
        await spool._reclaimer.idle()
    assert spool.size().segments < 8
    await spool.close()
    assert (await recovered(disk))[stuck[0]].pending[0].attempts == 8


async def test_power_lost_after_reclaiming_brings_nothing_back() -> None:
    disk = SimulatedDisk()
    spool = await opened(disk)
    stuck = [await spool.store(message(b"s" * 3000)) for _ in range(2)]
    for _ in range(30):
        dead = [await spool.store(message(b"p" * 300)) for _ in range(5)]
        await spool.store(message(b"q" * 2000))
        spool.settle(dead[0], 0, Settled.DELIVERED)
        for each in spool._index:
            if each not in stuck:
                spool.settle(MessageId(each), 0, Settled.DELIVERED)
        await spool.sync()
        await spool._reclaimer.idle()
        for seed in range(3):
            assert set(await recovered(copy(disk).power_cut(random.Random(seed)))) == set(stuck)
    assert spool.counters.reclaimed_segments > 5
    await spool.close()


async def test_marks_are_durable_when_sync_returns_even_if_the_segment_changed_meanwhile() -> None:
    for seed in range(10):
        disk = SimulatedDisk()
        spool = await opened(disk)
        first, second = [await spool.store(message(b"a" * 3000)) for _ in range(2)]
        spool.settle(first, 0, Settled.DELIVERED)
        while spool._committer._busy or spool._committer._marks:
            await asyncio.sleep(0)  # written, not synced
        third = await spool.store(message(b"b" * 3000))
        await spool.sync()
        after = disk.power_cut(random.Random(seed))
        await kill(spool)
        assert set(await recovered(after)) == {second, third}


async def test_a_commit_of_which_some_sectors_reached_the_disk_is_whole_or_not_there() -> None:
    whole = 0
    for seed in range(300):
        disk = SimulatedDisk()
        spool = await opened(disk, ROOMY)
        kept = await spool.store(message(b"k" * 100))
        disk.cut_after = disk.calls + 1
        with pytest.raises(SpoolError):
            await spool.store(message(b"u" * 2000))
        after = disk.power_cut(random.Random(seed))
        await kill(spool)
        found = set(await recovered(after))
        assert kept in found
        whole += len(found) - 1
    assert whole > 0


async def test_one_stuck_message_does_not_hold_its_segment() -> None:
    disk = SimulatedDisk()
    spool = await opened(disk)
    stuck = await spool.store(message(b"s" * 500, recipients=3))
    spool.settle(stuck, 1, Settled.DELIVERED)
    for _ in range(100):
        passing = await spool.store(message(b"p" * 2500))
        spool.settle(passing, 0, Settled.DELIVERED)
        await spool._reclaimer.idle()
    assert spool.counters.copied_messages >= 1
    assert spool.size().disk_bytes < 6 * SMALL.segment_size
    assert spool.content(stuck) == b"s" * 500
    await spool.close()
    found = await recovered(disk)
    assert [pending.index for pending in found[stuck].pending] == [0, 2]


async def test_a_crash_at_any_call_of_reclaiming_neither_loses_nor_repeats() -> None:
    """The power is cut before the n-th change of the disk, for every n while a segment is rewritten."""
    for n in range(200):
        disk = SimulatedDisk()
        spool = await opened(disk)
        kept = [await spool.store(message(b"k" * 700, recipients=2)) for _ in range(3)]
        passing = [await spool.store(message(b"p" * 2000)) for _ in range(16)]
        spool.settle(kept[0], 1, Settled.DELIVERED)
        spool.postpone(kept[1], 0, 4, NOON, "451")
        await spool.sync()
        disk.cut_after = disk.calls + n
        for each in passing:
            spool.settle(each, 0, Settled.DELIVERED)
        await spool._reclaimer.idle()
        whole = disk.calls < disk.cut_after
        after = disk.power_cut(random.Random(n))
        await kill(spool)
        found = await recovered(after)
        assert set(kept) <= set(found) <= {*kept, *passing}
        assert [each.index for each in found[kept[0]].pending] == [0]
        assert [each.attempts for each in found[kept[1]].pending] == [4, 0]
        if whole:
            assert spool.counters.copied_messages >= 3
            return
    pytest.fail("reclaiming never ended")


async def test_a_second_process_is_told_what_to_do() -> None:
    disk = SimulatedDisk()
    spool = await opened(disk)
    with pytest.raises(ConflictError, match=f"Another process uses the spool {HERE}; stop it"):
        await opened(disk)
    await spool.close()
    await (await opened(disk)).close()


async def test_segments_of_two_spools_in_one_directory_are_refused() -> None:
    disk, _ = await three_commits()
    disk.close(disk.create(HERE / "0000000000-0011223344556677.segment"))
    with pytest.raises(SpoolError, match="another spool's segments"):
        await opened(disk)


async def test_messages_may_be_read_and_settled_while_the_start_still_walks_through_the_log(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    disk = SimulatedDisk()
    spool = await opened(disk, ROOMY)
    ids = [await spool.store(message(b"%d" % n * 100_000)) for n in range(40)]
    await spool.close()
    monkeypatch.setattr(reader, "_MOST_OPEN", 2)
    spool = await opened(disk, ROOMY)
    met = []
    for stored in spool.recover():
        met.append(stored.id)
        for other in (ids[0], ids[len(ids) // 2], ids[-1], stored.id):
            if other not in met[:-1]:
                assert len(spool.content(other)) >= 100_000
        spool.settle(stored.id, 0, Settled.DELIVERED)
    assert met == ids
    assert spool.size().messages == 0
    await spool.close()
