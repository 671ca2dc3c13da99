"""`show domains|topdomains|vmtas|providers|messages|audit`: queues summed up, waiting mail, changes."""

from typing import Annotated

import typer

from tidegate.cli import completion, invocation
from tidegate.cli.app import TABLE, table_examples
from tidegate.cli.exit_codes import UsageError
from tidegate.cli.present import Shown, present, shown
from tidegate.cli.show import MaxItems, Sort, show

Older = Annotated[
    str | None, typer.Option("--older-than", metavar="DURATION", help="Received longer ago than this.")
]


@show.command("domains", epilog=TABLE)
def domains(context: typer.Context, *, maxitems: MaxItems = 100, sort: Sort = "name") -> None:
    """Recipient domains, each summed up over its queues."""
    _sums(context, "domain", maxitems, sort)


@show.command("topdomains", epilog=TABLE)
def topdomains(context: typer.Context, *, maxitems: MaxItems = 10, sort: Sort = "rcpt") -> None:
    """The domains with the most recipients waiting."""
    _sums(context, "domain", maxitems, sort)


@show.command("vmtas", epilog=TABLE)
def vmtas(context: typer.Context, *, maxitems: MaxItems = 100, sort: Sort = "name") -> None:
    """VirtualMTAs, each summed up over its queues."""
    _sums(context, "vmta", maxitems, sort)


@show.command("providers", epilog=TABLE)
def providers(context: typer.Context, *, maxitems: MaxItems = 100, sort: Sort = "rcpt") -> None:
    """Mailbox providers, each summed up over its queues."""
    _sums(context, "provider", maxitems, sort)


def _sums(context: typer.Context, by: str, maxitems: int, sort: str) -> None:
    from tidegate.cli import sums_view  # noqa: PLC0415

    if sort not in sums_view.SORTS:
        raise UsageError(f"--sort={sort} is not known; write name, rcpt or size")
    asked = invocation.of(context)

    def look() -> Shown:
        with asked.client() as client:
            document = sums_view.sums(client, by, sort, maxitems)
        return shown(document, sums_view.text, sums_view.grid)

    present(asked, look, sheet=sums_view.sheet(by))


@show.command(
    "messages",
    epilog=table_examples(
        "tidegate show messages --queue yahoo.com/marketing -n 20",
        "tidegate show messages --jobid spring --older-than 2h",
    ),
)
def messages(
    context: typer.Context,
    *,
    queue: Annotated[
        str | None,
        typer.Option(
            "--queue", metavar="domain[/vmta]", help="In these queues.", autocompletion=completion.queues
        ),
    ] = None,
    orig: Annotated[
        str | None, typer.Option("--orig", metavar="ADDRESS", help="From this sender; <> is none.")
    ] = None,
    rcpt: Annotated[str | None, typer.Option("--rcpt", metavar="ADDRESS", help="To this recipient.")] = None,
    job: Annotated[str | None, typer.Option("--jobid", "--jobId", metavar="JOB", help="Of this job.")] = None,
    older_than: Older = None,
    maxitems: MaxItems = 20,
) -> None:
    """Recipients that wait; * stands for anything in any of the options."""
    from tidegate.cli import sums_view  # noqa: PLC0415

    asked = invocation.of(context)

    def look() -> Shown:
        with asked.client() as client:
            document = client.messages(
                maxitems, queue=queue, orig=orig, rcpt=rcpt, job=job, older_than=older_than
            )
        return shown(document, sums_view.messages_text, sums_view.messages_grid)

    present(asked, look, sheet=sums_view.MESSAGES)


@show.command("audit", epilog=TABLE)
def audit(context: typer.Context, *, maxitems: MaxItems = 20) -> None:
    """Who changed what at the engine, newest first. Orders to the controller: show orders."""
    from tidegate.cli import sums_view  # noqa: PLC0415

    asked = invocation.of(context)

    def look() -> Shown:
        with asked.client() as client:
            document = {"schema": "audit/v1", "entries": client.audit(maxitems)}
        return shown(document, sums_view.audit_text, sums_view.audit_grid)

    present(asked, look, sheet=sums_view.AUDIT)
