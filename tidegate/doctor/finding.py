"""What one check found, and what a check is."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tidegate.config.model import Config


class Verdict(StrEnum):
    """How bad it is."""

    FINE = "fine"
    UNWISE = "mend"
    BROKEN = "broken"
    UNKNOWN = "not known"

    @property
    def rank(self) -> int:
        return (Verdict.FINE, Verdict.UNKNOWN, Verdict.UNWISE, Verdict.BROKEN).index(self)


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence about one thing, and what to do about it. No secret is ever in either."""

    check: str
    verdict: Verdict
    said: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """What is examined: a configuration without mistakes, where it stands, and the present moment."""

    config: Config
    path: str
    now: datetime


Check = Callable[[Patient], Awaitable[Sequence[Finding]]]
"""Looks at one thing. It may raise: then the thing could not be looked at.

To add one, write such a function in this package and name it in `examine.CHECKS`.
"""


def beside(look: Callable[[Patient], Sequence[Finding]]) -> Check:
    """A check that waits for files or sockets without `async`: it runs in a thread."""

    async def check(patient: Patient) -> Sequence[Finding]:
        return await asyncio.to_thread(look, patient)

    return check


def fine(check: str, said: str) -> Finding:
    return Finding(check, Verdict.FINE, said)


def unwise(check: str, said: str, mend: str) -> Finding:
    return Finding(check, Verdict.UNWISE, said, mend)


def broken(check: str, said: str, mend: str) -> Finding:
    return Finding(check, Verdict.BROKEN, said, mend)


def some(names: Iterable[object], most: int = 5) -> str:
    """`a, b, c and 4 more`."""
    known = [str(name) for name in names]
    more = f" and {len(known) - most} more" if len(known) > most else ""
    return ", ".join(known[:most]) + more
