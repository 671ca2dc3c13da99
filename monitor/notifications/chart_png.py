"""Draws a chart. What it says in words stands in the mail beside it."""

from typing import Final

from core.reading import Status
from monitor.notifications.canvas import Canvas, Ink
from monitor.notifications.chart import Block, Chart

WIDTH: Final = 1184
"""Twice the size it is shown at, for dense screens."""
_MARGIN: Final = 12
_SIGNAL: Final = 132
_LIMIT: Final = 84
_GAP: Final = 20
_EDGE: Final = 5
_INKS: Final = {
    Status.GOOD: (Ink.GOOD, Ink.GOOD_EDGE),
    Status.WARN: (Ink.WARN_BODY, Ink.WARN),
    Status.BAD: (Ink.BAD_BODY, Ink.BAD),
}


def height_of(chart: Chart) -> int:
    """In pixels of the picture."""
    return 2 * _MARGIN + _SIGNAL + (_GAP + _LIMIT if chart.limit else 0)


def draw(chart: Chart) -> bytes:
    """The picture as PNG."""
    canvas = Canvas(WIDTH, height_of(chart))
    floor = _MARGIN + _SIGNAL
    for block in chart.signal:
        _signal(canvas, block, floor)
    _floor(canvas, floor)
    if chart.limit:
        floor += _GAP + _LIMIT
        for block in chart.limit:
            _limit(canvas, block, floor)
        canvas.dash((_MARGIN, WIDTH - _MARGIN), (floor - _LIMIT, floor - _LIMIT + 2), Ink.LIMIT_EDGE)
        _floor(canvas, floor)
    for mark in chart.marks:
        x = _x(mark.place)
        y = (2, canvas.height - 2)
        if mark.is_end:
            canvas.fill((x - 2, x + 3), y, Ink.GOOD_EDGE)
        else:
            canvas.dash((x - 2, x + 3), y, Ink.MARK)
    canvas.frame()
    return canvas.png()


def _signal(canvas: Canvas, block: Block, floor: int) -> None:
    x, top = (_x(block.left), _x(block.right)), floor - round(_SIGNAL * block.height)
    if block.tone is Status.UNKNOWN:
        canvas.hatch(x, (top, floor), Ink.UNKNOWN)
        return
    body, edge = _INKS[block.tone]
    canvas.fill(x, (top, floor), body)
    canvas.fill(x, (top, top + _EDGE), edge)


def _limit(canvas: Canvas, block: Block, floor: int) -> None:
    x, top = (_x(block.left), _x(block.right)), floor - max(_EDGE, round(_LIMIT * block.height))
    canvas.fill(x, (top, floor), Ink.LIMIT)
    canvas.fill(x, (top, top + _EDGE), Ink.LIMIT_EDGE)


def _floor(canvas: Canvas, floor: int) -> None:
    canvas.fill((_MARGIN, WIDTH - _MARGIN), (floor, floor + 2), Ink.LINE)


def _x(share: float) -> int:
    return _MARGIN + round((WIDTH - 2 * _MARGIN) * share)
