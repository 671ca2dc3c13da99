"""Runs a plan: round by round, each case on a server that was started for it alone."""

import sys
from collections.abc import Iterable
from pathlib import Path

from bench.relay import load as tools
from bench.relay.check import check, fresh
from bench.relay.contender import Contender, Site
from bench.relay.errors import BenchError, Unavailable
from bench.relay.latency import latencies
from bench.relay.measure import Measured, measure
from bench.relay.plan import Case, Plan
from bench.relay.results import Results

_WARM_UP = 300
_FIRST_OF_A_RUN = 10
_DISTURBED = 0.1
"""The share of the machine that others may take, the kernel's threads included."""


async def find(contenders: Iterable[Contender], results: Results) -> None:
    """Which are here, and the versions; why others are not."""
    for contender in contenders:
        try:
            results.versions[contender.name] = await contender.version()
        except Unavailable as reason:
            results.absent[contender.name] = str(reason)
            tell(f"{contender.name} is not measured: {reason}")


async def run(plan: Plan, folder: Path, results: Results) -> None:
    """All rounds, for the contenders found."""
    async with tools.sink(folder) as sink:
        for number, case in plan.rounds():
            if case.contender.name in results.versions:
                tell(f"round {number}, {case.contender.name}, {case.load}:")
                await _run_case(case, plan.tries, folder, sink, results)


async def _run_case(case: Case, tries: int, folder: Path, sink: tools.Sink, results: Results) -> None:
    name, load = case.contender.name, case.load
    try:
        measured = await _least_disturbed(case, tries, folder / "measured", sink)
    except (BenchError, OSError) as reason:
        results.fail(name, load, str(reason) or type(reason).__name__)
        tell(f"  does not count: {reason!r}")
    else:
        results.add(name, measured)


async def _least_disturbed(case: Case, tries: int, folder: Path, sink: tools.Sink) -> Measured:
    runs: list[Measured] = []
    while len(runs) < tries and not (runs and runs[-1].others <= _DISTURBED):
        run = await _measured(case, folder, sink)
        tell(f"  {run.rate:.0f}/s, {run.cpu_ms:.2f} ms CPU each, others took {run.others:.0%} of the machine")
        runs.append(run)
    return min(runs, key=lambda run: run.others)


async def _measured(case: Case, folder: Path, sink: tools.Sink) -> Measured:
    with fresh(folder):
        async with case.contender.running(Site(folder, sink.port)) as relay:
            warm = min(_WARM_UP, case.load.messages // _FIRST_OF_A_RUN)
            await measure(relay, case.load.of(warm), sink)
            return await measure(relay, case.load, sink)


async def check_each(
    contenders: Iterable[Contender], load: tools.Load, folder: Path, results: Results
) -> None:
    """Each message once, synced."""
    for contender in contenders:
        if contender.name not in results.versions:
            continue
        try:
            with fresh(folder / "checked") as site:
                found = await check(contender, load, site)
        except (BenchError, OSError) as reason:
            results.fail(contender.name, load, f"check: {reason!r}")
            tell(f"{contender.name} fails its check: {reason!r}")
        else:
            results.add_check(contender.name, found)
            tell(f"{contender.name}: {found.messages} messages once each, {found.syncs} syncs")


async def idle_latencies(
    contenders: Iterable[Contender], rounds: int, each: int, folder: Path, results: Results
) -> None:
    """In turn, too."""
    present = [contender for contender in contenders if contender.name in results.versions]
    for contender in present * rounds:
        with fresh(folder / "latency") as site:
            results.latencies[contender.name] += await latencies(contender, each, site)


def tell(text: str) -> None:
    print(f"# {text}", file=sys.stderr, flush=True)
