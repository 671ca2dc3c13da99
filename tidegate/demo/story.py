"""Tells the story: opens the lab, plays the acts in order, cleans up, and prints what it came to."""

import asyncio
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from pathlib import Path

from core.clock import NANOSECONDS, ScaledClock, SystemClock
from lab.configuration import TOKEN
from lab.ports import free_port
from tidegate.client import EngineClient
from tidegate.demo.acts import baseline, blindness, closing, listing, provider, recovery, your_turn
from tidegate.demo.console import Console, Tone
from tidegate.demo.options import SPEED, Options
from tidegate.demo.stage import Stage
from tidegate.demo.step import StepFailed
from tidegate.demo.world import LISTED, PAGE_TOKEN, SIBLING, configure, demo_lab, opening_time

Act = tuple[str, Callable[[Stage], Awaitable[None]]]
ACTS: tuple[Act, ...] = (
    (baseline.TITLE, baseline.play),
    (listing.TITLE, listing.play),
    (provider.TITLE, provider.play),
    (blindness.TITLE, blindness.play),
    (recovery.TITLE, recovery.play),
    (closing.TITLE, closing.play),
)

HANDS_ON = (*ACTS[:2], (your_turn.TITLE, your_turn.play))


def tell(options: Options) -> int:
    """Play in a directory of its own. Returns the exit code."""
    directory = options.keep or Path(tempfile.mkdtemp(prefix="tidegate-demo-"))
    directory.mkdir(parents=True, exist_ok=True)
    try:
        return asyncio.run(_play(options, directory.resolve()))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.stderr.write("stopped; everything that ran is taken down\n")
        return 0 if options.hands_on else 130
    finally:
        if options.keep is None:
            shutil.rmtree(directory, ignore_errors=True)


async def _play(options: Options, directory: Path) -> int:
    """Ctrl-C cancels this task: everything is taken down on the way out."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    watch = SystemClock()
    now = watch.now()
    clock = ScaledClock.showing(opening_time(now), now, options.speed)
    console = Console(watch.monotonic_ns() / NANOSECONDS, plain=options.headless)
    async with demo_lab(clock, options.seed, directory) as lab:
        page = f"127.0.0.1:{free_port()}"
        config = configure(lab, directory, speed=options.speed, origin=clock.origin, page=page)
        client = EngineClient(f"http://127.0.0.1:{lab.api_port}", TOKEN)
        stage = Stage(
            lab,
            clock,
            console,
            directory,
            config,
            f"http://{page}",
            client,
            lab.traffic("demo", connections=16),
        )
        stage.patience = max(1.0, SPEED / options.speed)
        _opening(stage, options)
        sending = stage.sending = asyncio.create_task(stage.traffic.run(stage.streams))
        try:
            return await _acts(stage, HANDS_ON if options.hands_on else ACTS, proof=options.proof)
        finally:
            sending.cancel()
            with suppress(asyncio.CancelledError):
                await sending
            await stage.traffic.close()
            await stage.stop()
            stage.close()


def _opening(stage: Stage, options: Options) -> None:
    console = stage.console
    console.line("Tidegate demo. Everything runs on loopback; nothing leaves this machine.")
    console.line(
        f"The clock runs {options.speed:g} times as fast: one hour of the story takes "
        f"{3600 / options.speed:.1f} s. Left: seconds, story time."
    )
    console.line("Not as by default: hourly SNDS, recovery steps every hour instead of two, mode enforce.")
    for pool in stage.lab.pools:
        sources = ", ".join(f"{s.address} (lab {s.bind})" for s in pool.sources)
        console.line(f"  {pool.name + ':':<15} {sources}")
    console.line(f"Data, configuration and logs: {stage.directory}")
    console.line(f"The live page, as soon as Tidegate is up: {stage.page}/login#{PAGE_TOKEN}")


async def _acts(stage: Stage, acts: Iterable[Act], *, proof: bool) -> int:
    for number, (title, play) in enumerate(acts, start=1):
        stage.console.act(number, title)
        try:
            await play(stage)
        except StepFailed as failure:
            _failed(stage, failure)
            return 1
    _card(stage)
    if proof:
        stage.console.line(f"every step happened; {len(stage.checks)} observations and conditions held")
    return 0


def _failed(stage: Stage, failure: StepFailed) -> None:
    stage.say(str(failure), Tone.FAILED)
    log = stage.directory / "run.log"
    if log.exists():
        stage.console.line("The last lines of Tidegate's log:")
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        stage.console.quote("\n".join(map(_log_line, lines[-15:])), 40)
    stage.console.line(f"step failed: {failure.name}")


def _log_line(line: str) -> str:
    """The readable part of a line of JSON; any other line as it is."""
    try:
        said = json.loads(line)
        return f"{said['process']}: {said['message']}"
    except (ValueError, TypeError, KeyError):
        return line


def _card(stage: Stage) -> None:
    before, after = stage.facts["rates"]
    listed = (
        f"{LISTED}: {before[LISTED]:.0f}/h before the listing, {after[LISTED]:.0f}/h while it stood, "
        f"back in {stage.facts['steps']} steps"
    )
    mails = (
        f"one thread of {stage.facts['thread']} mails about the listing; "
        f"{len(stage.lab.mailbox.mails)} mails in all"
    )
    stage.console.card(
        "What happened",
        [
            listed,
            f"{SIBLING}, same queues: {before[SIBLING]:.0f}/h before, {after[SIBLING]:.0f}/h meanwhile",
            mails,
            f"{stage.facts['promised']} messages accepted with 250, all delivered, none lost, none twice",
            "three broken lists and a dead resolver: unknown, no incident about an IP, no lease",
            "",
            "Now your own IPs, read-only, without sending: tidegate check 192.0.2.10",
        ],
    )
