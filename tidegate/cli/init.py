"""`tidegate init`: the first configuration."""

from typing import Annotated

import typer

from tidegate.cli import invocation
from tidegate.cli.app import app, examples


@app.command(
    epilog=examples(
        "tidegate init",
        "tidegate init --ip 203.0.113.7 --resolver 127.0.0.1 --mail-to ops@example.com --yes",
        "tidegate init --ip 203.0.113.8=10.0.0.8 --yes     # behind NAT",
    )
)
def init(  # noqa: PLR0913 - options of a command
    context: typer.Context,
    *,
    file: Annotated[str | None, typer.Argument(metavar="[FILE]", help="Default config.yaml.")] = None,
    ip: Annotated[
        list[str] | None,
        typer.Option("--ip", metavar="IP[=BIND]|NETWORK", help="Mail leaves from here; once for each."),
    ] = None,
    hostname: Annotated[
        str | None, typer.Option("--hostname", help="The name the engine greets with.")
    ] = None,
    resolver: Annotated[
        str | None,
        typer.Option("--resolver", metavar="ADDRESS[:PORT]|system", help="DNS lists are asked through it."),
    ] = None,
    mail_to: Annotated[
        list[str] | None, typer.Option("--mail-to", metavar="ADDRESS", help="Who is told; once for each.")
    ] = None,
    mail_host: Annotated[
        str | None, typer.Option("--mail-host", metavar="HOST[:PORT]", help="The host that takes that mail.")
    ] = None,
    mail_from: Annotated[
        str | None, typer.Option("--mail-from", metavar="ADDRESS", help="The From of that mail.")
    ] = None,
    snds: Annotated[
        str | None, typer.Option("--snds", metavar="sign-in|no", help="Whether Microsoft SNDS is asked.")
    ] = None,
    web: Annotated[
        str | None,
        typer.Option(
            "--web", metavar="yes|no", help="Whether people may look at the web monitor on this machine."
        ),
    ] = None,
    no_test: Annotated[bool, typer.Option("--no-test", help="Do not try the resolver.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: take the defaults.")] = False,
) -> None:
    """Ask a few questions and write a commented configuration in mode advise.

    The resolver is tried on the way. Nothing is written before the last answer, and nothing is overwritten.
    The token for the web monitor stands in a file of its own beside it, which only you can read.
    """
    from tidegate.cli import first_steps  # noqa: PLC0415 - keeps --help fast
    from tidegate.first_run.interview import Given  # noqa: PLC0415

    given = Given(
        " ".join(ip) if ip else None, hostname, resolver, " ".join(mail_to) if mail_to else None,
        mail_host, mail_from, snds, web,
    )  # fmt: skip
    asked = invocation.of(context)
    first_steps.take(asked, file or asked.config_path, given, asks=not yes, tries=not no_test)
