"""People who press "this is spam": remembers what was delivered, and writes the reports (ARF, RFC 5965)."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from lab.manners import Provider
from lab.realtime.mail import Mailbox
from lab.simulation.physics import BAD, GOOD
from lab.simulation.scenarios import GOOD_COMPLAINTS, Script
from lab.simulation.signals import Complaints
from lab.traffic import Message

_KEPT: Final = 40
"""Messages of an hour, provider and kind that somebody may still complain about."""
_MEMORY: Final = 72
"""Hours; nearly all complaints come within a day."""

_Slot = tuple[int, int]


@dataclass(slots=True)
class _Delivered:
    """One hour at one provider: how many of each kind came, and some of them with recipient and header."""

    counts: list[int] = field(default_factory=lambda: [0, 0])
    samples: tuple[list[tuple[str, bytes]], list[tuple[str, bytes]]] = field(default_factory=lambda: ([], []))


class Complainants:
    """The people of one world. `draws` is theirs."""

    def __init__(self, script: Script, draws: np.random.Generator) -> None:
        self._bad_share = script.campaign.complaints if script.campaign else 0.0
        self._draws = draws
        self._delivered: dict[_Slot, _Delivered] = defaultdict(_Delivered)

    def got(self, provider: int, hour: int, recipient: str, content: bytes) -> None:
        """A message came in an hour (hours since the start of the world)."""
        here, kind = self._delivered[hour, provider], Mailbox.of(recipient).kind
        here.counts[kind] += 1
        if len(here.samples[kind]) < _KEPT:
            here.samples[kind].append((recipient, content.partition(b"\r\n\r\n")[0]))

    def pick(self, complaints: Complaints) -> Iterator[tuple[str, bytes]]:
        """Who complains, with the header of the mail; nobody twice about the same."""
        here = self._delivered[complaints.sent, complaints.provider]
        annoyance = (here.counts[GOOD] * GOOD_COMPLAINTS, here.counts[BAD] * self._bad_share)
        for _ in range(complaints.count):
            wants_bad = self._draws.uniform() * sum(annoyance) < annoyance[BAD]
            samples = here.samples[BAD if wants_bad else GOOD] or here.samples[GOOD if wants_bad else BAD]
            if samples:
                yield samples.pop()

    def forget(self, hour: int) -> None:
        """Drop what nobody complains about any more."""
        for slot in [slot for slot in self._delivered if slot[0] < hour - _MEMORY]:
            del self._delivered[slot]


def report(ident: str, provider: Provider, source: str, loop: str, about: tuple[str, bytes]) -> Message:
    """A provider's report to the address `loop` about mail from a source IP."""
    recipient, header = about
    sender = f"fbl@{provider.domain}"
    boundary = "=_arf"
    lines = [
        f"From: {sender}",
        f"To: {loop}",
        "Subject: FW: complaint",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/report; report-type=feedback-report; boundary="{boundary}"',
        "",
        f"--{boundary}",
        "Content-Type: text/plain",
        "",
        "This is an email abuse report.",
        f"--{boundary}",
        "Content-Type: message/feedback-report",
        "",
        "Feedback-Type: abuse",
        f"User-Agent: {provider.name}/1.0",
        "Version: 1",
        f"Source-IP: {source}",
        f"Original-Rcpt-To: <{recipient}>",
        f"--{boundary}",
        "Content-Type: text/rfc822-headers",
        "",
        *header.decode("latin-1").split("\r\n"),
        f"--{boundary}--",
        ".",
    ]
    return Message(ident, sender, (loop,), "\r\n".join(lines).encode("latin-1") + b"\r\n")
