"""Markdown, as far as the pages need it."""

from collections.abc import Iterable, Sequence
from typing import Final

WRITTEN_BY: Final = "<!-- Written by `make reference` out of the code; changes here are lost. -->"


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are ready."""
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(text: str) -> str:
    """Text that may stand in a cell."""
    return " ".join(text.split()).replace("|", "\\|")
