"""What a mail server has to be able to do to be measured."""

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.relay.processes import ProcessGroup

Audit = Callable[[], Awaitable[Mapping[str, float]]]


@dataclass(frozen=True, slots=True)
class Site:
    """Where a contender keeps its files, where it has to deliver, and what it is wrapped in (strace)."""

    folder: Path
    sink_port: int
    wrapper: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Relay:
    """A running contender. `audit` is what it counts about itself, where it can; `group` is None
    where nothing stands between the tools."""

    port: int
    group: ProcessGroup | None
    audit: Audit | None = None


class Contender(Protocol):
    """A mail server in its sane relay configuration: durable, with its logs, everything to one sink."""

    @property
    def name(self) -> str: ...

    async def version(self) -> str:
        """Also finds it or fetches it. Raises Unavailable."""

    def running(self, site: Site) -> contextlib.AbstractAsyncContextManager[Relay]:
        """Started on fresh folders, listening; stopped when the context ends."""
