"""`tidegate doctor`: what to mend, and how."""

import typer

from tidegate.cli import invocation
from tidegate.cli.app import EVERYWHERE, app
from tidegate.cli.exit_codes import ExitCode
from tidegate.cli.output import emit, emit_json


@app.command(epilog=EVERYWHERE)
def doctor(context: typer.Context) -> int:
    """Examine configuration, machine, engine, resolver, sources and mail route.

    Each finding says what to mend and how; nothing is changed and no mail is sent.
    Exit code 0: all is fine; 10: something should be mended; 1: something is broken.
    """
    import asyncio  # noqa: PLC0415

    from core.clock import SystemClock  # noqa: PLC0415
    from tidegate.doctor.examine import examine  # noqa: PLC0415
    from tidegate.doctor.finding import Verdict  # noqa: PLC0415

    asked = invocation.of(context)
    found = asyncio.run(examine(asked.config_path, SystemClock()))
    emit_json(found.document()) if asked.as_json else emit(found.text())
    codes = {Verdict.BROKEN: ExitCode.FAILED, Verdict.UNWISE: ExitCode.FOUND}
    return codes.get(found.worst, ExitCode.OK)
