"""What every act works with: the lab, Tidegate's processes, and honest ways to look at both."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlmodel import Session

from core.address import IpAddress
from core.clock import NANOSECONDS, Clock, SystemClock
from core.incident import Incident
from core.lease import Lease
from lab import ledger
from lab.mailbox import Mail
from lab.traffic import Stream, Traffic
from lab.world import Lab
from storage import database, incidents
from tidegate import child
from tidegate.child import Child
from tidegate.client import EngineClient
from tidegate.demo.console import Console, Tone
from tidegate.demo.step import Look, Step, StepFailed


@dataclass(slots=True)
class Stage:
    """`clock` runs at the demo's speed, `watch` in real time; `page` is the address of the web monitor.

    `facts` are left for the last act. Deadlines are real seconds at the usual speed; `patience` multiplies
    them for a slower story.
    """

    lab: Lab
    clock: Clock
    console: Console
    directory: Path
    config: Path
    page: str
    client: EngineClient
    traffic: Traffic
    streams: list[Stream] = field(default_factory=list)
    watch: SystemClock = field(default_factory=SystemClock)
    facts: dict[str, Any] = field(default_factory=dict)
    patience: float = 1.0
    checks: set[str] = field(default_factory=set)
    sending: asyncio.Task[None] | None = None
    process: Child | None = None
    _database: Engine | None = None

    @property
    def real(self) -> float:
        return self.watch.monotonic_ns() / NANOSECONDS

    def say(self, text: str, tone: Tone = Tone.QUIET) -> None:
        """A timed line."""
        self.console.event(self.real, self.clock.now(), text, tone)

    async def expect(self, name: str, expected: str, seconds: float, look: Look) -> str:
        """Wait for a step and print its proof. Raises StepFailed."""
        self.checks.add(name)

        async def alive() -> str | None:
            if self.sending is not None and self.sending.done():
                raise StepFailed(name, f"the traffic source ended: {self.sending.exception()!r}")
            if self.process is not None and self.process.exit_code is not None:
                raise StepFailed(name, f"`tidegate run` ended with exit code {self.process.exit_code}")
            return await look()

        proof = await Step(name, expected, seconds * self.patience, alive).observed(self.watch)
        self.say(proof, Tone.DONE)
        return proof

    def insist(self, name: str, *, true: bool, otherwise: str) -> None:
        """Something that must hold now. Raises StepFailed."""
        self.checks.add(name)
        if not true:
            raise StepFailed(name, otherwise)

    async def start(self) -> None:
        """Start `tidegate run`; its log goes to run.log."""
        self.process = await Child.started(self.config, self.directory / "run.log")

    async def stop(self) -> int | None:
        """Ask the processes to finish, and make them if they do not. Returns the exit code."""
        process, self.process = self.process, None
        return None if process is None else await process.stop()

    async def cli(self, *words: str, most: int = 30, table: bool = False) -> str:
        """Run a command of the real command line and quote what it prints. Raises StepFailed."""
        process = await asyncio.create_subprocess_exec(
            *child.command(self.config, *words),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=child.environment(),
        )
        out = (await process.communicate())[0].decode("utf-8", "replace")
        if process.returncode:
            raise StepFailed(f"command {words[0]}", f"`tidegate {' '.join(words)}` failed: {out.strip()}")
        self.console.command(words)
        self.console.quote(out, most, table=table)
        return out

    def query(self, ask: Callable[[Session], Any]) -> Any:
        """One look at the monitor's and controller's records."""
        if self._database is None:
            self._database = database.open_database(f"sqlite:///{self.directory / 'tidegate.db'}")
        with database.reading(self._database) as session:
            return ask(session)

    def close(self) -> None:
        if self._database is not None:
            self._database.dispose()
        self.client.__exit__(None, None, None)

    def open_incidents(self, ip: IpAddress | None = None) -> list[Incident]:
        """Open incidents, all or about one IP."""
        found: list[Incident] = self.query(incidents.open_incidents)
        return [one for one in found if ip is None or one.ip == ip]

    async def leases(self, ip: IpAddress | None = None) -> list[Lease]:
        """What the engine holds to now, as it says itself."""
        found = await asyncio.to_thread(self.client.held_leases)
        return [one for one in found if ip is None or one.scope.source_ip == ip]

    def mails(self, wanted: Callable[[Mail], bool]) -> list[Mail]:
        return self.lab.mailbox.matching(wanted)

    def sent_per_hour(self, ip: IpAddress, since: datetime, provider: str | None = None) -> float:
        """What the providers saw from an IP since then: attempted recipients an hour."""
        seen = ledger.attempts(self.lab.ledger.since(since), address=str(ip), provider=provider)
        return ledger.per_hour(seen, since, self.clock.now())

    async def pass_hours(self, hours: float) -> None:
        """Let the story's clock move on."""
        await self.clock.sleep(hours * 3600)


def names(items: Sequence[object]) -> str:
    """`a, b and c`."""
    texts = [str(item) for item in items]
    return " and ".join(filter(None, (", ".join(texts[:-1]), *texts[-1:])))
