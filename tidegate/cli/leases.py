"""`pin` and `release`: the operator's hand on a limit."""

from typing import Annotated

import typer

from tidegate.cli import invocation
from tidegate.cli.app import app, examples
from tidegate.cli.completion import ips, providers
from tidegate.cli.completion import leases as keys

Ip = Annotated[str, typer.Argument(metavar="IP", autocompletion=ips)]
Provider = Annotated[
    str | None,
    typer.Argument(metavar="[PROVIDER]", help="Left out: every provider.", autocompletion=providers),
]
ProviderOption = Annotated[
    str | None, typer.Option("--provider", help="The same as PROVIDER.", autocompletion=providers)
]
Reason = Annotated[
    str, typer.Option("--reason", help="Why; kept in the audit and shown wherever the limit is.")
]
For = Annotated[str, typer.Option("--for", metavar="DURATION", help="For how long, like 2h.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")]


@app.command(
    epilog=examples('tidegate pin 203.0.113.7 microsoft --rate 2000/h --for 2h --reason "invoice run"')
)
def pin(  # noqa: PLR0913 - options of a command
    context: typer.Context,
    *,
    ip: Ip,
    where: Provider = None,
    provider: ProviderOption = None,
    rate: Annotated[str, typer.Option("--rate", help="source-ip-max-msg-rate, like 2000/h.")],
    reason: Reason,
    lasts: For = "2h",
    dry_run: DryRun = False,
) -> None:
    """Set the rate of an IP yourself, for a while. The configured limit still holds above it."""
    from tidegate.cli import hand  # noqa: PLC0415 - keeps --help fast

    wish = hand.Pin(ip, provider or where, rate, reason, lasts)
    hand.pin(invocation.of(context), wish, dry_run=dry_run)


@app.command(
    epilog=examples(
        'tidegate release 203.0.113.7 microsoft --reason "delisted" --dry-run',
        'tidegate release auto:203.0.113.7:microsoft:source-ip-max-msg-rate --reason "delisted"',
    )
)
def release(
    context: typer.Context,
    *,
    target: Annotated[
        str, typer.Argument(metavar="KEY|IP", help="A lease's key, or an IP.", autocompletion=keys)
    ],
    where: Provider = None,
    provider: ProviderOption = None,
    reason: Reason,
    lasts: Annotated[
        str, typer.Option("--for", metavar="DURATION", help="How long the controller leaves the scope alone.")
    ] = "24h",
    dry_run: DryRun = False,
) -> None:
    """Lift an IP's run-time limits, or one lease. The controller leaves it alone for a while."""
    from tidegate.cli import hand  # noqa: PLC0415 - keeps --help fast

    hand.release(invocation.of(context), target, provider or where, reason, lasts, dry_run=dry_run)
