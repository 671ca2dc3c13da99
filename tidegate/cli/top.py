"""`tidegate top`: the engine live, like top(1)."""

from typing import Annotated

import typer

from tidegate.cli import invocation
from tidegate.cli.app import app, examples


@app.command(epilog=examples("tidegate top", "tidegate top --every 5s", "tidegate top --count 1 | less"))
def top(
    context: typer.Context,
    *,
    every: Annotated[
        str, typer.Option("--every", metavar="DURATION", help="How often to look; 1s at least.")
    ] = "2s",
    count: Annotated[
        int | None, typer.Option("--count", min=1, help="Look so often and end; else until q or Ctrl-C.")
    ] = None,
) -> None:
    """Watch the engine: rates, the fullest queues, what is held back and why.

    Keys: q quits, s sorts otherwise, e shows only queues with an error, p only paused ones, space looks now.
    Without a terminal one picture is printed after the other.
    """
    from tidegate.cli import top_loop  # noqa: PLC0415 - keeps --help fast

    top_loop.run(invocation.of(context), every, count)
