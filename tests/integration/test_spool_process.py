"""The spool on the real disk, with real processes: killed, locked out, out of room."""

import asyncio
import random
import resource
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
import spool_child

from core.errors import ConflictError, SpoolFull
from engine.spool.base import NewMessage, Settled
from engine.spool.commits import SpoolOptions
from engine.spool.log import LogSpool

ROOT = Path(__file__).parents[2]
KILLS = 15


@dataclass
class Said:
    """What killed processes said."""

    stored: dict[int, int] = field(default_factory=dict)
    settling: set[int] = field(default_factory=set)
    settled: set[int] = field(default_factory=set)

    def hear(self, output: bytes) -> None:
        for line in output.splitlines(keepends=True):
            if not line.endswith(b"\n"):
                continue
            word, message_id, *number = line.decode().split()
            if word == "stored":
                assert int(message_id) not in self.stored
                self.stored[int(message_id)] = int(number[0])
            else:
                getattr(self, word).add(int(message_id))


def run_and_kill(directory: Path, seed: int, lines: int) -> bytes:
    command = [sys.executable, spool_child.__file__, str(directory), str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}) as child:
        assert child.stdout is not None
        heard = b"".join(child.stdout.readline() for _ in range(lines))
        child.kill()
        return heard + child.stdout.read()


async def check(directory: Path, said: Said) -> None:
    spool = await LogSpool.open(directory, spool_child.OPTIONS)
    found = {each.id for each in spool.recover()}
    assert said.stored.keys() - said.settling <= found, "an acknowledged message is lost"
    assert not found & said.settled, "a settled message came back"
    for message_id in found & said.stored.keys():
        assert spool.content(message_id) == spool_child.content(said.stored[message_id])
    await spool.close()


async def test_kill_9_at_random_moments_loses_nothing_and_repeats_nothing_settled(tmp_path: Path) -> None:
    said, rng = Said(), random.Random(4)
    for seed in range(1, KILLS + 1):
        output = await asyncio.to_thread(run_and_kill, tmp_path / "spool", seed, rng.randint(1, 4000))
        said.hear(output)
        await check(tmp_path / "spool", said)
    assert len(said.stored) > 1000
    assert len(said.settled) > 50


async def test_a_second_process_cannot_open_the_spool(tmp_path: Path) -> None:
    spool = await LogSpool.open(tmp_path)
    code = (
        "import asyncio, sys, pathlib; from engine.spool.log import LogSpool;"
        "asyncio.run(LogSpool.open(pathlib.Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    ran = await asyncio.to_thread(subprocess.run, command, capture_output=True, cwd=ROOT, check=False)
    assert ran.returncode == 1
    assert b"ConflictError: Another process uses the spool" in ran.stderr
    with pytest.raises(ConflictError, match=str(tmp_path)):
        await LogSpool.open(tmp_path)
    await spool.close()


async def test_beyond_the_file_size_limit_the_spool_is_full_and_then_works_again(tmp_path: Path) -> None:
    def message(size: int) -> NewMessage:
        now = datetime.now(UTC)
        return NewMessage(
            sender="a@example.com",
            recipients=("b@example.org",),
            vmta="v",
            received_at=now,
            content=bytes(size),
        )

    options = SpoolOptions(segment_size=256 << 10, mark_reserve=16 << 10)
    spool = await LogSpool.open(tmp_path, options)
    first = await spool.store(message(1000))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (512 << 10, hard))
    try:
        with pytest.raises(SpoolFull, match="no room"):
            await spool.store(message(1 << 20))
        second = await spool.store(message(2000))
        spool.settle(first, 0, Settled.DELIVERED)
        await spool.sync()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    third = await spool.store(message(1 << 20))
    await spool.close()
    spool = await LogSpool.open(tmp_path, options)
    assert [found.id for found in spool.recover()] == [second, third]
    await spool.close()


async def test_mail_in_the_spool_is_for_the_owner_alone(tmp_path: Path) -> None:
    spool = await LogSpool.open(tmp_path / "a" / "spool")
    await spool.sync()
    await spool.store(
        NewMessage(
            sender="", recipients=("b@example.org",), vmta="v", received_at=datetime.now(UTC), content=b"x"
        )
    )
    assert (tmp_path / "a" / "spool").stat().st_mode & 0o777 == 0o700
    for file in (tmp_path / "a" / "spool").iterdir():
        assert file.stat().st_mode & 0o777 == 0o600
    await spool.close()
