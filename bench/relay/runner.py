"""Runs a plan: round by round, each case on a server that was started for it alone."""

import sys
from pathlib import Path

from bench.relay import load as tools
from bench.relay.check import fresh
from bench.relay.contender import Site
from bench.relay.errors import BenchError, Unavailable
from bench.relay.measure import Measured, measure
from bench.relay.plan import Case, Plan
from bench.relay.results import Results

_WARM_UP = 300
_FIRST_OF_A_RUN = 10


async def run(plan: Plan, folder: Path) -> Results:
    """All rounds. `folder` is where the spools lie; every server's own user must be able to enter it."""
    results = Results()
    await _find(plan, results)
    async with tools.sink(folder) as sink:
        for number, case in plan.rounds():
            if case.contender.name in results.versions:
                await _run_case(case, number, folder, sink, results)
    return results


async def _find(plan: Plan, results: Results) -> None:
    for contender in plan.contenders():
        try:
            results.versions[contender.name] = await contender.version()
        except Unavailable as reason:
            results.absent[contender.name] = str(reason)
            _tell(f"{contender.name} is not measured: {reason}")


async def _run_case(case: Case, number: int, folder: Path, sink: tools.Sink, results: Results) -> None:
    name, load = case.contender.name, case.load
    try:
        measured = await _measured(case, folder / f"{name}-{number}", sink)
    except (BenchError, OSError) as reason:
        results.fail(name, load, str(reason) or type(reason).__name__)
        _tell(f"round {number}, {name}, {described(load)}: does not count: {reason}")
    else:
        results.add(name, measured)
        _tell(f"round {number}, {name}, {described(load)}: {measured.rate:.0f}/s, {measured.cpu_ms:.2f} ms")


async def _measured(case: Case, folder: Path, sink: tools.Sink) -> Measured:
    with fresh(folder):
        async with case.contender.running(Site(folder, sink.port)) as relay:
            warm = min(_WARM_UP, case.load.messages // _FIRST_OF_A_RUN)
            await measure(relay, case.load.of(warm), sink)
            return await measure(relay, case.load, sink)


def described(load: tools.Load) -> str:
    return f"{load.size // 1024} KiB, {load.sessions} sessions, connections {load.connections}"


def _tell(text: str) -> None:
    print(f"# {text}", file=sys.stderr, flush=True)
