"""The story stops while an IP is held back: somebody looks, releases it, and is told what became of it."""

import asyncio
import sys
from pathlib import Path

from core.lease import Lease, Origin
from tidegate.demo.console import Tone
from tidegate.demo.stage import Stage
from tidegate.demo.world import LISTED

TITLE = "Your turn"
_LOOK_SECONDS = 1.0
_REASON = "I have looked into it"


async def play(stage: Stage) -> None:
    """Say what can be typed, and tell of every change until Ctrl-C."""
    stage.console.line(
        f"{LISTED} is held back, and stays so while it is listed. In another terminal, from here:"
    )
    stage.console.line()
    for command in commands(program(), stage.config):
        stage.console.line(f"    {command}")
    stage.console.line()
    stage.console.line("Ctrl-C here ends the lab and takes everything down.")
    before = await stage.leases(LISTED)
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        after = await stage.leases(LISTED)
        for text in changes(before, after):
            stage.say(text, Tone.DONE)
        before = after


def program() -> str:
    """How `tidegate` is typed from here."""
    tool = Path(sys.executable).with_name("tidegate")
    try:
        return str(tool.relative_to(Path.cwd()))
    except ValueError:
        return str(tool)


def commands(tool: str, config: Path) -> list[str]:
    """Look, release, look again. Thirty days of the story are half an hour."""
    return [
        f"export TIDEGATE_CONFIG={config}",
        f"{tool} explain {LISTED} microsoft",
        f"{tool} show leases",
        f'{tool} release {LISTED} --for 30d --reason "{_REASON}"',
        f"{tool} explain {LISTED} microsoft",
        f"{tool} trace --ip {LISTED} --provider microsoft",
        f"{tool} show orders",
        f"{tool} top",
    ]


def changes(before: list[Lease], after: list[Lease]) -> list[str]:
    """What became of the limits between two looks."""
    old, new = ({one.key: one for one in leases} for leases in (before, after))
    gone = [f"{old[key].scope}: {old[key].value} is lifted" for key in old if key not in new]
    come = [
        f"{one.scope}: {one.value} by {_who(one)}: {one.reason}" for key, one in new.items() if key not in old
    ]
    moved = [
        f"{one.scope}: {old[key].value} -> {one.value} by {_who(one)}"
        for key, one in new.items()
        if key in old and one.value != old[key].value
    ]
    return [*gone, *come, *moved]


def _who(lease: Lease) -> str:
    return "the controller" if lease.origin is Origin.CONTROLLER else lease.set_by
