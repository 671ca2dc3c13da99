"""One long-running program: its log, its clock, its signals, its exit code."""

import asyncio
import gc
import logging
import os
import signal
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

from core.clock import Clock
from core.errors import TidegateError
from tidegate import logs
from tidegate.cli.exit_codes import ExitCode, code_of
from tidegate.config.load import Loaded

log = logging.getLogger(__name__)

ORIGIN = "TIDEGATE_CLOCK_ORIGIN"
"""When a rehearsal's clock agrees with the real one: `tidegate run` tells both of its programs."""

_YOUNG = 10_000
"""New containers between two looks of the cycle collector (Python: 700)."""

Program = Callable[[asyncio.Event], Coroutine[Any, Any, None]]
LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def clock_of(loaded: Loaded) -> Clock:
    """The clock that the configuration asks for, anchored where the supervisor said."""
    settings = loaded.config.clock
    origin = os.environ.get(ORIGIN)
    return (settings.anchored(datetime.fromisoformat(origin)) if origin else settings).clock()


def run(name: str, loaded: Loaded, program: Program, loop_factory: LoopFactory | None = None) -> int:
    """Run `program` until SIGTERM or SIGINT sets the event that it is given. Returns the exit code."""
    spare_the_collector()
    logs.configure(loaded.config.logging, loaded.redactor, name)
    for caution in loaded.cautions:
        if caution.concerns(name):
            log.warning("%s", caution.text, extra={"event": "config.warning"})
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(_until_told(program))
    except TidegateError as error:
        log.error("%s", error, extra={"event": f"{name}.failed"})  # noqa: TRY400 - the sentence says it all
        return int(code_of(error))
    except Exception:
        log.exception("The program failed", extra={"event": f"{name}.failed"})
        return int(ExitCode.FAILED)
    log.info("Stopped", extra={"event": f"{name}.stopped"})
    return int(ExitCode.OK)


def spare_the_collector() -> None:
    """Let Python's cycle collector look at what comes and goes, and not at all that was imported.

    Measured on a sweep of 230,000 look-ups: it took an eighth of the time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG)


def fast_loop() -> LoopFactory | None:
    """uvloop's event loop, or None where it is not installed."""
    try:
        import uvloop  # noqa: PLC0415 - only there on Linux
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _until_told(program: Program) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await program(stop)
