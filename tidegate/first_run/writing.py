"""Puts the file where it belongs: whole or not at all, and never over another."""

import contextlib
import os
import tempfile
from pathlib import Path

from core.errors import ConflictError, OperatorError
from tidegate.config.load import parse

_MODE = 0o640
_SECRET = 0o600


def refuse_to_overwrite(target: Path) -> None:
    """Raises ConflictError where something is already, OperatorError where nothing can be."""
    if target.exists() or target.is_symlink():
        raise _there_already(target)
    if not target.parent.is_dir():
        raise OperatorError(f"{target.parent} is no directory; make it first: mkdir -p {target.parent}")


def token_file(target: Path) -> Path:
    """Where the token of the web monitor stands: `config.web-token` beside `config.yaml`."""
    return target.with_name(f"{target.stem}.web-token")


def write(target: Path, text: str, token: str | None = None) -> tuple[str, ...]:
    """Check the text as `check-config` would, and put it there, the token beside it; what is unwise about it.

    Raises ConfigErrors, ConflictError, OperatorError; then neither file is there.
    """
    if token is None:
        return _write(target, text)
    secret = token_file(target)
    _keep(secret, token)
    try:
        return _write(target, text)
    except BaseException:
        secret.unlink(missing_ok=True)
        raise


def _keep(file: Path, secret: str) -> None:
    """A new file that nobody else can read, from its first moment on."""
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _SECRET)
    except FileExistsError:
        raise _there_already(file) from None
    except OSError as error:
        raise OperatorError(f"{file} cannot be written: {error.strerror}") from error
    with os.fdopen(handle, "w", encoding="utf-8") as opened:
        opened.write(f"{secret}\n")


def _write(target: Path, text: str) -> tuple[str, ...]:
    warnings = parse(text, str(target)).warnings
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        raise OperatorError(f"{target.parent} cannot be written to: {error.strerror}") from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(file.fileno(), _MODE)
        os.link(name, target)  # unlike a rename it never replaces what came meanwhile
    except FileExistsError:
        raise _there_already(target) from None
    finally:
        with contextlib.suppress(OSError):
            Path(name).unlink()
    return warnings


def _there_already(file: Path) -> ConflictError:
    return ConflictError(f"{file} is there already; name another file, or move it away")
