"""The evaluation's picture, as SVG: what arrived, and how the rates moved. No library; light and dark."""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from math import log10

from lab.simulation.physics import OPERATOR_LIMIT, Variation
from lab.simulation.scenarios import Scenario
from tidegate.evaluate.results import Results, mean
from tidegate.evaluate.trial import Contender, Glimpse

_WIDE, _LEFT, _RIGHT = 960, 300, 930
_BAR, _GAP, _TOP = 12, 36, 60
_FILMS = (Contender.BACKOFF, Contender.SWEEP, Contender.OURS)
_FILM_TALL, _LEAST = 110, 50.0
_STYLE = """
text{font:13px system-ui,sans-serif;fill:#222}.s{font-size:11px;fill:#666}.h{font-weight:600}
.list{fill:#8a6d1f}.burst{fill:#2f6f9f}.rate{fill:none;stroke:#2f6f9f;stroke-width:1.5}
.limit{fill:none;stroke:#b3261e;stroke-width:1;stroke-dasharray:4 3}.axis{stroke:#bbb;stroke-width:1}
.page{fill:#fff}
@media(prefers-color-scheme:dark){text{fill:#ddd}.s{fill:#999}.page{fill:#15181b}.axis{stroke:#555}
.list{fill:#d0a94a}.burst,.rate{fill:#6cb2e0}.rate{fill:none;stroke:#6cb2e0}.limit{stroke:#ff8a80}}
"""


def svg(results: Results) -> str:
    """The whole picture."""
    bars = _TOP + len(Contender) * _GAP
    tall = bars + 70 + len(_FILMS) * (_FILM_TALL + 40)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE} {tall}" role="img">',
        "<title>Good mail delivered by each policy, and how its rates moved</title>",
        f"<style>{_STYLE}</style>",
        f'<rect class="page" width="{_WIDE}" height="{tall}"/>',
        *_bars(results),
        *_films(results, bars + 50),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _text(x: float, y: float, said: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:g}" y="{y:g}" class="{kind}" text-anchor="{anchor}">{said}</text>'


def _bars(results: Results) -> Iterable[str]:
    yield _text(20, 28, f"Good mail delivered, % (mean of {results.seeds} worlds)", "h")
    yield f'<rect class="list" x="{_LEFT}" y="36" width="12" height="12"/>'
    yield _text(_LEFT + 18, 47, "bad list", "s")
    yield f'<rect class="burst" x="{_LEFT + 90}" y="36" width="12" height="12"/>'
    yield _text(_LEFT + 108, 47, "bad burst", "s")
    for place, contender in enumerate(Contender):
        y = _TOP + place * _GAP
        yield _text(_LEFT - 10, y + 16, str(contender), "h" if contender is Contender.OURS else "", "end")
        kinds = ((Scenario.BAD_LIST, "list", 0), (Scenario.BAD_BURST, "burst", _BAR + 1))
        for scenario, kind, down in kinds:
            share = mean(results.score(scenario, contender).good)
            length = share * (_RIGHT - _LEFT - 50)
            yield f'<rect class="{kind}" x="{_LEFT}" y="{y + down}" width="{length:.1f}" height="{_BAR}"/>'
            yield _text(_LEFT + length + 6, y + down + 10, f"{100 * share:.1f}", "s")


def _films(results: Results, top: int) -> Iterable[str]:
    heading = "The rate allowed at one provider in one bad burst, recipients an hour"
    yield _text(20, top, heading, "h")
    yield _text(20, top + 16, "dashed: what the provider would accept (a gap: it blocks)", "s")
    for place, contender in enumerate(_FILMS):
        film = results.table[Scenario.BAD_BURST, Variation.USUAL, contender].film
        yield from _film(contender, film, top + 40 + place * (_FILM_TALL + 40), results)


def _film(contender: Contender, film: Sequence[Glimpse], top: float, results: Results) -> Iterable[str]:
    wide, hours = _RIGHT - 70, results.days * 24
    bottom = top + _FILM_TALL

    def at(hour: float, rate: float) -> str:
        height = log10(max(rate, _LEAST) / _LEAST) / log10(OPERATOR_LIMIT / _LEAST)
        return f"{70 + wide * hour / hours:.1f},{bottom - height * _FILM_TALL:.1f}"

    yield _text(70, top - 6, str(contender))
    yield f'<line class="axis" x1="70" y1="{bottom}" x2="{_RIGHT}" y2="{bottom}"/>'
    for rate in (100, 1_000, 10_000):
        y = float(at(0, rate).split(",")[1])
        yield _text(62, y + 4, f"{rate:,}", "s", "end")
        yield f'<line class="axis" x1="66" y1="{y}" x2="70" y2="{y}"/>'
    for day in range(0, results.days + 1, 2):
        yield _text(70 + wide * day / results.days, bottom + 14, f"day {day}", "s", "middle")
    yield from _lines((at(g.hour, g.limit) if g.limit > 0 else None for g in film), "limit")
    yield from _lines(_steps(film, at), "rate")


def _steps(film: Sequence[Glimpse], at: Callable[[float, float], str]) -> Iterable[str]:
    for one, after in pairwise(film):
        yield at(one.hour, one.rate)
        yield at(after.hour, one.rate)


def _lines(points: Iterable[str | None], kind: str) -> Iterable[str]:
    run: list[str] = []
    for point in [*points, None]:
        if point is not None:
            run.append(point)
        elif len(run) > 1:
            yield f'<polyline class="{kind}" points="{" ".join(run)}"/>'
            run = []
        else:
            run = []
