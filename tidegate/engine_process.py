"""`tidegate engine`: the delivery engine as a program of its own."""

import asyncio

from engine import service
from tidegate import process
from tidegate.config.load import Loaded


def main(loaded: Loaded) -> int:
    """Run the engine until a signal, then drain. Returns the exit code."""
    config, clock = loaded.config, process.clock_of(loaded)
    binds = {source.address: source.bind for source in config.source_ips}

    async def serve(stop: asyncio.Event) -> None:
        await service.serve(config.engine, clock, stop, binds)

    return process.run("engine", loaded, serve, _fast_loop())


def _fast_loop() -> process.LoopFactory | None:
    try:
        import uvloop  # noqa: PLC0415 - only there on Linux
    except ImportError:
        return None
    return uvloop.new_event_loop
