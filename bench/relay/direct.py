"""Nothing between the two tools: what no mail server measured with them can exceed."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from bench.relay.contender import Relay, Site
from bench.relay.load import tool


@dataclass(frozen=True, slots=True)
class Direct:
    """smtp-source straight into smtp-sink."""

    name: str = "limit"

    async def version(self) -> str:
        tool("smtp-source", "postfix")
        tool("smtp-sink", "postfix")
        return "smtp-source into smtp-sink"

    @contextlib.asynccontextmanager
    async def running(self, site: Site) -> AsyncIterator[Relay]:
        yield Relay(site.sink_port, None)
