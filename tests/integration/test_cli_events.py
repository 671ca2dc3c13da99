"""`tidegate show events` against a real engine over its socket: what was, what comes, and a restart between."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from small_engine import engine, settings, until

from core.address import parse_ip
from core.clock import SystemClock
from core.lease import Directive, Lease, Origin, Scope
from core.rate import Rate
from engine import operations
from engine.service import Running, running

IP = "127.0.0.1"


def lease(running_engine: Running, key: str, value: int) -> Lease:
    return Lease(
        key=key, scope=Scope(source_ip=parse_ip(IP), provider="yahoo"), value=Rate(value, 3_600),
        directive=Directive.SOURCE_IP_MAX_MSG_RATE, origin=Origin.OPERATOR, reason="a trial", set_by="ann",
        set_at=running_engine.engine.clock.now(), expires_at=None,
    )  # fmt: skip


@asynccontextmanager
async def tidegate(endpoint: str, *words: str) -> AsyncIterator[Process]:
    """The program, with its output to read."""
    environment = {**os.environ, "TIDEGATE_ENDPOINT": endpoint, "TIDEGATE_TOKEN": "t" * 20, "TZ": "UTC"}
    # a shell's background jobs ignore SIGINT, and so would their children
    begin = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [
        sys.executable,
        "-c",
        f"{begin}; from tidegate.cli import main; main()",
        "show",
        "events",
        *words,
    ]
    child = await asyncio.create_subprocess_exec(*command, env=environment, stdout=PIPE, stderr=PIPE)
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


async def told(child: Process) -> dict[str, Any]:
    assert child.stdout
    async with asyncio.timeout(30):
        found: dict[str, Any] = json.loads(await child.stdout.readline())
    return found


async def noted(child: Process) -> str:
    assert child.stderr
    async with asyncio.timeout(30):
        return (await child.stderr.readline()).decode()


async def test_what_has_happened_is_listed_with_the_filters_of_the_command(tmp_path: Path) -> None:
    async with engine(tmp_path, {}) as run:
        for number, key in enumerate(("one", "two", "three")):
            await operations.put_lease(run.engine, lease(run, key, 10 + number))
        await operations.delete_lease(run.engine, "one")
        async with tidegate(run.api, "--kind", "lease.created", "--ip", IP, "-n", "2") as child:
            out, err = await child.communicate()
        async with tidegate(run.api, "--provider", "google") as child:
            _, none = await child.communicate()
    lines = out.decode().splitlines()
    assert [line.split()[2:7] for line in lines[2:]] == [["limit", "set", IP, "×", "yahoo"]] * 2
    assert [word for line in lines[2:] for word in line.split() if word.endswith("/h")] == ["11/h", "12/h"]
    assert (child.returncode, err) == (0, b"")
    assert none.startswith(b"None of the 4 events that the engine still holds fits.")


async def test_a_follower_outlives_a_restart_of_the_engine_and_says_so(tmp_path: Path) -> None:
    socket = f"unix:{tmp_path}/control.sock"
    wanted = settings(tmp_path, {}, **{"control-api": {"listen": socket}})
    async with AsyncExitStack() as stack:
        async with running(wanted, SystemClock()) as run:
            await operations.put_lease(run.engine, lease(run, "before", 10))
            child = await stack.enter_async_context(tidegate(socket, "--follow", "--json"))
            before = await told(child)
            await until(lambda: run.engine.events.followers == 1, seconds=30)
            await operations.put_lease(run.engine, lease(run, "live", 20))
            live = await told(child)
        assert "trying again until it answers" in await noted(child)
        async with running(wanted, SystemClock()) as run:
            assert "the engine has been started again; going on" in await noted(child)
            missed = await told(child)
            await operations.put_lease(run.engine, lease(run, "after", 30))
            after = await told(child)
            child.send_signal(signal.SIGINT)
            async with asyncio.timeout(30):
                assert await child.wait() == 0
    assert [one["fields"]["lease"] for one in (before, live, after)] == ["before", "live", "after"]
    assert missed["kind"] == "events.missed"
    assert {one["schema"] for one in (before, live, missed, after)} == {"event/v1"}


async def test_without_an_engine_it_is_exit_code_3(tmp_path: Path) -> None:
    async with tidegate(f"unix:{tmp_path}/none.sock", "--follow") as child:
        _, err = await child.communicate()
        assert child.returncode == 3
    assert err.startswith(b"tidegate: no engine answers at unix:")
