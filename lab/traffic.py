"""A source of mail: offers messages to a listener over SMTP and remembers which it was promised.

`acknowledged` is the set that must arrive, whatever happens to the engine afterwards.
"""

import asyncio
import contextlib
import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from core.clock import Clock
from lab.providers import ID_HEADER

_TICK = 0.05
"""Real seconds between two looks at how much mail is due."""

_NAMES = ("ada", "ben", "cleo", "dirk", "els", "finn", "gwen", "hugo", "iris", "joost")


class Interrupted(Exception):  # noqa: N818 - reads as what happened
    """The listener went away in the middle of a transaction."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Mail of one kind: to one domain through one VirtualMTA, `per_hour` messages by the lab's clock.

    `recipients` of each when it runs by itself; `mailbox` begins their names, instead of a person's.
    """

    domain: str
    vmta: str
    per_hour: float = 60.0
    job: str = "lab"
    padding: int = 0
    recipients: int = 1
    mailbox: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message to offer; `ident` is unique within the source's life."""

    ident: str
    sender: str
    recipients: tuple[str, ...]
    content: bytes


@dataclass(slots=True)
class Outcome:
    """What became of the offered messages, by id. `unanswered` may or may not have been taken."""

    acknowledged: dict[str, tuple[str, ...]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    unanswered: set[str] = field(default_factory=set)

    @property
    def promised(self) -> set[tuple[str, str]]:
        """Every (message id, recipient) that got a 250 after DATA."""
        return {(ident, rcpt) for ident, rcpts in self.acknowledged.items() for rcpt in rcpts}


class Composer:
    """Makes messages with ids `<run>-<n>`; the same seed gives the same recipients."""

    def __init__(self, run: str = "lab", seed: int = 1) -> None:
        self._run = run
        self._numbers = itertools.count(1)
        self._random = Random(seed)  # noqa: S311 - a story's dice, not a secret

    def compose(self, stream: Stream, at: datetime, recipients: int = 1) -> Message:
        """A message of `stream`, dated `at`."""
        ident = f"{self._run}-{next(self._numbers)}"
        people = tuple(self._recipient(stream) for _ in range(recipients))
        lines = [
            "From: News <news@sender.test>",
            f"To: {', '.join(people)}",
            "Subject: This week at the harbour",
            f"Date: {at:%a, %d %b %Y %H:%M:%S +0000}",
            f"Message-ID: <{ident}@sender.test>",
            f"{ID_HEADER}: {ident}",
            f"x-virtual-mta: {stream.vmta}",
            f"x-job: {stream.job}",
            "",
            f"Low water at six. Message {ident}.",
            *("." * 60 for _ in range(stream.padding // 62)),
        ]
        body = "\r\n".join(f".{line}" if line.startswith(".") else line for line in lines)
        return Message(ident, "news@sender.test", people, body.encode() + b"\r\n.\r\n")

    def _recipient(self, stream: Stream) -> str:
        name = stream.mailbox or self._random.choice(_NAMES)
        return f"{name}{self._random.randrange(100_000)}@{stream.domain}"


class Connection:
    """One SMTP client connection, pipelining where the listener offers it (RFC 2920)."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._pipelining = False

    @classmethod
    async def open(cls, host: str, port: int) -> "Connection":
        """Connect and say EHLO. Raises OSError or Interrupted."""
        connection = cls(*await asyncio.open_connection(host, port))
        try:
            await connection._reply()
            offered = await connection._ask("EHLO traffic.lab")
        except BaseException:
            await connection.close()
            raise
        connection._pipelining = "PIPELINING" in offered.upper()
        return connection

    async def offer(self, message: Message) -> str:
        """The reply that decided the message's fate: the last one, or the first refusal."""
        commands = [f"MAIL FROM:<{message.sender}>"]
        commands += [f"RCPT TO:<{recipient}>" for recipient in message.recipients]
        replies = await self._envelope([*commands, "DATA"])
        refusal = next((reply for reply in replies if reply[0] not in "23"), None)
        if not replies[-1].startswith("354"):
            await self._ask("RSET")
            return refusal or replies[-1]
        self._writer.write(message.content)
        final = await self._reply()
        return refusal or final

    async def _envelope(self, commands: Sequence[str]) -> list[str]:
        if not self._pipelining:
            return [await self._ask(command) for command in commands]
        self._writer.write("".join(f"{command}\r\n" for command in commands).encode())
        return [await self._reply() for _ in commands]

    async def _ask(self, command: str) -> str:
        self._writer.write(f"{command}\r\n".encode())
        return await self._reply()

    async def _reply(self) -> str:
        lines = []
        while True:
            raw = await self._reader.readline()
            if not raw.endswith(b"\n"):
                raise Interrupted("the listener closed the connection")
            lines.append(raw.decode("utf-8", "replace").rstrip())
            if lines[-1][3:4] != "-":
                return "\n".join(lines)

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


class Traffic:
    """Offers messages to `host`:`port` over several connections at a time; call `close` in the end."""

    def __init__(
        self, host: str, port: int, *, clock: Clock, run: str = "lab", seed: int = 1, connections: int = 4
    ) -> None:
        self.outcome = Outcome()
        self._target = (host, port)
        self._clock = clock
        self._composer = Composer(run, seed)
        self._connections = connections
        self._idle: list[Connection] = []

    async def send(self, stream: Stream, count: int, recipients: int = 1) -> Outcome:
        """Offer `count` messages as fast as the listener takes them; each is offered once."""
        now = self._clock.now()
        await self.offer(self._composer.compose(stream, now, recipients) for _ in range(count))
        return self.outcome

    async def offer(self, messages: Iterable[Message]) -> None:
        """Offer these messages; returns when each is acknowledged, refused or unanswered."""
        waiting = iter(messages)
        async with asyncio.TaskGroup() as group:
            for _ in range(self._connections):
                group.create_task(self._work(waiting))

    async def run(self, streams: Sequence[Stream]) -> None:
        """Offer mail at the streams' rates until cancelled; the sequence may change meanwhile.

        What was due while the listener was away is offered once, and lost to the source.
        """
        due: defaultdict[int, float] = defaultdict(float)
        before = self._clock.monotonic_ns()
        while True:
            await asyncio.sleep(_TICK)
            now = self._clock.monotonic_ns()
            hours, before = (now - before) / 3.6e12, now
            await self.offer(self._due(streams, due, hours))

    def _due(self, streams: Sequence[Stream], due: defaultdict[int, float], hours: float) -> list[Message]:
        at = self._clock.now()
        placed = []
        for place, stream in enumerate(streams):
            due[place] += stream.per_hour * hours
            whole = int(due[place])
            due[place] -= whole
            placed += [((n + 0.5) / whole, stream) for n in range(whole)]
        # evenly mixed, or else each domain would get its mail in bursts
        placed.sort(key=lambda pair: pair[0])
        return [self._composer.compose(stream, at, stream.recipients) for _, stream in placed]

    async def close(self) -> None:
        """Close the connections that wait for more."""
        while self._idle:
            await self._idle.pop().close()

    async def _work(self, waiting: Iterator[Message]) -> None:
        for message in waiting:
            try:
                connection = self._idle.pop() if self._idle else await Connection.open(*self._target)
            except (OSError, Interrupted):
                self.outcome.unanswered.add(message.ident)
                continue
            try:
                self._note(message, await connection.offer(message))
            except (OSError, Interrupted):
                self.outcome.unanswered.add(message.ident)
                await connection.close()
            except asyncio.CancelledError:
                self.outcome.unanswered.add(message.ident)
                await connection.close()
                raise
            else:
                self._idle.append(connection)

    def _note(self, message: Message, reply: str) -> None:
        if reply.startswith("250"):
            self.outcome.acknowledged[message.ident] = message.recipients
        else:
            self.outcome.refused[message.ident] = reply
