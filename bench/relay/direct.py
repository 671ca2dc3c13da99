"""Nothing between the two tools: what no mail server measured with them can exceed."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from bench.relay import packages
from bench.relay.contender import Relay, Site


@dataclass(frozen=True, slots=True)
class Direct:
    """smtp-source straight into smtp-sink."""

    name: str = "limit"

    async def version(self) -> str:
        for program in ("smtp-source", "smtp-sink"):
            await packages.installed(program, "postfix")
        return "smtp-source into smtp-sink"

    @contextlib.asynccontextmanager
    async def running(self, site: Site) -> AsyncIterator[Relay]:
        yield Relay(site.sink_port, None)
