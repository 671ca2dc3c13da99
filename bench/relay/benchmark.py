"""The relay benchmark as `python -m bench` calls it."""

import asyncio
import contextlib
from collections.abc import Iterable
from pathlib import Path

from bench.options import Form, Options
from bench.relay import disk, figures, report, runner
from bench.relay.errors import BenchError, Unavailable
from bench.relay.load import Connections, Load
from bench.relay.plan import DIRECT, OURS, OURS_SIGNING, POSTFIX, Plan, plan
from bench.relay.results import Results

REPORT = Path(__file__).parents[2] / "docs" / "performance.md"

_CHECK = Load(500, sessions=20, numbered=True)
_SHORT_CHECKS = (
    Load(300, sessions=20, numbered=True),
    Load(100, size=20_480, sessions=20, connections=Connections.NEW, numbered=True),
)
_LATENCY_ROUNDS, _LATENCY_MESSAGES = 3, 100


def run(options: Options) -> Iterable[figures.Figure]:
    """Raises BenchError when a run of ours does not count, after the report is written."""
    return asyncio.run(_run(options))


async def _run(options: Options) -> Iterable[figures.Figure]:
    results = Results()
    if options.form is Form.SHORT:
        await _short(results)
    else:
        await _timed(plan(options), results, whole=not options.only)
    _insist(results)
    return list(figures.figures(results))


async def _timed(chosen: Plan, results: Results, *, whole: bool) -> None:
    contenders = list(chosen.contenders())
    await runner.find(contenders, results)
    async with contextlib.AsyncExitStack() as stack:
        place = await _place(stack)
        await runner.run(chosen, place.folder, results)
        servers = [contender for contender in contenders if contender is not DIRECT]
        await runner.check_each(servers, _CHECK, place.folder, results)
        idle = [contender for contender in contenders if contender in (OURS, POSTFIX)]
        await runner.idle_latencies(idle, _LATENCY_ROUNDS, _LATENCY_MESSAGES, place.folder, results)
    if whole:
        report.write(results, place.kind, REPORT)


async def _place(stack: contextlib.AsyncExitStack) -> disk.Place:
    try:
        return await stack.enter_async_context(disk.image())
    except Unavailable as reason:
        runner.tell(f"no disk image for the spools, a folder instead: {reason}")
        return await stack.enter_async_context(disk.plain())


async def _short(results: Results) -> None:
    """Checks alone: ours, signing and not, and one peer to see that the checks can be passed by others."""
    contenders = (OURS, OURS_SIGNING, POSTFIX)
    await runner.find((DIRECT, *contenders), results)
    async with disk.plain() as place:
        for load in _SHORT_CHECKS:
            await runner.check_each(contenders, load, place.folder, results)


def _insist(results: Results) -> None:
    """Ours must have passed everything, and waited for its disk."""
    for name in (OURS.name, OURS_SIGNING.name):
        failed = [why for (who, _), reasons in results.failures.items() if who == name for why in reasons]
        checked = results.checked.get(name)
        if checked and checked.syncs == 0:
            failed.append("nothing was synced")
        if checked and checked.signed != (checked.messages if name == OURS_SIGNING.name else 0):
            failed.append(f"{checked.signed} of {checked.messages} messages were signed")
        if failed:
            raise BenchError(f"{name}: {'; '.join(failed)}")
