"""The tools at both ends: smtp-source offers messages, smtp-sink takes them and counts."""

import asyncio
import contextlib
import os
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from bench.relay.errors import BenchError, Unavailable
from bench.relay.processes import ProcessGroup
from lab.ports import free_port

SEARCH = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"
SENDER, RECIPIENT = "from@bench.test", "to@dest.test"
_COUNTED = re.compile(rb"mesg=(\d+)")
_LAST_LINE = 200


class Connections(StrEnum):
    """How smtp-source uses its connections."""

    KEPT = "kept"
    NEW = "new for each message"


@dataclass(frozen=True, slots=True)
class Load:
    """What smtp-source offers. `size` in octets of body; each recipient differs if `numbered`."""

    messages: int
    size: int = 4096
    sessions: int = 50
    connections: Connections = Connections.KEPT
    numbered: bool = False

    def of(self, messages: int) -> "Load":
        return replace(self, messages=messages)

    def __str__(self) -> str:
        return f"{self.size // 1024} KiB, {self.sessions} sessions, connections {self.connections}"


def tool(name: str, package: str) -> str:
    """The path of a program. Raises Unavailable."""
    found = shutil.which(name, path=SEARCH)
    if found is None:
        raise Unavailable(f"{name} is absent: apt-get install {package}")
    return found


async def offer(load: Load, port: int) -> None:
    """Hand over all messages; returns when the last one was accepted. Raises BenchError."""
    flags = [*(["-d"] if load.connections is Connections.KEPT else []), *(["-N"] if load.numbered else [])]
    numbers = ["-s", str(load.sessions), "-l", str(load.size), "-m", str(load.messages)]
    process = await asyncio.create_subprocess_exec(
        tool("smtp-source", "postfix"),
        *flags,
        *numbers,
        *("-f", SENDER, "-t", RECIPIENT),
        f"127.0.0.1:{port}",
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, said = await process.communicate()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    if process.returncode != 0:
        raise BenchError(f"smtp-source ended with {process.returncode}: {said.decode(errors='replace')}")


@dataclass(frozen=True, slots=True)
class Sink:
    """A running smtp-sink. It stays up: with -M it would vanish before it acknowledged the last message."""

    port: int
    output: Path
    pid: int

    def count(self) -> int:
        """Messages taken since it started."""
        with self.output.open("rb") as file:
            file.seek(max(0, self.output.stat().st_size - _LAST_LINE))
            counts = _COUNTED.findall(file.read())
        return int(counts[-1]) if counts else 0


@contextlib.asynccontextmanager
async def sink(folder: Path) -> AsyncIterator[Sink]:
    port = free_port()
    log = folder / "sink.log"
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(tool("smtp-sink", "postfix"), *user, "-m", "1000", "-c", f"127.0.0.1:{port}", "1000"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
        )
    try:
        await until_listening(port)
        yield Sink(port, log, process.pid)
    finally:
        process.terminate()
        await process.wait()


async def until_listening(port: int, group: ProcessGroup | None = None, seconds: float = 30) -> None:
    """Wait for a greeting on 127.0.0.1:`port`. Raises BenchError with the end of the server's log."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not (group and group.ended):
                if await _greets(port):
                    return
                await asyncio.sleep(0.05)
    raise BenchError(f"no server greets on port {port}. {group.said() if group else ''}")


async def _greets(port: int) -> bool:
    with contextlib.suppress(OSError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            greeting = await reader.readline()
            writer.write(b"QUIT\r\n")
            await reader.readline()
        finally:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
        return greeting.startswith(b"220")
    return False
