"""What a trace comes to: how many recipients got which answer, and where the time went."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

_PHASES: Final = {
    "begun": "names",
    "resolved": "connecting",
    "connecting": "connecting",
    "connected": "greeting",
    "content": "content",
    "written": "reply to the content",
    "result": "waiting for mail",
}
"""What goes on from an event until the next one that is named here or in _VERBS."""

_VERBS: Final = {
    "EHLO": "EHLO",
    "HELO": "EHLO",
    "STARTTLS": "TLS",
    "RSET": "envelope",
    "MAIL": "envelope",
    "QUIT": "QUIT",
}


class Sums:
    """A fold over steps. `phases` in milliseconds, in the order in which they first occurred."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended = 0
        self.results: Counter[str] = Counter()
        self.replies: Counter[str] = Counter()
        self.phases: dict[str, float] = {}
        self.reasons: list[str] = []
        self._now: dict[int, tuple[str, float]] = {}

    def take(self, step: Mapping[str, Any]) -> None:
        """One more step."""
        number, at, event = int(step.get("connection", 0)), float(step.get("ms", 0)), str(step["event"])
        if event == "begun":
            self.begun += 1
        elif event == "result":
            self.results[str(step.get("result"))] += 1
            if step.get("result") != "delivered":
                self.replies[str(step.get("reply"))] += 1
        following = _phase(event, step)
        if following or event == "closed":
            self._turn(number, at, following)
        if event == "closed":
            self.ended += 1
            self.reasons.append(str(step.get("why")))

    def document(self) -> dict[str, Any]:
        """As the last line of JSON."""
        counts = {name: self.results[name] for name in ("delivered", "deferred", "refused")}
        phases = {name: round(ms, 1) for name, ms in self.phases.items()}
        return {"event": "summary", "begun": self.begun, "ended": self.ended, **counts, "phases_ms": phases}

    def _turn(self, number: int, at: float, following: str | None) -> None:
        """One phase of a connection ends, another begins; None: nothing does."""
        current, since = self._now.pop(number, ("", at))
        if current:
            self.phases[current] = self.phases.get(current, 0.0) + at - since
        if following:
            self._now[number] = (following, at)


def _phase(event: str, step: Mapping[str, Any]) -> str | None:
    if event == "said":
        return _VERBS.get(str(step.get("line")).partition(" ")[0].upper())
    return _PHASES.get(event)
