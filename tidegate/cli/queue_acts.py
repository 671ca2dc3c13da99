"""The operator's hand on the engine, in PowerMTA's words: pause, set queue, disable, delete…

`QUEUE` is `domain/vmta`; `*` stands for anything in it.
"""

from typing import Annotated

import typer

from tidegate.cli import invocation
from tidegate.cli.app import EVERYWHERE, app, examples
from tidegate.cli.completion import ips, queues
from tidegate.cli.exit_codes import UsageError
from tidegate.cli.leases import DryRun, Reason

Queue = Annotated[
    str,
    typer.Argument(metavar="QUEUE", help="domain/vmta; * stands for anything.", autocompletion=queues),
]
Everything = Annotated[bool, typer.Option("--everything", help="Really all of them.")]
SourceIp = Annotated[str, typer.Argument(metavar="IP", autocompletion=ips)]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Queues = Annotated[
    str | None,
    typer.Option("--queue", metavar="domain[/vmta]", help="In these queues.", autocompletion=queues),
]
Orig = Annotated[str | None, typer.Option("--orig", metavar="ADDRESS", help="From this sender; <> is none.")]
Rcpt = Annotated[str | None, typer.Option("--rcpt", metavar="ADDRESS", help="To this recipient.")]
Job = Annotated[str | None, typer.Option("--jobid", "--jobId", metavar="JOB", help="Of this job.")]
Older = Annotated[
    str | None, typer.Option("--older-than", metavar="DURATION", help="Received longer ago than this.")
]

set_group = typer.Typer(no_args_is_help=True, help="Put a queue into a mode.", epilog=EVERYWHERE)
app.add_typer(set_group, name="set")


@app.command(
    epilog=examples(
        'tidegate pause yahoo.com/marketing --reason "campaign stopped"',
        'tidegate pause "*/marketing" --reason "campaign stopped" --dry-run',
    )
)
def pause(
    context: typer.Context,
    *,
    queue: Queue,
    everything: Everything = False,
    reason: Reason,
    dry_run: DryRun = False,
) -> None:
    """Send nothing from a queue until it is resumed. Mail for it is accepted and kept."""
    from tidegate.cli import queue_hand  # noqa: PLC0415 - keeps --help fast

    asked = invocation.of(context)
    queue_hand.act(asked, queue_hand.Wish(queue, "pause", reason, everything, dry_run))


@app.command(epilog=examples('tidegate resume yahoo.com/marketing --reason "list cleaned"'))
def resume(
    context: typer.Context,
    *,
    queue: Queue,
    everything: Everything = False,
    reason: Reason,
    dry_run: DryRun = False,
) -> None:
    """Let a paused queue send again."""
    from tidegate.cli import queue_hand  # noqa: PLC0415

    asked = invocation.of(context)
    queue_hand.act(asked, queue_hand.Wish(queue, "resume", reason, everything, dry_run))


@app.command(epilog=examples('tidegate schedule yahoo.com/marketing --reason "they say it is mended"'))
def schedule(
    context: typer.Context,
    *,
    queue: Queue,
    everything: Everything = False,
    reason: Reason,
    dry_run: DryRun = False,
) -> None:
    """Forget a queue's wait after failures and try now. Limits and backoff stay."""
    from tidegate.cli import queue_hand  # noqa: PLC0415

    asked = invocation.of(context)
    queue_hand.act(asked, queue_hand.Wish(queue, "retry", reason, everything, dry_run))


@set_group.command(
    "queue",
    epilog=examples(
        'tidegate set queue --mode=normal yahoo.com/marketing --reason "their postmaster said so"',
    ),
)
def set_queue(
    context: typer.Context,
    *,
    queue: Queue,
    mode: Annotated[str, typer.Option("--mode", metavar="normal|backoff", help="Which mode.")],
    everything: Everything = False,
    reason: Reason,
    dry_run: DryRun = False,
) -> None:
    """Put a queue into normal or backoff mode by hand."""
    from tidegate.cli import queue_hand  # noqa: PLC0415

    if mode not in {"normal", "backoff"}:
        raise UsageError(f"--mode={mode} is not known; write normal or backoff")
    queue_hand.act(invocation.of(context), queue_hand.Wish(queue, mode, reason, everything, dry_run))


@app.command(
    epilog=examples(
        'tidegate disable 203.0.113.7 yahoo.com/marketing --reenable-after 2h --reason "blocked there"',
    )
)
def disable(
    context: typer.Context,
    *,
    ip: SourceIp,
    queue: Queue,
    reenable_after: Annotated[
        str | None,
        typer.Option("--reenable-after", metavar="DURATION", help="For so long; else until enabled."),
    ] = None,
    reason: Reason,
    dry_run: DryRun = False,
) -> None:
    """Take a source IP out of a queue; its other IPs go on."""
    from tidegate.cli import queue_hand  # noqa: PLC0415

    asked = invocation.of(context)
    queue_hand.disable(asked, ip, queue_hand.Wish(queue, "disable", reason, False, dry_run), reenable_after)


@app.command(epilog=examples('tidegate enable 203.0.113.7 yahoo.com/marketing --reason "delisted"'))
def enable(
    context: typer.Context, *, ip: SourceIp, queue: Queue, reason: Reason, dry_run: DryRun = False
) -> None:
    """Let a source IP back into a queue."""
    from tidegate.cli import queue_hand  # noqa: PLC0415

    asked = invocation.of(context)
    queue_hand.enable(asked, ip, queue_hand.Wish(queue, "enable", reason, False, dry_run))


@app.command(
    epilog=examples(
        'tidegate delete --queue yahoo.com/marketing --jobid spring --reason "wrong price" --dry-run',
        'tidegate delete --queue yahoo.com/marketing --jobid spring --reason "wrong price" --yes',
    )
)
def delete(  # noqa: PLR0913 - options of a command
    context: typer.Context,
    *,
    queue: Queues = None,
    orig: Orig = None,
    rcpt: Rcpt = None,
    job: Job = None,
    older_than: Older = None,
    everything: Everything = False,
    reason: Reason,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Drop waiting mail; nobody is told. It cannot be undone, and asks first."""
    from tidegate.cli import queue_hand  # noqa: PLC0415

    wanted = queue_hand.Filter(queue, orig, rcpt, job, older_than, everything)
    terms = queue_hand.EndTerms("delete", reason, yes, dry_run)
    queue_hand.end(invocation.of(context), wanted, terms)


@app.command(epilog=examples('tidegate bounce --rcpt "*@gone.example" --reason "domain is gone" --yes'))
def bounce(  # noqa: PLR0913 - options of a command
    context: typer.Context,
    *,
    queue: Queues = None,
    orig: Orig = None,
    rcpt: Rcpt = None,
    job: Job = None,
    older_than: Older = None,
    everything: Everything = False,
    reason: Reason,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Return waiting mail to its senders. It cannot be undone, and asks first."""
    from tidegate.cli import queue_hand  # noqa: PLC0415

    wanted = queue_hand.Filter(queue, orig, rcpt, job, older_than, everything)
    terms = queue_hand.EndTerms("bounce", reason, yes, dry_run)
    queue_hand.end(invocation.of(context), wanted, terms)
