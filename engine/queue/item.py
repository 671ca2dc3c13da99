"""A message in memory and one recipient of it that waits. A million may: packed, nothing kept twice."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar

from engine.smtp.dsn import Wishes

_FACTS: Final = struct.Struct("<dI")
_MOST_SHARED: Final = 10_000
_T = TypeVar("_T")


class _Terms(NamedTuple):
    """What the messages of a campaign have in common."""

    vmta: str
    job: str
    eight_bit: bool
    smtp_utf8: bool


_senders: Final[dict[str, str]] = {}
_terms: Final[dict[_Terms, _Terms]] = {}


class QueuedMessage:
    """What delivery needs to know of a stored message; its content stays in the spool.

    `received_at` is in POSIX seconds on the engine's clock, `size` the content's in bytes. Seldom-asked facts
    and the first address are one bytes object: it takes half the room of its parts.
    """

    __slots__ = ("_all", "_packed", "_terms", "id", "sender", "wishes")

    def __init__(  # noqa: PLR0913, PLR0917 - one for each fact
        self,
        id: int,  # noqa: A002 - its name everywhere
        sender: str,
        recipients: tuple[str, ...],
        size: int,
        vmta: str,
        job: str,
        eight_bit: bool,  # noqa: FBT001 - as the envelope has it
        smtp_utf8: bool,  # noqa: FBT001
        received_at: float,
        wishes: Wishes | None = None,
    ) -> None:
        self.id = id
        self.sender = _share(_senders, sender)
        self.wishes = wishes
        self._terms = _share(_terms, _Terms(vmta, job, eight_bit, smtp_utf8))
        self._packed = _FACTS.pack(received_at, size) + recipients[0].encode("utf-8", "surrogateescape")
        self._all = recipients if len(recipients) > 1 else ()

    @property
    def received_at(self) -> float:
        at: float = _FACTS.unpack_from(self._packed)[0]
        return at

    @property
    def size(self) -> int:
        size: int = _FACTS.unpack_from(self._packed)[1]
        return size

    @property
    def vmta(self) -> str:
        return self._terms.vmta

    @property
    def job(self) -> str:
        return self._terms.job

    @property
    def eight_bit(self) -> bool:
        return self._terms.eight_bit

    @property
    def smtp_utf8(self) -> bool:
        return self._terms.smtp_utf8

    def address(self, index: int) -> str:
        """The address of the envelope's recipient with that number, from 0."""
        if self._all:
            return self._all[index]
        return self._packed[_FACTS.size :].decode("utf-8", "surrogateescape")


@dataclass(slots=True, eq=False)
class QueuedRecipient:
    """One recipient that is not settled yet."""

    message: QueuedMessage
    index: int
    attempts: int = 0
    first_attempt_at: float = 0.0
    """POSIX seconds on the engine's clock; 0 before, and after a restart unknown."""

    @property
    def address(self) -> str:
        return self.message.address(self.index)


class Batch(NamedTuple):
    """Recipients of one message that go out in one transaction."""

    recipients: tuple[QueuedRecipient, ...]

    @property
    def message(self) -> QueuedMessage:
        return self.recipients[0].message


def domain_of(address: str) -> str:
    """The domain that an address is delivered to, in lower case."""
    return address.rpartition("@")[2].lower()


def _share(known: dict[_T, _T], value: _T) -> _T:
    """The equal value that others hold already; `known` starts anew at times, so that it stays small."""
    if len(known) >= _MOST_SHARED:
        known.clear()
    return known.setdefault(value, value)
