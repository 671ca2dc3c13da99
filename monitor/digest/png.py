"""A PNG writer for bar charts: no library, 8-bit palette, opaque white so that inverted clients keep it.

Format: PNG (Portable Network Graphics) Specification, W3C, sections 5 and 11.
"""

import struct
import zlib
from collections.abc import Sequence

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PALETTE = ((255, 255, 255), (221, 226, 231), (191, 138, 48), (179, 38, 30), (35, 112, 63))
WHITE, LINE, BAR, _BAD, GOOD = range(5)
WIDTH, HEIGHT, MARGIN = 1184, 200, 16
"""Twice the size it is shown at, for dense screens."""


def bars(values: Sequence[int]) -> bytes:
    """One bar a value, from 0 up; a thin green one for 0. No text: the mail writes that beside it."""
    canvas = [bytearray([WHITE]) * WIDTH for _ in range(HEIGHT)]
    _frame(canvas)
    top = max([*values, 1])
    slot = (WIDTH - 2 * MARGIN) / max(1, len(values))
    for place, value in enumerate(values):
        left, right = int(MARGIN + place * slot + slot * 0.2), int(MARGIN + place * slot + slot * 0.8)
        tall = max(8, round((HEIGHT - 2 * MARGIN) * value / top))
        for row in canvas[HEIGHT - MARGIN - tall : HEIGHT - MARGIN]:
            row[left:right] = bytes([BAR if value else GOOD]) * (right - left)
    return _encode(canvas)


def _frame(canvas: list[bytearray]) -> None:
    canvas[0][:] = canvas[-1][:] = bytes([LINE]) * WIDTH
    canvas[HEIGHT - MARGIN][MARGIN:-MARGIN] = bytes([LINE]) * (WIDTH - 2 * MARGIN)
    for row in canvas:
        row[0] = row[-1] = LINE


def _encode(canvas: Sequence[bytearray]) -> bytes:
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 3, 0, 0, 0)
    palette = bytes(channel for colour in _PALETTE for channel in colour)
    lines = b"".join(b"\0" + bytes(row) for row in canvas)
    chunks = ((b"IHDR", header), (b"PLTE", palette), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
