"""`silence`, `ack`, `timeline`, `false-alarms`: what people say and ask about incidents."""

from typing import Annotated

import typer

from tidegate.cli import invocation
from tidegate.cli.app import EVERYWHERE, app
from tidegate.cli.leases import DryRun, For, Reason
from tidegate.cli.output import emit, emit_json


@app.command(epilog=EVERYWHERE)
def silence(
    context: typer.Context,
    *,
    target: Annotated[
        str, typer.Argument(metavar="INC-N|IP|all", help="A problem, by its incident; an IP; everything.")
    ],
    provider: Annotated[str | None, typer.Argument(metavar="[PROVIDER]", help="Only at this one.")] = None,
    rule: Annotated[str | None, typer.Option("--rule", help="Only this rule, like dnsbl-listed.")] = None,
    reason: Reason,
    lasts: For = "2h",
    dry_run: DryRun = False,
) -> None:
    """Send no mail about something for a while. Limits are set all the same."""
    from tidegate.cli import hushes  # noqa: PLC0415 - keeps --help fast

    terms = hushes.Terms(reason, lasts, dry_run)
    hushes.silence(invocation.of(context), hushes.Target(target, provider, rule), terms)


@app.command(epilog=EVERYWHERE)
def ack(
    context: typer.Context,
    *,
    incident: Annotated[str, typer.Argument(metavar="INC-N")],
    reason: Annotated[str, typer.Option("--reason", help="What you are doing about it.")] = "",
    lasts: For = "3d",
) -> None:
    """Say that you look after an incident: no daily reminders for a while, only what is new."""
    from tidegate.cli import hushes  # noqa: PLC0415

    hushes.acknowledge(invocation.of(context), incident, reason, lasts)


@app.command(epilog=EVERYWHERE)
def timeline(
    context: typer.Context,
    ip: Annotated[str, typer.Argument(metavar="IP")],
    since: Annotated[str, typer.Option("--since", metavar="DURATION", help="How far back, like 7d.")] = "7d",
) -> None:
    """Everything that happened to an IP, in order: answers, incidents, limits, operators, mails."""
    from tidegate.cli import timeline_view  # noqa: PLC0415

    asked = invocation.of(context)
    document = timeline_view.timeline(asked, ip, since)
    emit_json(document) if asked.as_json else emit(timeline_view.timeline_text(document))


@app.command("false-alarms", epilog=EVERYWHERE)
def false_alarms(
    context: typer.Context,
    ips: Annotated[int | None, typer.Option("--ips", min=1, help="Source IPs; else as configured.")] = None,
    messages: Annotated[
        float | None,
        typer.Option("--messages", min=1, help="Messages a day from each IP; else as measured."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="The simulation's dice.")] = 1,
) -> None:
    """How many alarms a month a healthy fleet would raise under the present settings, rule by rule."""
    from tidegate.cli import false_alarm_view  # noqa: PLC0415

    asked = invocation.of(context)
    document = false_alarm_view.false_alarm_document(asked, ips, messages, seed)
    emit_json(document) if asked.as_json else emit(false_alarm_view.false_alarm_text(document))
