"""What the exit code of every command means."""

from enum import IntEnum

from core.errors import (
    ConfigError,
    ConflictError,
    DurationError,
    EngineUnreachable,
    NotFoundError,
    OperatorError,
    RateError,
)


class UsageError(OperatorError):
    """The words of a command are wrong."""


class ExitCode(IntEnum):
    """Documented, and stable."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    NOT_FOUND = 4
    CONFLICT = 5
    DENIED = 6
    FOUND = 10

    @property
    def meaning(self) -> str:
        return _MEANINGS[self]


_MEANINGS = {
    ExitCode.OK: "done",
    ExitCode.FAILED: "failed; the last line on standard error says why; `doctor` found something broken",
    ExitCode.USAGE: "the command line or the configuration is wrong",
    ExitCode.UNREACHABLE: "the engine does not answer",
    ExitCode.NOT_FOUND: "there is no such queue, lease, incident or IP",
    ExitCode.CONFLICT: "the thing changed meanwhile, or somebody newer holds it",
    ExitCode.DENIED: "the token is missing, unknown, or may not do this",
    ExitCode.FOUND: "`check` found a listing or a bad score; `doctor` found something to mend",
}


def code_of(error: Exception) -> ExitCode:
    """The exit code for an error."""
    if type(error).__name__ == "DeniedError":  # by name: importing the client would import httpx
        return ExitCode.DENIED
    kinds: tuple[tuple[type[Exception], ExitCode], ...] = (
        (ConfigError, ExitCode.USAGE),
        (UsageError, ExitCode.USAGE),
        (RateError, ExitCode.USAGE),
        (DurationError, ExitCode.USAGE),
        (EngineUnreachable, ExitCode.UNREACHABLE),
        (NotFoundError, ExitCode.NOT_FOUND),
        (ConflictError, ExitCode.CONFLICT),
    )
    return next((code for kind, code in kinds if isinstance(error, kind)), ExitCode.FAILED)
