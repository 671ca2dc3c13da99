"""docs/performance.md: what was measured, on what, and what it does not show."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter
from pathlib import Path
from string import Template

from bench.relay import machine, processes
from bench.relay.chart import Bar, chart
from bench.relay.figures import Figure, figures
from bench.relay.latency import percentile
from bench.relay.load import Load
from bench.relay.measure import Measured
from bench.relay.plan import BEST, CONTENDERS, MAIN
from bench.relay.results import Results

_TEMPLATE = Path(__file__).with_name("performance.md")
_rate: Callable[[Measured], float] = attrgetter("rate")


def write(results: Results, disk: str, path: Path) -> None:
    """The page and the picture beside it."""
    picture = path.with_suffix(".svg")
    picture.write_text(chart("Messages a second, 4 KiB, 50 sessions", list(_bars(results))))
    path.write_text(page(results, machine.described(), disk, picture.name))


def page(results: Results, measured_on: str, disk: str, picture: str) -> str:
    return Template(_TEMPLATE.read_text()).substitute(
        machine=measured_on,
        disk=disk,
        accounting=processes.accounting(),
        picture=picture,
        versions=_table(("server", "version"), results.versions.items()),
        absent=_absent(results),
        figures=_table(("figure", "value"), figures(results)),
        runs=_all_runs(results),
        checks=_checks(results),
        latency=_latency(results),
    )


def add(path: Path, heading: str, found: Iterable[Figure]) -> None:
    """The figures of another benchmark, below."""
    with path.open("a") as below:
        below.write(f"\n## {heading.capitalize()}\n\n{_table(('figure', 'value'), found)}")


def _all_runs(results: Results) -> str:
    head = ("server", "msg/s", "accepted/s", "CPU ms/msg (user + system)", "memory MB", "others' CPU")
    loads = sorted({load for _, load in results.runs}, key=_order)
    return "\n".join(f"### {load}\n\n{_table(head, _runs(results, load))}" for load in loads)


def _runs(results: Results, load: Load) -> Iterator[Sequence[object]]:
    for name in (contender.name for contender in CONTENDERS):
        if runs := results.runs.get((name, load)):
            middle = [results.middle(name, load, attrgetter(what)) or 0.0 for what in _COLUMNS]
            accepted, cpu, user, system, memory, others = middle
            cost = f"{cpu:.2f} ({user:.2f} + {system:.2f})" if name != "limit" else "-"
            held = f"{memory:.0f}" if name != "limit" else "-"
            yield name, _spread([run.rate for run in runs]), f"{accepted:.0f}", cost, held, f"{others:.0%}"


_COLUMNS = ("accept_rate", "cpu_ms", "user_ms", "system_ms", "memory_mb", "others")


def _spread(values: Sequence[float]) -> str:
    ordered = sorted(values)
    middle = f"{ordered[len(ordered) // 2]:.0f}"
    return f"{middle} [{ordered[0]:.0f}..{ordered[-1]:.0f}]" if len(ordered) > 1 else middle


def _absent(results: Results) -> str:
    """What is not in the tables, and why."""
    lines = [f"- {name} was not measured: {reason}" for name, reason in results.absent.items()]
    for (name, load), reasons in results.failures.items():
        lines += [f"- A run of {name} does not count ({load}): {reason}" for reason in reasons]
    return "\n".join([*lines, "", ""]) if lines else ""


def _checks(results: Results) -> str:
    rows = [
        (name, found.messages, "once each", "not counted" if found.syncs is None else found.syncs)
        for name, found in results.checked.items()
    ]
    return _table(("server", "messages", "arrived", "syncs"), rows)


def _latency(results: Results) -> str:
    rows = [
        (name, f"{percentile(taken, 0.5):.1f}", f"{percentile(taken, 0.99):.1f}", len(taken))
        for name, taken in results.latencies.items()
    ]
    return _table(("server", "p50 ms", "p99 ms", "messages"), rows)


def _bars(results: Results) -> Iterator[Bar]:
    for contender in CONTENDERS:
        load = BEST if contender.name == "postfix-best" else MAIN
        rate = results.middle(contender.name, load, _rate)
        cost = results.middle(contender.name, load, attrgetter("cpu_ms"))
        if rate and contender.name != "limit":
            note = f"{rate:.0f}/s, {cost:.2f} ms CPU each"
            yield Bar(contender.name, rate, note, ours=contender.name.startswith("tidegate"))


def _order(load: Load) -> tuple[bool, int, str, int]:
    return (load != MAIN, load.size, load.connections, load.sessions)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join([*(f"| {' | '.join(map(str, line))} |" for line in lines), ""])
