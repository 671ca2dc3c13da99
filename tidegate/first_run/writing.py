"""Puts the file where it belongs: whole or not at all, and never over another."""

import contextlib
import os
import tempfile
from pathlib import Path

from core.errors import ConflictError, OperatorError
from tidegate.config.load import parse

_MODE = 0o640


def refuse_to_overwrite(target: Path) -> None:
    """Raises ConflictError where something is already, OperatorError where nothing can be."""
    if target.exists() or target.is_symlink():
        raise ConflictError(f"{target} is there already; name another file, or move it away")
    if not target.parent.is_dir():
        raise OperatorError(f"{target.parent} is no directory; make it first: mkdir -p {target.parent}")


def write(target: Path, text: str) -> tuple[str, ...]:
    """Check the text as `check-config` would, and put it there; what is unwise about it.

    Raises ConfigErrors, ConflictError, OperatorError.
    """
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
        raise ConflictError(f"{target} is there already; name another file, or move it away") from None
    finally:
        with contextlib.suppress(OSError):
            Path(name).unlink()
    return warnings
