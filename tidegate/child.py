"""`tidegate run` as a child process, for the demo and for rehearsals."""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_STOPPING = 20.0
"""Real seconds that the processes get to drain."""


def command(config: Path, *words: str) -> list[str]:
    """One of the real command line's commands, with this configuration."""
    return [sys.executable, "-m", "tidegate", *words, "--config", str(config)]


def environment() -> dict[str, str]:
    """Ours, without what would point the commands at another Tidegate."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TIDEGATE_")}
    return {**kept, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1", "TZ": "UTC"}


@dataclass(frozen=True, slots=True)
class Child:
    """The supervisor, which runs engine and watch as processes of their own."""

    _process: asyncio.subprocess.Process

    @classmethod
    async def started(cls, config: Path, log: Path) -> Self:
        """Start it; what it says goes to `log`."""
        with log.open("wb") as out:
            process = await asyncio.create_subprocess_exec(
                *command(config, "run"), stdout=out, stderr=out, env=environment(), start_new_session=True
            )
        return cls(process)

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.returncode

    async def stop(self) -> int | None:
        """Ask the processes to finish, and make them if they do not. Returns the exit code."""
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                self._process.send_signal(number)
            with suppress(TimeoutError):
                async with asyncio.timeout(_STOPPING):
                    return await self._process.wait()
        return None
