"""`tidegate doctor`: what to mend, and how."""

from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli import invocation
from tidegate.cli.app import EVERYWHERE, app
from tidegate.cli.exit_codes import ExitCode
from tidegate.cli.nagios import State, Word, say
from tidegate.cli.output import emit, emit_json
from tidegate.cli.progress import progress

if TYPE_CHECKING:
    from tidegate.doctor.examine import Diagnosis


@app.command(epilog=EVERYWHERE)
def doctor(
    context: typer.Context,
    *,
    nagios: Annotated[
        bool, typer.Option("--nagios", help="One line and exit codes for Nagios and Icinga: 0, 1, 2, 3.")
    ] = False,
) -> int:
    """Examine configuration, machine, engine, resolver, sources and mail route.

    Each finding says what to mend and how; nothing is changed and no mail is sent.
    Exit code 0: all is fine; 10: something should be mended; 1: something is broken.
    """
    import asyncio  # noqa: PLC0415

    from core.clock import SystemClock  # noqa: PLC0415
    from tidegate.doctor.examine import examine  # noqa: PLC0415
    from tidegate.doctor.finding import Verdict  # noqa: PLC0415

    asked = invocation.of(context)
    with progress("examining"):
        found = asyncio.run(examine(asked.config_path, SystemClock()))
    if nagios:
        return say(lambda: _word(found), State.UNKNOWN)
    emit_json(found.document()) if asked.as_json else emit(found.text())
    codes = {Verdict.BROKEN: ExitCode.FAILED, Verdict.UNWISE: ExitCode.FOUND}
    return codes.get(found.worst, ExitCode.OK)


def _word(found: "Diagnosis") -> Word:
    from tidegate.doctor.finding import Verdict  # noqa: PLC0415

    states = {Verdict.BROKEN: State.CRITICAL, Verdict.UNWISE: State.WARNING, Verdict.UNKNOWN: State.UNKNOWN}
    bad = [one for one in found.findings if one.verdict is found.worst and one.verdict is not Verdict.FINE]
    said = "; ".join(f"{one.check}: {one.said}" for one in bad) or "all is fine"
    counted = {"broken": Verdict.BROKEN, "mend": Verdict.UNWISE, "unknown": Verdict.UNKNOWN}
    numbers = {name: found.count(verdict) for name, verdict in counted.items()}
    return states.get(found.worst, State.OK), said, numbers
