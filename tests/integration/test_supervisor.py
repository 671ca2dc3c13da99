"""`tidegate run` with small programs in place of engine and watch."""

import asyncio
import os
import signal
import sys
import textwrap
from datetime import timedelta
from pathlib import Path

import pytest

from tidegate.supervisor import Supervisor

PROGRAM = """\
    import os, pathlib, signal, sys, time
    program, _, config = sys.argv[1:4]
    log = pathlib.Path(config)
    def say(word):
        with log.open("a") as file:
            file.write(f"{program} {word} {os.getpid()}\\n")
    def stop(*_):
        say("drained")
        sys.exit(0)
    mode = os.environ.get("MODE_" + program, "")
    signal.signal(signal.SIGTERM, signal.SIG_IGN if mode == "deaf" else stop)
    signal.signal(signal.SIGHUP, lambda *_: say("reloaded"))
    say("started")
    if mode == "usage":
        while "engine started" not in log.read_text():
            time.sleep(0.01)
        sys.exit(2)
    while True:
        time.sleep(0.01)
"""


def supervisor(tmp_path: Path, **modes: str) -> tuple[Supervisor, Path]:
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))
    log = tmp_path / "log"
    log.touch()
    environment = {**os.environ, **{f"MODE_{name}": mode for name, mode in modes.items()}}
    command = (sys.executable, str(program))
    return Supervisor(str(log), environment, command=command, drain=timedelta(seconds=1)), log


async def until(log: Path, *words: str) -> list[list[str]]:
    async with asyncio.timeout(20):
        while True:
            lines = [line.split() for line in (await asyncio.to_thread(log.read_text)).splitlines()]
            said = [" ".join(line[:2]) for line in lines]
            if all(said.count(word) >= words.count(word) for word in words):
                return lines
            await asyncio.sleep(0.01)


async def test_both_programs_run_and_a_signal_drains_both(tmp_path: Path) -> None:
    running, log = supervisor(tmp_path)
    task = asyncio.create_task(running.run())
    await until(log, "engine started", "watch started")
    os.kill(os.getpid(), signal.SIGTERM)
    assert await task == 0
    await until(log, "engine drained", "watch drained")


async def test_a_hangup_is_handed_on_to_the_engine_alone(tmp_path: Path) -> None:
    running, log = supervisor(tmp_path)
    task = asyncio.create_task(running.run())
    await until(log, "engine started", "watch started")
    os.kill(os.getpid(), signal.SIGHUP)
    lines = await until(log, "engine reloaded")
    os.kill(os.getpid(), signal.SIGTERM)
    assert await task == 0
    assert not any(line[:2] == ["watch", "reloaded"] for line in lines)


async def test_a_program_that_was_killed_is_started_again_and_the_other_is_left_alone(tmp_path: Path) -> None:
    running, log = supervisor(tmp_path)
    task = asyncio.create_task(running.run())
    lines = await until(log, "engine started", "watch started")
    os.kill(next(int(pid) for name, _, pid in lines if name == "engine"), signal.SIGKILL)
    lines = await until(log, "engine started", "engine started")
    assert [" ".join(line[:2]) for line in lines].count("watch started") == 1
    os.kill(os.getpid(), signal.SIGINT)
    assert await task == 0


async def test_a_wrong_configuration_stops_everything_with_its_exit_code(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    running, log = supervisor(tmp_path, watch="usage")
    async with asyncio.timeout(20):
        assert await running.run() == 2
    assert "watch: ended with exit code 2: its configuration is wrong; everything stops" in caplog.text
    assert "engine drained" in log.read_text()


async def test_a_program_that_does_not_finish_is_killed_after_the_drain_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    running, log = supervisor(tmp_path, engine="deaf")
    task = asyncio.create_task(running.run())
    await until(log, "engine started", "watch started")
    os.kill(os.getpid(), signal.SIGTERM)
    assert await task == 1
    assert "Not finished after 1 s: killed" in caplog.text
    assert "watch drained" in log.read_text()
