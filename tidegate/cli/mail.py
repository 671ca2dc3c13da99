"""`digest`, `notify test`, `notify outbox`, `notify retry`."""

from typing import Annotated

import typer

from tidegate.cli import invocation
from tidegate.cli.app import EVERYWHERE, app
from tidegate.cli.exit_codes import UsageError

notify = typer.Typer(no_args_is_help=True, help="Messages about incidents.", epilog=EVERYWHERE)
app.add_typer(notify, name="notify")


@app.command(epilog=EVERYWHERE)
def digest(
    context: typer.Context,
    *,
    text: Annotated[
        bool, typer.Option("--text", help="As text; this is what you get without an option.")
    ] = False,
    html: Annotated[bool, typer.Option("--html", help="As HTML.")] = False,
    send: Annotated[
        bool, typer.Option("--send", help="Mail it to its readers now; once per week and reader.")
    ] = False,
    week: Annotated[
        str | None, typer.Option(metavar="2026-W47", help="Which week; default the last full one.")
    ] = None,
) -> int:
    """Print or mail the weekly digest."""
    from tidegate.cli import letters  # noqa: PLC0415 - keeps --help fast

    asked = invocation.of(context)
    if sum((text, html, send)) > 1:
        raise UsageError("give one of --text, --html and --send")
    if send and week:
        raise UsageError("--send mails the last full week; leave --week out")
    if send:
        return letters.send_digest(asked)
    letters.show_digest(asked, week, html=html)
    return 0


@notify.command("test", epilog=EVERYWHERE)
def notify_test(
    context: typer.Context,
    scenario: Annotated[
        str, typer.Option(metavar="listed|throttled|resolved|digest", help="Which story is rehearsed.")
    ] = "listed",
) -> int:
    """Tell every reader and channel about a made-up incident, over the real path."""
    from tidegate.cli import letters  # noqa: PLC0415 - keeps --help fast

    return letters.rehearse(invocation.of(context), scenario)


@notify.command("outbox", epilog=EVERYWHERE)
def notify_outbox(context: typer.Context) -> int:
    """Show messages that were given up or have not gone out yet; exit code 10 when one was given up."""
    from tidegate.cli import outbox_view  # noqa: PLC0415 - keeps --help fast

    return outbox_view.show(invocation.of(context))


@notify.command("retry", epilog=EVERYWHERE)
def notify_retry(
    context: typer.Context,
    numbers: Annotated[
        list[int] | None, typer.Argument(metavar="[NO.]...", help="From notify outbox.")
    ] = None,
    *,
    everything: Annotated[
        bool, typer.Option("--everything", help="Every message that was given up.")
    ] = False,
) -> int:
    """Try messages that were given up again."""
    from tidegate.cli import outbox_view  # noqa: PLC0415 - keeps --help fast

    if bool(numbers) is everything:
        raise UsageError("give the numbers of messages, or --everything")
    return outbox_view.retry(invocation.of(context), numbers or [], everything=everything)
