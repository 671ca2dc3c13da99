"""What a group of processes costs, read from /proc and from a control group."""

import asyncio
import sys
import time
from pathlib import Path

from bench.relay import machine
from bench.relay.processes import (
    Cpu,
    descendants,
    launched,
    parse_cpu_stat,
    parse_kilobytes,
    parse_stat,
)

STAT = "4711 (a (b) c) S 1 4711 4711 0 -1 4194560 9 8 7 6 250 50 100 25 20 0 1 0 12345 1000 200"
CPU_STAT = "usage_usec 3500000\nuser_usec 2000000\nsystem_usec 1500000\nnice_usec 0\n"
ROLLUP = "7f00-7fff ---p 00000000 00:00 0 [rollup]\nRss:  999 kB\nPss:      345 kB\nPss_Dirty: 12 kB\n"


def test_a_process_counts_with_the_children_it_waited_for_whatever_its_name() -> None:
    times = parse_stat(STAT, ticks=100)
    assert times.parent == 1
    assert times.cpu == Cpu(3.5, 0.75)


def test_a_control_group_counts_microseconds() -> None:
    assert parse_cpu_stat(CPU_STAT) == Cpu(2.0, 1.5)
    assert parse_cpu_stat(CPU_STAT).total == 3.5


def test_what_a_run_used_is_a_difference() -> None:
    assert Cpu(3.0, 2.0) - Cpu(1.0, 0.5) == Cpu(2.0, 1.5)


def test_memory_is_read_by_its_exact_key() -> None:
    assert parse_kilobytes(ROLLUP, "Pss") == 345
    assert parse_kilobytes(ROLLUP, "Swap") == 0


def test_descendants_are_found_whatever_the_order() -> None:
    parents = {5: 4, 4: 3, 3: 2, 9: 1, 2: 1}
    assert descendants(3, parents) == {3, 4, 5}
    assert descendants(7, parents) == {7}


def test_idle_waiting_and_guests_are_not_busy() -> None:
    line = "cpu  100 10 40 5000 300 7 3 40 60 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n"
    assert machine.parse_busy(line, ticks=100) == 2.0


def test_what_others_took_is_the_rest_of_what_was_busy() -> None:
    before, after = machine.Busy(10.0, at=0.0), machine.Busy(16.0, at=4.0)
    assert machine.others_share(before, after, ours=4.0, cores=2) == 0.25
    assert machine.others_share(before, after, ours=7.0, cores=2) == 0.0


BURN = "import time\nwhile time.process_time() < 0.3: pass\nprint('burnt', flush=True)\ntime.sleep(60)"


async def test_a_launched_program_is_counted_and_ended(tmp_path: Path) -> None:
    async with launched([sys.executable, "-c", BURN], tmp_path) as group:
        async with asyncio.timeout(30):
            while "burnt" not in group.said():
                await asyncio.sleep(0.01)
        assert group.cpu().total >= 0.25
        assert group.memory_mb() > 1
        assert group.peak_mb() >= group.memory_mb() * 0.5
        assert group.pids()
    assert group.ended


async def test_children_of_a_launched_program_end_with_it(tmp_path: Path) -> None:
    child = "import subprocess, sys, time\nsubprocess.Popen(['sleep', '50'])\nprint('up', flush=True)\ntime.sleep(50)"
    begun = time.monotonic()
    async with launched([sys.executable, "-c", child], tmp_path) as group:
        async with asyncio.timeout(30):
            while "up" not in group.said():
                await asyncio.sleep(0.01)
        left = group.pids()
        assert len(left) == 2
    assert not any(_alive(pid) for pid in left)
    assert time.monotonic() - begun < 40


def _alive(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
