"""`tidegate sources …`: what an operator says about reputation sources."""

from typing import Annotated

import typer

from tidegate.cli import invocation
from tidegate.cli.app import EVERYWHERE, app

sources = typer.Typer(
    no_args_is_help=True, help="Vouch for a DNS list that Tidegate stopped believing.", epilog=EVERYWHERE
)
app.add_typer(sources, name="sources")


@sources.command("approve", epilog=EVERYWHERE)
def approve(
    context: typer.Context,
    *,
    zone: Annotated[str, typer.Argument(metavar="ZONE", help="The list, as show sources names it.")],
    reason: Annotated[str, typer.Option("--reason", help="Why you believe it; kept in the audit.")],
) -> None:
    """Believe a DNS list again that newly listed much of the fleet at once.

    Its next round is taken as it is: every IP it lists is acted on. A list that fails its self-test stays
    stopped until it passes.
    """
    from tidegate.cli import vouching  # noqa: PLC0415

    vouching.approve(invocation.of(context), zone, reason)
