"""`tidegate trace`: an SMTP conversation as it happens."""

from typing import Annotated

import typer

from tidegate.cli import completion, invocation
from tidegate.cli.app import app, examples


@app.command(
    epilog=examples(
        "tidegate trace yahoo.com/marketing",
        "tidegate trace 'yahoo.com/*' --log-data --connections 3",
        "tidegate trace --ip 203.0.113.7 --provider microsoft",
        "tidegate trace yahoo.com/marketing --json | jq -r 'select(.event == \"heard\").line'",
    )
)
def trace(
    context: typer.Context,
    *,
    queue: Annotated[
        str | None,
        typer.Argument(
            metavar="domain/vmta",
            help="The queue; * stands for any domain or any VirtualMTA.",
            autocompletion=completion.queues,
        ),
    ] = None,
    ip: Annotated[
        str | None,
        typer.Option(
            "--ip",
            "--source-ip",
            metavar="IP",
            help="Only from this source IP.",
            autocompletion=completion.ips,
        ),
    ] = None,
    provider: Annotated[
        str | None,
        typer.Option("--provider", help="Only to this provider.", autocompletion=completion.providers),
    ] = None,
    log_data: Annotated[
        bool,
        typer.Option("--log-data", help="Show the first 4,096 octets of each content; this is audited."),
    ] = False,
    connections: Annotated[
        int, typer.Option("--connections", "-n", min=1, max=100, help="End after so many connections.")
    ] = 1,
    _log_resolution: Annotated[bool, typer.Option("--log-resolution", hidden=True)] = False,
) -> None:
    """Show the next SMTP conversation of a queue, or of an IP at a provider, line by line, live.

    The next connection that is opened is shown, from its first step to its last; one that is open already,
    and kept for more mail, is not. A queue comes to be with its first mail: '*/vmta' shows even that.

    > is what we said, < what we heard, = what became of a recipient; times are milliseconds since the
    connection began. At the end: the results, and how long each phase took.
    """
    from tidegate.cli import tracing  # noqa: PLC0415 - keeps --help fast

    asked = invocation.of(context)
    tracing.run(asked, tracing.wish(queue, ip, provider, log_data=log_data, connections=connections))
