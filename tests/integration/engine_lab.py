"""An engine in this process, delivering into the lab over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from core.clock import Clock, SystemClock
from engine.service import Running, running
from engine.settings import EngineSettings
from lab.traffic import Outcome, Stream
from lab.world import Lab

TOKENS = {"reader": "read-token-1", "operator": "operate-token-1", "chief": "admin-token-1"}


@dataclass(frozen=True, slots=True)
class Rig:
    """A running engine, its lab, and an API client with the operator's token."""

    lab: Lab
    run: Running
    api: httpx.AsyncClient

    async def until(self, happened: Callable[[], bool], seconds: float = 15.0) -> None:
        """Wait for real events in other sockets; the only wait that the clock cannot serve."""
        async with asyncio.timeout(seconds):
            while not happened():
                await asyncio.sleep(0.02)


def settings_for(lab: Lab, folder: Path, more: Mapping[str, Any] | None = None) -> EngineSettings:
    """An engine configuration for the lab; `more` is laid over it, section by section."""
    written: dict[str, Any] = {
        "hostname": "mta.lab.test",
        "listen": [f"127.0.0.1:{lab.engine_port}"],
        "spool": str(folder / "spool"),
        "accounting-files": [{"path": str(folder / "accounting.jsonl")}],
        "smtp-port": lab.smtp_port,
        "resolver": {"nameservers": [f"{lab.dns.host}:{lab.dns.port}"], "timeout": "1s"},
        "control-api": {
            "listen": f"127.0.0.1:{lab.api_port}",
            "tokens": [
                {"name": name, "token": token, "scope": scope}
                for (name, token), scope in zip(TOKENS.items(), ("read", "operate", "admin"), strict=True)
            ],
        },
        "routes": {"sender.test": {"hosts": [f"127.0.0.1:{lab.mailbox.port}"]}},
        "default-virtual-mta": "marketing",
        "virtual-mtas": {
            pool.name: {
                "source-ips": [{"address": str(s.address), "bind": str(s.bind)} for s in pool.sources]
            }
            for pool in lab.pools
        },
        "providers": {who.ident: {"mx": [f"*.{who.domain}"]} for who in lab._who},
    }
    return EngineSettings.model_validate({**written, **(more or {})})


async def offer(lab: Lab, stream: Stream, count: int, recipients: int = 1) -> Outcome:
    """Offer messages as fast as the engine takes them; what came of each."""
    traffic = lab.traffic(run=stream.domain)
    try:
        return await traffic.send(stream, count, recipients)
    finally:
        await traffic.close()


@asynccontextmanager
async def rig(
    lab: Lab, folder: Path, more: Mapping[str, Any] | None = None, clock: Clock | None = None
) -> AsyncIterator[Rig]:
    """An engine for as long as the context is open; the lab is the caller's and outlives it."""
    async with running(settings_for(lab, folder, more), clock or SystemClock()) as run:
        headers = {"Authorization": f"Bearer {TOKENS['operator']}"}
        async with httpx.AsyncClient(base_url=run.api, headers=headers, timeout=30) as api:
            yield Rig(lab, run, api)
