"""kill -9 in the middle of 2,000 messages, ten times: everything that got 250 arrives."""

import asyncio
import contextlib
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml
from engine_lab import settings_for

from core.clock import SystemClock
from lab import ledger
from lab.manners import GEEMAIL, OUTLANDISH, YAHOOLIGAN
from lab.traffic import Interrupted, Stream, Traffic
from lab.world import Lab

ROUNDS = 10
MESSAGES = 2_000


def configuration(lab: Lab, folder: Path) -> Path:
    """The engine's file; written out whole from its settings, so that loading it is tested too."""
    engine = settings_for(lab, folder).model_dump(mode="json", by_alias=True, exclude_defaults=True)
    engine["control-api"] = {"listen": f"unix:{folder}/control.sock"}
    sources = [{"address": str(s.address), "bind": str(s.bind)} for s in lab.sources]
    path = folder / "tidegate.yaml"
    written = {"ip-lists": {"all": sources}, "engine": engine, "database": f"sqlite:///{folder}/tidegate.db"}
    path.write_text(yaml.safe_dump(written))
    return path


@contextlib.asynccontextmanager
async def engine_process(config: Path, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """`tidegate engine` as a process of its own, listening."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tidegate", "engine", "--config", str(config), env=dict(os.environ)
    )
    try:
        async with asyncio.timeout(20):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                assert process.returncode is None, "the engine did not start"
                await asyncio.sleep(0.05)
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def offer_until_killed(traffic: Traffic) -> None:
    streams = [Stream(who.domain, "marketing", padding=2_000) for who in (OUTLANDISH, GEEMAIL, YAHOOLIGAN)]
    try:
        with contextlib.suppress(OSError, Interrupted, ExceptionGroup):
            for part in range(20):
                await traffic.send(streams[part % 3], MESSAGES // 20)
    finally:
        await traffic.close()


async def promised_so_many(traffic: Traffic, count: int) -> None:
    """Kills come by progress, not by time: in the middle of the work on a fast machine and on a slow one."""
    async with asyncio.timeout(60):
        while len(traffic.outcome.acknowledged) < count:
            await asyncio.sleep(0.005)


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_nothing_acknowledged_is_lost_in_ten_kills(tmp_path: Path) -> None:
    dice = random.Random(2026)
    async with Lab(SystemClock()) as lab:
        config = configuration(lab, tmp_path)
        promised: set[tuple[str, str]] = set()
        interrupted = 0
        for number in range(ROUNDS):
            traffic = lab.traffic(run=f"round{number}", connections=10)
            async with engine_process(config, lab.engine_port) as engine:
                offering = asyncio.create_task(offer_until_killed(traffic))
                await promised_so_many(traffic, dice.randrange(100, MESSAGES - 200))
                engine.send_signal(signal.SIGKILL)
                await engine.wait()
                await offering
            promised |= traffic.outcome.promised
            interrupted += bool(traffic.outcome.unanswered)
        async with engine_process(config, lab.engine_port):
            async with asyncio.timeout(120):
                while ledger.missing(lab.ledger.entries, promised):
                    await asyncio.sleep(0.2)
        assert interrupted >= ROUNDS // 2, "the kills came too late to prove anything"
        assert len(promised) > ROUNDS * 100
        twice = ledger.duplicated(lab.ledger.entries)
        assert max(twice.values(), default=1) <= 1 + ROUNDS
