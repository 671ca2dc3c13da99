"""The parts of the configuration file that belong to the front door."""

from datetime import UTC, datetime
from enum import StrEnum

from pydantic import AwareDatetime, Field

from core.clock import Clock, ScaledClock, SystemClock
from core.settings import Settings


class LogFormat(StrEnum):
    """How a line of the log looks."""

    AUTO = "auto"
    CONSOLE = "console"
    JSON = "json"


class LogLevel(StrEnum):
    """The least that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LoggingSettings(Settings):
    """The log, which goes to standard error."""

    format: LogFormat = Field(
        LogFormat.AUTO, description="json, console, or auto: console on a terminal and JSON lines elsewhere."
    )
    level: LogLevel = Field(LogLevel.INFO, description="debug, info, warning or error.")


class ClockSettings(Settings):
    """The clock. Leave it alone outside rehearsals."""

    speed: float = Field(
        1.0, gt=0, le=10_000, description="How many times faster than real time; for rehearsals, else 1."
    )
    origin: AwareDatetime | None = Field(
        None, description="When a faster clock agrees with the real one; null is the start of `tidegate run`."
    )

    def clock(self) -> Clock:
        """The clock that both processes use. Without an origin it starts at the present."""
        if self.speed == 1.0:
            return SystemClock()
        return ScaledClock(self.speed, self.origin or SystemClock().now().astimezone(UTC))

    def anchored(self, start: datetime) -> "ClockSettings":
        """With an origin: two processes that are given the same one agree on the time."""
        return self if self.origin else self.model_copy(update={"origin": start})
