"""`snds login`, `snds days`."""

from typing import Annotated

import typer

from tidegate.cli import invocation
from tidegate.cli.app import EVERYWHERE, app

snds = typer.Typer(no_args_is_help=True, help="Microsoft's view of your IPs (SNDS).", epilog=EVERYWHERE)
app.add_typer(snds, name="snds")


@snds.command("login", epilog=EVERYWHERE)
def login(
    context: typer.Context,
    *,
    account: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which account; needed where several sign in.")
    ] = None,
    paste: Annotated[
        bool,
        typer.Option("--paste", help="The browser runs elsewhere: paste the address it ends up at."),
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="The port to wait on; 0 takes a free one.")
    ] = 0,
    wait: Annotated[str, typer.Option(metavar="DURATION", help="How long to wait for the browser.")] = "5m",
) -> int:
    """Sign in at Microsoft for SNDS, in a browser.

    What is kept stands in the account's sign-in-file, mode 0600; the monitor renews it there.
    """
    from tidegate.cli import snds_login  # noqa: PLC0415 - keeps --help fast

    return snds_login.login(invocation.of(context), account, paste=paste, port=port, wait=wait)


@snds.command("days", epilog=EVERYWHERE)
def days(
    context: typer.Context,
    ip: Annotated[str, typer.Argument(metavar="IP", help="One of your addresses.")],
    *,
    back: Annotated[int, typer.Option("--days", min=1, max=400, help="How many days back.")] = 30,
) -> int:
    """What SNDS told about an IP day by day, as it was told."""
    from tidegate.cli import snds_days  # noqa: PLC0415 - keeps --help fast

    return snds_days.show(invocation.of(context), ip, back)
