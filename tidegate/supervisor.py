"""`tidegate run`: engine and watch as two child processes, each restarted when it crashes."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from core.clock import NANOSECONDS, SystemClock
from tidegate import logs
from tidegate.cli.exit_codes import ExitCode
from tidegate.config.load import Loaded
from tidegate.process import ORIGIN
from tidegate.restarts import GiveUp, RestartIn, Restarts

log = logging.getLogger(__name__)

PROGRAMS = ("engine", "watch")
RELOADS = "engine"
DRAIN = timedelta(seconds=60)


def supervise(config_path: str, loaded: Loaded) -> int:
    """Run both programs until a signal or until one cannot be kept up. Returns the exit code."""
    logs.configure(loaded.config.logging, loaded.redactor, "run")
    environment = dict(os.environ)
    if loaded.config.clock.speed != 1 and not loaded.config.clock.origin:
        environment[ORIGIN] = SystemClock().now().isoformat()
    return asyncio.run(Supervisor(config_path, environment).run())


@dataclass(slots=True)
class Supervisor:
    """Keeps the programs up and takes them down together."""

    config_path: str
    environment: dict[str, str]
    programs: Sequence[str] = PROGRAMS
    command: Sequence[str] = (sys.executable, "-m", "tidegate")
    drain: timedelta = DRAIN
    _children: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _code: int = int(ExitCode.OK)

    async def run(self) -> int:
        """Start, watch, and on a signal drain. Returns the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked_to_stop, number)
        loop.add_signal_handler(signal.SIGHUP, self._asked_to_reload)
        keepers = [asyncio.create_task(self._keep(program)) for program in self.programs]
        try:
            await self._stopping.wait()
            await self._take_down()
            await asyncio.gather(*keepers)
        finally:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                loop.remove_signal_handler(number)
        log.info("Stopped with exit code %d", self._code, extra={"event": "run.stopped", "code": self._code})
        return self._code

    def _asked_to_stop(self, number: int) -> None:
        if self._stopping.is_set():
            log.warning("Asked again: the programs are killed", extra={"event": "run.killed"})
            self._signal_all(signal.SIGKILL)
            return
        log.info(
            "Stopping on %s; deliveries in flight are finished first",
            signal.Signals(number).name,
            extra={"event": "run.stopping"},
        )
        self._stopping.set()

    def _asked_to_reload(self) -> None:
        """Hand it on to the engine, the one program that reloads; the watch needs a restart."""
        engine = self._children.get(RELOADS)
        if engine is not None and engine.returncode is None:
            log.info("The engine reloads its configuration", extra={"event": "run.reloading"})
            engine.send_signal(signal.SIGHUP)

    async def _keep(self, program: str) -> None:
        restarts = Restarts()
        clock = SystemClock()
        while not self._stopping.is_set():
            started = clock.monotonic_ns()
            code = await self._run_once(program)
            if self._stopping.is_set():
                self._note_last(program, code)
                return
            now = clock.monotonic_ns()
            verdict = restarts.after_exit(code, (now - started) / NANOSECONDS, now / NANOSECONDS)
            match verdict:
                case GiveUp(reason):
                    log.error(
                        "%s: %s; everything stops",
                        program,
                        reason,
                        extra={"event": "run.gave-up", "program": program},
                    )
                    self._code = code if code > 0 else int(ExitCode.FAILED)
                    self._stopping.set()
                case RestartIn(seconds, reason):
                    log.error(
                        "%s: %s; it starts again in %g s",
                        program,
                        reason,
                        seconds,
                        extra={"event": "run.restarting", "program": program, "code": code},
                    )
                    await self._wait(seconds)

    async def _run_once(self, program: str) -> int:
        """Run a program to its end. A negative code is the signal that ended it."""
        process = await asyncio.create_subprocess_exec(
            *self.command, program, "--config", self.config_path, env=self.environment, start_new_session=True
        )
        self._children[program] = process
        log.info(
            "%s started", program, extra={"event": "run.started", "program": program, "pid": process.pid}
        )
        if self._stopping.is_set():
            process.terminate()
        code = await process.wait()
        del self._children[program]
        return code

    def _note_last(self, program: str, code: int) -> None:
        if code not in {0, -signal.SIGTERM}:
            log.error("%s ended with %s while stopping", program, code, extra={"event": "run.child-failed"})
            self._code = self._code or int(ExitCode.FAILED)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _take_down(self) -> None:
        """Ask every child to finish; kill those that have not after the drain time."""
        self._signal_all(signal.SIGTERM)
        try:
            async with asyncio.timeout(self.drain.total_seconds()):
                while self._children:
                    await asyncio.gather(*(child.wait() for child in list(self._children.values())))
                    await asyncio.sleep(0)
        except TimeoutError:
            log.error(  # noqa: TRY400 - the sentence says it all
                "Not finished after %g s: killed", self.drain.total_seconds(), extra={"event": "run.killed"}
            )
            self._signal_all(signal.SIGKILL)

    def _signal_all(self, number: signal.Signals) -> None:
        for child in list(self._children.values()):
            if child.returncode is None:
                child.send_signal(number)
