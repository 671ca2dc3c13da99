"""What can go wrong, drawn by whose fault it is.

TidegateError
├── OperatorError           what a person wrote or asked for is wrong; the text says what to write instead
│   ├── ConfigError         in a file, at a key and a line
│   ├── RateError           not a rate            (also a ValueError, so that pydantic can place it)
│   ├── DurationError       not a duration        (also a ValueError)
│   ├── NotFoundError       no such queue, lease, incident, IP
│   └── ConflictError       the thing changed meanwhile, or a newer controller holds it
├── PeerError               another system is at fault; `permanent` says whether asking again can help
│   ├── SignalError         SNDS, a DNS list or Sender Score did not give a usable answer
│   ├── DeliveryError       a mail server could not be reached or misbehaved
│   └── EngineUnreachable   the control API does not answer
└── InternalError           our own fault: a broken invariant, a spool that cannot be written
    └── SpoolError
        └── SpoolFull       no room on the disk; the submitter hears 452 4.3.1 and tries again
"""


class TidegateError(Exception):
    """Anything that Tidegate itself raises."""


class OperatorError(TidegateError):
    """What a person wrote or asked for is wrong."""


class ConfigError(OperatorError):
    """A mistake in a configuration file.

    `problem` and `remedy` are sentences; `file`, `line` (from 1) and `key` say where, as far as known.
    """

    def __init__(
        self,
        problem: str,
        *,
        remedy: str = "",
        file: str = "",
        line: int | None = None,
        key: str = "",
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy
        self.file = file
        self.line = line
        self.key = key

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        where = ": ".join(part for part in (place, self.key) if part)
        said = f"{where}: {self.problem}" if where else self.problem
        return f"{said} ({self.remedy})" if self.remedy else said


class RateError(OperatorError, ValueError):
    """A text that is not a rate."""


class DurationError(OperatorError, ValueError):
    """A text that is not a duration."""


class NotFoundError(OperatorError):
    """There is no such thing."""


class ConflictError(OperatorError):
    """The thing changed meanwhile, or somebody newer holds it."""


class PeerError(TidegateError):
    """Another system is at fault. `permanent`: asking again will not help."""

    permanent = False

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


class SignalError(PeerError):
    """A reputation source did not give a usable answer."""


class DeliveryError(PeerError):
    """A mail server could not be reached or misbehaved."""


class EngineUnreachable(PeerError):  # noqa: N818 - reads as what happened
    """The engine's control API does not answer."""


class InternalError(TidegateError):
    """Our own fault."""


class SpoolError(InternalError):
    """The spool cannot be written or read."""


class SpoolFull(SpoolError):  # noqa: N818 - reads as what happened
    """No room for another message."""
