"""The digest's chart: one bar a day."""

from collections.abc import Sequence
from typing import Final

from monitor.notifications.canvas import Canvas, Ink

WIDTH: Final = 1184
"""Twice the size it is shown at, for dense screens."""
HEIGHT: Final = 160
_MARGIN: Final = 16
_LOWEST: Final = 8


def bars(values: Sequence[int]) -> bytes:
    """One bar a value, from 0 up; a low green one for 0."""
    canvas = Canvas(WIDTH, HEIGHT)
    floor, top = HEIGHT - _MARGIN, max([*values, 1])
    slot = (WIDTH - 2 * _MARGIN) / max(1, len(values))
    for place, value in enumerate(values):
        x = (int(_MARGIN + (place + 0.25) * slot), int(_MARGIN + (place + 0.75) * slot))
        tall = max(_LOWEST, round((HEIGHT - 2 * _MARGIN) * value / top))
        canvas.fill(x, (floor - tall, floor), Ink.WARN if value else Ink.GOOD_EDGE)
    canvas.fill((_MARGIN, WIDTH - _MARGIN), (floor, floor + 2), Ink.LINE)
    canvas.frame()
    return canvas.png()
