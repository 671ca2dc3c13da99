"""A step of the story: something that must be observed before its deadline, and the proof of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from core.clock import NANOSECONDS, Clock
from core.errors import EngineUnreachable, OperatorError

POLL = 0.1
"""Real seconds between two looks."""

Look = Callable[[], Awaitable[str | None]]
"""Returns the proof once the thing has happened, else None."""


class StepFailed(Exception):  # noqa: N818 - reads as what happened
    """A step did not happen. The text names it."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name}: {why}")
        self.name = name
        self.why = why


@dataclass(frozen=True, slots=True)
class Step:
    """`name` identifies it in a failure; `expected` is the sentence that ought to come true.

    `seconds` is the deadline in real seconds, counted from when the step begins.
    """

    name: str
    expected: str
    seconds: float
    look: Look

    async def observed(self, clock: Clock) -> str:
        """The proof; `clock` counts the real seconds. Raises StepFailed when the deadline passes first."""
        trouble = ""
        until = clock.monotonic_ns() + round(self.seconds * NANOSECONDS)
        while clock.monotonic_ns() < until:
            try:
                proof = await self.look()
            except (EngineUnreachable, OperatorError) as error:
                # a process that starts up does not answer yet; the last words are told if it never does
                proof, trouble = None, f" ({error})"
            if proof is not None:
                return proof
            await clock.sleep(POLL)
        raise StepFailed(self.name, f"did not happen within {self.seconds:g} s: {self.expected}{trouble}")
