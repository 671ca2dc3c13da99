"""Reloading the configuration: what has changed, in words; what can be taken at once; what needs a restart.

`difference` and `taken` decide; `Reloads` reads, decides and has it applied. The engine never reads a file
itself: whoever started it passes a function that does.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, SecretStr

from core.address import IpAddress, SourceIp
from core.duration import format_duration
from core.errors import ConflictError, OperatorError, TidegateError
from core.settings import hyphenated
from core.text import printable
from engine.events import EventKind
from engine.settings import EngineSettings

if TYPE_CHECKING:
    from engine.engine import Engine

log = logging.getLogger(__name__)

AT_ONCE = (
    "default_virtual_mta",
    "domains",
    "providers",
    "resolver",
    "routes",
    "smtp_pattern_lists",
    "smtp_port",
    "spool_low",
    "virtual_mta_pools",
    "virtual_mtas",
    "warm_up",
)
"""Sections that take effect while the engine runs; of control-api the tokens do. Others need a restart."""

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a reload reads: the settings, and the address that each source IP binds to."""

    settings: EngineSettings
    binds: Mapping[IpAddress, IpAddress]


Source = Callable[[], Configuration]


@dataclass(frozen=True, slots=True)
class Difference:
    """One setting that is not what it was. Secrets are not shown."""

    path: tuple[str, ...]
    before: str
    after: str
    needs_restart: bool

    def __str__(self) -> str:
        where = " ".join(hyphenated(part) for part in self.path)
        return f"{where}: {self.before} → {self.after}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a reload found."""

    changes: tuple[Difference, ...]

    @property
    def summary(self) -> str:
        """`2 domains, 1 routes changed; hostname needs a restart`."""
        if not self.changes:
            return "nothing has changed"
        now = [change for change in self.changes if not change.needs_restart]
        sections = {section: {c.path[1:2] for c in now if c.path[0] == section} for section in AT_ONCE}
        said = [f"{len(found)} {hyphenated(name)}" for name, found in sections.items() if found]
        said += ["tokens"] if any(change.path[:2] == ("control_api", "tokens") for change in now) else []
        later = sorted({hyphenated(change.path[0]) for change in self.changes if change.needs_restart})
        parts = [f"{', '.join(said)} changed"] if said else []
        parts += [f"a restart is needed for {', '.join(later)}"] if later else []
        return "; ".join(parts)


def difference(old: EngineSettings, new: EngineSettings) -> list[Difference]:
    """Every setting that differs, by its path."""
    before, after = dict(_leaves(old)), dict(_leaves(new))
    paths = dict.fromkeys([*before, *after])
    return [
        Difference(
            path, *_shown_pair(before.get(path, _ABSENT), after.get(path, _ABSENT)), _later(path, after)
        )
        for path in paths
        if before.get(path, _ABSENT) != after.get(path, _ABSENT)
    ]


def taken(old: EngineSettings, new: EngineSettings) -> EngineSettings:
    """The settings that hold from now on: new where that can be at once, else old.

    A VirtualMTA that the file no longer has is kept until the restart: mail may wait in its queues.
    """
    updates = {name: getattr(new, name) for name in AT_ONCE}
    updates["virtual_mtas"] = {**old.virtual_mtas, **new.virtual_mtas}
    updates["control_api"] = old.control_api.model_copy(update={"tokens": new.control_api.tokens})
    return old.model_copy(update=updates)


class Reloads:
    """Reads the configuration again when asked. `last_error` is empty after a success."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._lock = asyncio.Lock()
        self._asked: asyncio.Task[None] | None = None
        self.source: Source | None = None
        self.last_error = ""
        self.succeeded_at: datetime = engine.clock.now()

    async def reload(self, *, dry_run: bool = False) -> Outcome:
        """Read, compare, and take over what can be. Raises OperatorError; then the old settings hold on."""
        if self.source is None:
            raise ConflictError("this engine was started without a configuration file")
        async with self._lock:
            try:
                found = await asyncio.to_thread(self.source)
                outcome = self._take(found, dry_run=dry_run)
            except TidegateError as error:
                self._refused(error, dry_run=dry_run)
                raise OperatorError(f"the configuration is not taken: {error}") from error
        return outcome

    def ask(self) -> None:
        """Reload in the background, for a signal."""
        self._asked = asyncio.get_running_loop().create_task(self._quietly())

    async def _quietly(self) -> None:
        try:
            await self.reload()
        except OperatorError:
            return  # it is in the log and in the events

    def _take(self, found: Configuration, *, dry_run: bool) -> Outcome:
        from engine import reconfigure  # noqa: PLC0415 - it knows the engine, which knows us

        old = self._engine.settings
        outcome = Outcome(tuple(difference(old, found.settings)))
        if _sends(old) and not _sends(found.settings):
            raise OperatorError("it names no source IP any more: an emptied or half-written file?")
        merged = taken(old, found.settings)
        plan = reconfigure.prepare(merged, found.binds)
        if dry_run:
            return outcome
        reconfigure.apply(self._engine, plan)
        self.last_error, self.succeeded_at = "", self._engine.clock.now()
        changes = [str(change) for change in outcome.changes]
        self._engine.events.add(EventKind.CONFIG_RELOADED, summary=outcome.summary, changes=changes)
        log.info("Configuration reloaded: %s", outcome.summary, extra={"event": "config.reloaded"})
        return outcome

    def _refused(self, error: TidegateError, *, dry_run: bool) -> None:
        if dry_run:
            return
        self.last_error = str(error)
        self._engine.events.add(EventKind.CONFIG_REFUSED, reason=self.last_error)
        log.error(
            "The configuration is not taken, the old one holds: %s", error, extra={"event": "config.refused"}
        )


def _sends(settings: EngineSettings) -> bool:
    return any(vmta.source_ips for vmta in settings.virtual_mtas.values())


def _leaves(value: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    """Every setting with its path. A list is one setting."""
    if isinstance(value, BaseModel) and not isinstance(value, SourceIp):
        parts = [(name, getattr(value, name)) for name in type(value).model_fields]
    elif isinstance(value, dict):
        parts = [(str(name), one) for name, one in value.items()]
    else:
        return [(path, value)]
    found = [leaf for name, one in parts for leaf in _leaves(one, (*path, name))]
    # a block without any directive of its own is a change too when it comes or goes
    return [leaf for leaf in found if leaf[1] is not None] or ([(path, None)] if path else [])


def _later(path: tuple[str, ...], after: Mapping[tuple[str, ...], Any]) -> bool:
    if path[:2] == ("control_api", "tokens"):
        return False
    if path[0] == "virtual_mtas" and not any(other[:2] == path[:2] for other in after):
        return True
    return path[0] not in AT_ONCE


def _shown_pair(before: Any, after: Any) -> tuple[str, str]:
    if isinstance(before, tuple) and isinstance(after, tuple):
        gone = [_shown(one) for one in before if one not in after]
        new = [_shown(one) for one in after if one not in before]
        if gone or new:
            return "without " + ", ".join(gone) if gone else "as it was", _with(new)
        return "an order", "another order"
    return _shown(before), _shown(after)


def _with(new: list[str]) -> str:
    return "with " + ", ".join(new) if new else "nothing new"


def _shown(value: Any) -> str:
    if value is _ABSENT or value is None:
        return "not set"
    match value:
        case SecretStr():
            text = "(a secret)"
        case tuple():
            text = "[" + ", ".join(_shown(one) for one in value) + "]"
        case timedelta():
            text = format_duration(value)
        case SourceIp():
            text = str(value.address)
        case BaseModel():
            name = getattr(value, "name", None) or getattr(value, "reply", None)
            text = str(name or value.model_dump(mode="json", by_alias=True))
        case _:
            text = str(value)
    return printable(text, 200)
