"""`tidegate engine`: the delivery engine as a program of its own."""

import asyncio
import gc
import signal
from collections.abc import Callable

from engine import service
from engine.reload import Configuration
from engine.service import Running
from tidegate import process
from tidegate.config.load import Loaded

_YOUNG_OBJECTS = 50_000
"""Between two looks of the cycle collector: mail makes no cycles, and each look costs as much as is alive."""


def main(loaded: Loaded, load: Callable[[], Loaded] | None = None) -> int:
    """Run the engine until a signal, then drain. Returns the exit code.

    `load` reads the configuration again, on SIGHUP and when the control API asks for it.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is something to reload
    clock = process.clock_of(loaded)
    first = _configuration(loaded)
    reload = (lambda: _configuration(load())) if load else None

    async def serve(stop: asyncio.Event) -> None:
        await service.serve(first.settings, clock, stop, first.binds, reload=reload, started=_begin)

    return process.run("engine", loaded, serve, process.fast_loop())


def _configuration(loaded: Loaded) -> Configuration:
    binds = {source.address: source.bind for source in loaded.config.source_ips}
    return Configuration(loaded.config.engine, binds)


def _begin(running: Running) -> None:
    """Heed SIGHUP; spare the cycle collector what lives as long as the engine."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, running.engine.reloads.ask)
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, *gc.get_threshold()[1:])
