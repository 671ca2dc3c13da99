"""`replay`: what the controller would have done."""

from typing import Annotated

import typer

from tidegate.cli import invocation
from tidegate.cli.app import app, examples
from tidegate.cli.output import emit, emit_json
from tidegate.cli.progress import progress


@app.command(epilog=examples("tidegate replay --since 14d", "tidegate replay --since 3d --ip 203.0.113.7"))
def replay(
    context: typer.Context,
    *,
    since: Annotated[
        str, typer.Option("--since", metavar="DURATION", help="How far back, like 14d.")
    ] = "14d",
    ip: Annotated[str | None, typer.Option("--ip", help="This source IP alone.")] = None,
) -> None:
    """Run detection and policy over what was recorded, and tell what would have been done. Changes nothing.

    Read it before you let the controller enforce.
    """
    from tidegate.cli import replay_view  # noqa: PLC0415 - keeps --help fast

    asked = invocation.of(context)
    with progress("replaying"):
        document = replay_view.gather(asked, since, ip)
    emit_json(document) if asked.as_json else emit(replay_view.text(document))
