"""A line on the terminal while something takes longer than a second; nothing where nobody looks."""

import contextlib
import itertools
import sys
import threading
from collections.abc import Iterator
from typing import Final, TextIO

AFTER_SECONDS: Final = 1.0
_EVERY_SECONDS: Final = 0.2
_WIDE: Final = 24
_CLEAR: Final = "\r\x1b[K"


class Progress:
    """How far it is, told by whoever works. `total` None: nobody knows how much there is."""

    def __init__(self, what: str, total: int | None = None) -> None:
        self.what, self.total, self.done = what, total, 0
        self._wheel = itertools.cycle("|/-\\")

    def step(self, count: int = 1) -> None:
        """So much more is done."""
        self.done += count

    def line(self) -> str:
        """The bar, or a wheel."""
        if not self.total:
            return f"{self.what} {next(self._wheel)}"
        share = min(self.done / self.total, 1.0)
        full = round(share * _WIDE)
        return f"{self.what} [{'#' * full}{'.' * (_WIDE - full)}] {self.done}/{self.total}"


@contextlib.contextmanager
def progress(
    what: str, total: int | None = None, stream: TextIO | None = None, after: float = AFTER_SECONDS
) -> Iterator[Progress]:
    """Shows itself on standard error after a second, if that is a terminal, and is gone at the end."""
    told, out = Progress(what, total), stream or sys.stderr
    if not out.isatty():
        yield told
        return
    ended = threading.Event()
    painter = threading.Thread(target=_paint, args=(told, out, ended, after), daemon=True)
    painter.start()
    try:
        yield told
    finally:
        ended.set()
        painter.join()


def _paint(told: Progress, out: TextIO, ended: threading.Event, after: float) -> None:
    if ended.wait(after):
        return
    while True:
        out.write(f"{_CLEAR}{told.line()}")
        out.flush()
        if ended.wait(_EVERY_SECONDS):
            out.write(_CLEAR)
            out.flush()
            return
