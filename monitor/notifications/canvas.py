"""A PNG writer for charts of blocks and lines: no library, 8-bit palette, opaque white.

Opaque, so that clients that invert a mail for the dark leave it readable. No text: the mail writes that
beside it, sharp at any size and read aloud. Format: PNG specification, W3C, sections 5 and 11.
"""

import struct
import zlib
from collections.abc import Callable
from enum import IntEnum
from typing import Final

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


class Ink(IntEnum):
    """Colours by what they say; the same as in the mail around."""

    WHITE = 0
    LINE = 1
    WARN = 2
    BAD = 3
    GOOD = 4
    UNKNOWN = 5
    LIMIT = 6
    LIMIT_EDGE = 7
    MARK = 8
    GOOD_EDGE = 9
    BAD_BODY = 10
    WARN_BODY = 11


_RGB: Final = {
    Ink.WHITE: (255, 255, 255),
    Ink.LINE: (221, 226, 231),
    Ink.WARN: (201, 148, 58),
    Ink.BAD: (179, 38, 30),
    Ink.GOOD: (158, 203, 174),
    Ink.UNKNOWN: (186, 194, 201),
    Ink.LIMIT: (190, 216, 236),
    Ink.LIMIT_EDGE: (11, 98, 168),
    Ink.MARK: (28, 35, 41),
    Ink.GOOD_EDGE: (35, 112, 63),
    Ink.BAD_BODY: (232, 160, 154),
    Ink.WARN_BODY: (240, 211, 158),
}


class Canvas:
    """Rows of palette indexes; x to the right, y downwards; what lies outside is cut off."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._rows = [bytearray([Ink.WHITE]) * width for _ in range(height)]

    def fill(self, x: tuple[int, int], y: tuple[int, int], ink: Ink) -> None:
        """A rectangle from the first to before the second of each pair."""
        left, right = max(0, x[0]), min(self.width, x[1])
        for row in self._rows[max(0, y[0]) : max(0, y[1])]:
            row[left:right] = bytes([ink]) * max(0, right - left)

    def hatch(self, x: tuple[int, int], y: tuple[int, int], ink: Ink) -> None:
        """Diagonal strokes: what is not known is told by more than its colour."""
        self._dot(x, y, ink, lambda column, line: (column + line) % 12 < 3)

    def dash(self, x: tuple[int, int], y: tuple[int, int], ink: Ink) -> None:
        """A dashed bar, along whichever way is the longer."""
        upright = y[1] - y[0] > x[1] - x[0]
        self._dot(x, y, ink, lambda column, line: (line if upright else column) % 14 < 8)

    def frame(self) -> None:
        """A line around everything."""
        self.fill((0, self.width), (0, 1), Ink.LINE)
        self.fill((0, self.width), (self.height - 1, self.height), Ink.LINE)
        self.fill((0, 1), (0, self.height), Ink.LINE)
        self.fill((self.width - 1, self.width), (0, self.height), Ink.LINE)

    def png(self) -> bytes:
        """The picture."""
        header = struct.pack(">IIBBBBB", self.width, self.height, 8, 3, 0, 0, 0)
        palette = bytes(channel for ink in Ink for channel in _RGB[ink])
        lines = b"".join(b"\0" + bytes(row) for row in self._rows)
        chunks = ((b"IHDR", header), (b"PLTE", palette), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
        return _SIGNATURE + b"".join(_chunk(name, data) for name, data in chunks)

    def _dot(
        self, x: tuple[int, int], y: tuple[int, int], ink: Ink, inked: Callable[[int, int], bool]
    ) -> None:
        for line in range(max(0, y[0]), min(self.height, y[1])):
            row = self._rows[line]
            for column in range(max(0, x[0]), min(self.width, x[1])):
                if inked(column, line):
                    row[column] = ink


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
