"""When a program that ended is started again: a decider."""

import signal
from dataclasses import dataclass, field

USAGE = 2
STEADY = 60.0
LONGEST = 60.0
MOST = 10
WINDOW = 600.0


@dataclass(frozen=True, slots=True)
class RestartIn:
    """Start it again after so many seconds."""

    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Starting it again cannot help."""

    reason: str


@dataclass(slots=True)
class Restarts:
    """1 s, 2 s, 4 s … 60 s between starts; from the beginning after 60 steady seconds.

    Ends after ten crashes in ten minutes, and at once when the configuration is wrong: a supervisor above us
    (systemd) should see it.
    """

    _crashes: list[float] = field(default_factory=list)
    _row: int = 0

    def after_exit(self, code: int, ran: float, now: float) -> RestartIn | GiveUp:
        """What to do about an exit at `now` after `ran` seconds; a negative code is a signal."""
        said = describe(code)
        if code == USAGE:
            return GiveUp(f"{said}: its configuration is wrong")
        self._crashes = [at for at in self._crashes if now - at < WINDOW] + [now]
        if len(self._crashes) >= MOST:
            return GiveUp(f"{said}, the {MOST}th time in {WINDOW / 60:g} minutes")
        self._row = 0 if ran >= STEADY else self._row + 1
        return RestartIn(min(LONGEST, 2.0 ** max(0, self._row - 1)), said)


def describe(code: int) -> str:
    """`killed by SIGKILL`, `ended with exit code 1`."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
