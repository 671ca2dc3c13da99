"""A bar chart as SVG that reads on light and dark pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _LEFT, _RIGHT, _ROW, _BAR, _TOP = 760, 130, 210, 30, 18, 46
_HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
    'aria-label="{title}">\n'
    "<style>text{{font:13px sans-serif;fill:#24292f}}.title{{font-weight:bold}}.bar{{fill:#8c96a0}}"
    ".ours{{fill:#0969da}}@media(prefers-color-scheme:dark){{text{{fill:#e6edf3}}}}</style>\n"
    '<text class="title" x="12" y="24">{title}</text>\n'
)


@dataclass(frozen=True, slots=True)
class Bar:
    """`note` stands beyond its end."""

    label: str
    value: float
    note: str
    ours: bool = False


def chart(title: str, bars: Sequence[Bar]) -> str:
    """Horizontal bars from zero, the longest as wide as there is room."""
    height = _TOP + _ROW * len(bars) + 10
    longest = max((bar.value for bar in bars), default=0.0) or 1.0
    rows = [_row(place, bar, longest) for place, bar in enumerate(bars)]
    return _HEAD.format(width=_WIDTH, height=height, title=escape(title)) + "\n".join([*rows, "</svg>", ""])


def _row(place: int, bar: Bar, longest: float) -> str:
    top = _TOP + _ROW * place
    width = (_WIDTH - _LEFT - _RIGHT) * bar.value / longest
    line = top + _BAR - 4
    kind = "bar ours" if bar.ours else "bar"
    return (
        f'<text x="{_LEFT - 8}" y="{line}" text-anchor="end">{escape(bar.label)}</text>'
        f'<rect class="{kind}" x="{_LEFT}" y="{top}" width="{width:.1f}" height="{_BAR}"/>'
        f'<text x="{_LEFT + width + 8:.1f}" y="{line}">{escape(bar.note)}</text>'
    )
