"""The command line. Heavy imports stay inside functions, so that `tidegate --help` is quick."""

import logging
import os
import sys
import traceback
from collections.abc import Sequence

import typer

from core.errors import OperatorError, PeerError, TidegateError

_VALUES = frozenset({"--config", "-c", "--endpoint", "--token", "--token-file", "--columns"})
_WITH_VALUE = ("--config=", "--endpoint=", "--token=", "--token-file=", "--watch=", "--columns=")
_FLAGS = frozenset({"--json", "--debug"})
_WATCH = "--watch"
_WATCH_EVERY = "2s"
_COLUMNS = "--columns"


def main() -> None:
    """Run the command line and leave with its exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command. Returns the exit code; the meanings are in `tidegate help exit-codes`."""
    from tidegate.cli.app import app  # noqa: PLC0415 - the commands register themselves on import

    os.environ.setdefault(
        "PYDANTIC_DISABLE_PLUGINS", "1"
    )  # else it reads every installed package's entry points
    debug = "--debug" in arguments
    if "_TIDEGATE_COMPLETE" in os.environ:
        from tidegate.cli import completion  # noqa: PLC0415

        return completion.complete(lambda: app(args=(), standalone_mode=False, prog_name="tidegate"))
    if not debug:
        logging.getLogger().addHandler(logging.NullHandler())  # commands say what matters themselves
    try:
        result = app(args=hoist(arguments), standalone_mode=False, prog_name="tidegate")
    except typer.TyperException as error:
        show = getattr(error, "show", None)  # click's own, behind Typer's public name
        show() if show else print(f"tidegate: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        print("stopped", file=sys.stderr)  # noqa: T201
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (TidegateError, OSError) as error:
        return _complain(error, debug=debug)
    return int(result) if isinstance(result, int) else 0


def hoist(arguments: Sequence[str]) -> list[str]:
    """Move the options that every command has to the front: `show queues --json` is `--json show queues`."""
    front: list[str] = []
    rest: list[str] = []
    waiting = list(arguments)
    while waiting:
        word = waiting.pop(0)
        if word == "--":
            rest += [word, *waiting]
            break
        if word in _FLAGS or word.startswith(_WITH_VALUE):
            front.append(word)
        elif word == _WATCH:
            front.append(f"{_WATCH}={_WATCH_EVERY}")
        elif word == _COLUMNS and (not waiting or waiting[0].startswith("-")):
            front.append(f"{_COLUMNS}=help")
        elif word in _VALUES and waiting:
            front += [word, waiting.pop(0)]
        else:
            rest.append(word)
    return front + rest


def _complain(error: Exception, *, debug: bool) -> int:
    from tidegate.cli.exit_codes import ExitCode, code_of  # noqa: PLC0415

    if debug:
        traceback.print_exception(error)
    expected = isinstance(error, OperatorError | PeerError | TidegateError)
    said = str(error) if expected else f"{error.strerror or error}: {error.filename or ''}".rstrip(": ")  # type: ignore[attr-defined]
    print(f"tidegate: {said}" if "\n" not in said else said, file=sys.stderr)  # noqa: T201
    return int(code_of(error)) if expected else int(ExitCode.FAILED)
