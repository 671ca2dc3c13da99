"""`tidegate show events`: what the engine tells as it happens."""

from typing import Annotated

import typer

from tidegate.cli import completion, invocation
from tidegate.cli.app import table_examples
from tidegate.cli.show import show


@show.command(
    "events",
    epilog=table_examples(
        "tidegate show events -n 50 --kind lease --kind source.disabled",
        "tidegate show events --follow --ip 203.0.113.7",
        "tidegate show events -f --json | jq .fields",
    ),
)
def events(
    context: typer.Context,
    *,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")
    ] = False,
    ip: Annotated[
        str | None, typer.Option("--ip", metavar="IP", help="About this IP.", autocompletion=completion.ips)
    ] = None,
    domain: Annotated[
        str | None,
        typer.Option("--domain", metavar="DOMAIN", help="About its queues; * stands for anything."),
    ] = None,
    provider: Annotated[
        str | None,
        typer.Option("--provider", help="About this provider.", autocompletion=completion.providers),
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--kind", help="Of this kind, like lease.created, or lease for all of them; once for each."
        ),
    ] = None,
    maxitems: Annotated[
        int, typer.Option("--maxitems", "-n", min=0, help="At most so many of those before.")
    ] = 20,
) -> None:
    """What the engine tells: modes, limits, IPs taken out, replies about IPs, acts by hand; newest last.

    The engine holds the last 2,000 until it stops. With --follow a restart of it is told and outlived.
    An act that sets a limit is told once, as the limit; --kind audit shows it too. With --json each event
    is a document on a line of its own.
    """
    from tidegate.cli import event_filter, event_stream  # noqa: PLC0415 - keeps --help fast

    asked = invocation.of(context)
    wanted = event_filter.Wanted.typed(ip, domain, provider, kind or ())
    event_stream.show(asked, wanted, maxitems, follows=follow or asked.watch is not None)
