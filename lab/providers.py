"""A mailbox provider at work on loopback: judges each peer address, answers, and logs every attempt."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.parser import BytesHeaderParser
from random import Random
from typing import Any

from core.clock import Clock
from lab.judge import PERFECT, Stage, Standing, Verdict, judge, seen_with
from lab.ledger import Entry, Ledger, SlidingCount
from lab.manners import Provider
from lab.smtp import SmtpServer

ID_HEADER = "X-Lab-Id"
"""The traffic source's unique id, by which the ledger finds duplicates and losses."""

_OK = "250 2.1.5 OK"

ListedOn = Callable[[str, Sequence[str]], Awaitable[tuple[str, ...]]]
"""Asks DNS on which of these lists an address is; a provider calls it for each new look at a peer."""


@dataclass(slots=True)
class DayTally:
    """One address's day, as its SNDS row will tell it."""

    rcpt_commands: int = 0
    data_commands: int = 0
    recipients: int = 0
    refused: int = 0


@dataclass(slots=True)
class _Peer:
    standing: Standing
    accepted: SlidingCount = field(default_factory=SlidingCount)
    listings: tuple[str, ...] = ()
    looked_at: datetime | None = None


class MailboxProvider:
    """A provider at work: judges, answers, writes the ledger.

    `known_as` maps a socket's address to the one the world sees (the lab's NAT). `seed` fixes the draws.
    """

    look_again_after = timedelta(minutes=10)
    """How long (lab clock) a DNS answer about a peer is believed."""

    def __init__(
        self,
        provider: Provider,
        *,
        clock: Clock,
        ledger: Ledger,
        known_as: Mapping[str, str],
        listed_on: ListedOn,
        seed: int = 1,
        port: int = 0,
    ) -> None:
        self.provider = provider
        self.tallies: dict[str, DayTally] = {}
        self._clock = clock
        self._ledger = ledger
        self._known_as = known_as
        self._listed_on = listed_on
        self._random = Random(f"{seed}:{provider.ident}")  # noqa: S311 - a story's dice, not a secret
        self._peers: dict[str, _Peer] = {}
        self._server = SmtpServer(self, provider.host, port, provider.exchanger)

    @property
    def port(self) -> int:
        return self._server.port

    async def start(self) -> None:
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop()

    def hold_in(self, address: str, score: float) -> None:
        """Set an address's standing by hand; it will not mend above `score` until this is called again."""
        self._peer(address).standing = Standing(score, score, self._clock.now())

    def forgive(self, address: str, score: float = PERFECT) -> None:
        """Set an address's standing to `score` and let it mend fully from there."""
        self._peer(address).standing = Standing(score, PERFECT, self._clock.now())

    async def score(self, address: str) -> float:
        """What this provider thinks of an address now, 0..100."""
        peer = await self._look_at(address)
        return seen_with(peer.standing, peer.listings, self.provider.temper)

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's hook
        self, _server: Any, session: Any, _envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [*responses[:-1], "250-PIPELINING", "250-ENHANCEDSTATUSCODES", responses[-1]]

    async def handle_MAIL(  # noqa: N802
        self, _server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if self.provider.refuses_at is Stage.MAIL:
            verdict = await self._judge(self._address(session))
            if verdict.is_refusal:
                return self._refuse(session, Stage.MAIL, verdict)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Sender OK"

    async def handle_RCPT(  # noqa: N802
        self, _server: Any, session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        source = self._address(session)
        self._tally(source).rcpt_commands += 1
        if self.provider.refuses_at is Stage.RCPT:
            verdict = await self._judge(source)
            if verdict.is_refusal:
                return self._refuse(session, Stage.RCPT, verdict, address)
        envelope.rcpt_tos.append(address)
        self._log(session, Stage.RCPT, _OK, address)
        return _OK

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        source = self._address(session)
        self._tally(source).data_commands += 1
        verdict = Verdict.ACCEPT
        if self.provider.refuses_at is Stage.DATA:
            verdict = await self._judge(source)
        message = BytesHeaderParser().parsebytes(envelope.content).get(ID_HEADER, "")
        reply = self._reply(verdict, source)
        for recipient in envelope.rcpt_tos:
            self._log(session, Stage.DATA, reply, recipient, message)
            self._count(source, verdict)
        return reply

    async def _judge(self, address: str) -> Verdict:
        peer = await self._look_at(address)
        temper = self.provider.temper
        sent = peer.accepted.at(self._clock.now())
        score = seen_with(peer.standing, peer.listings, temper)
        verdict = judge(score, sent, self._random.random(), temper)
        if verdict is Verdict.VOLUME:
            peer.standing = peer.standing.lowered(temper.overrun_penalty)
        return verdict

    async def _look_at(self, address: str) -> _Peer:
        peer = self._peer(address)
        now = self._clock.now()
        peer.standing = peer.standing.at(now, self.provider.temper)
        if peer.looked_at is None or now - peer.looked_at >= self.look_again_after:
            peer.looked_at = now
            peer.listings = await self._listed_on(address, self.provider.consults)
        return peer

    def _peer(self, address: str) -> _Peer:
        return self._peers.setdefault(address, _Peer(Standing(as_of=self._clock.now())))

    def _address(self, session: Any) -> str:
        peer = str(session.peer[0])
        return self._known_as.get(peer, peer)

    def _tally(self, address: str) -> DayTally:
        return self.tallies.setdefault(address, DayTally())

    def _count(self, address: str, verdict: Verdict) -> None:
        if verdict.is_refusal:
            self._tally(address).refused += 1
        else:
            self._tally(address).recipients += 1
            self._peer(address).accepted.add(self._clock.now())

    def _reply(self, verdict: Verdict, address: str) -> str:
        template = self.provider.replies.get(verdict, "250 2.0.0 OK queued")
        return template.format(ip=address)

    def _refuse(self, session: Any, stage: Stage, verdict: Verdict, recipient: str = "") -> str:
        source = self._address(session)
        self._count(source, verdict)
        reply = self._reply(verdict, source)
        self._log(session, stage, reply, recipient)
        return reply

    def _log(self, session: Any, stage: Stage, reply: str, recipient: str, message: str = "") -> None:
        self._ledger.append(
            Entry(
                at=self._clock.now(),
                monotonic_ns=self._clock.monotonic_ns(),
                provider=self.provider.ident,
                peer=str(session.peer[0]),
                address=self._address(session),
                stage=stage,
                domain=recipient.rpartition("@")[2] or self.provider.domain,
                recipient=recipient,
                reply=reply,
                message=message,
            )
        )
