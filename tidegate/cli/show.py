"""`tidegate show …`: what the engine and the monitor know, in PowerMTA's grammar."""

from typing import Annotated, Any

import typer

from tidegate.cli import invocation
from tidegate.cli.app import EVERYWHERE, app
from tidegate.cli.exit_codes import UsageError
from tidegate.cli.output import emit, emit_json

show = typer.Typer(
    no_args_is_help=True, help="Show queues, IPs, incidents, leases, sources.", epilog=EVERYWHERE
)
app.add_typer(show, name="show")

Name = Annotated[
    str | None, typer.Argument(metavar="[domain[/vmta]]", help="One queue in full, or a pattern with *.")
]
Mode = Annotated[str | None, typer.Option(metavar="normal|backoff", help="Only queues in this mode.")]
Paused = Annotated[bool, typer.Option("--paused", help="Only paused queues.")]
MaxItems = Annotated[int, typer.Option("--maxitems", "-n", min=1, help="At most so many.")]
Errors = Annotated[
    bool, typer.Option("--errors", help="Only queues with an error, each error on its own line.")
]
Sort = Annotated[str, typer.Option(metavar="name|rcpt|size", help="The order.")]


@show.command("queues", epilog=EVERYWHERE)
def queues(
    context: typer.Context,
    *,
    name: Name = None,
    mode: Mode = None,
    paused: Paused = False,
    maxitems: MaxItems = 100,
    errors: Errors = False,
    sort: Sort = "name",
) -> None:
    """Queues, or one queue domain/vmta in full.

    st: B backoff, P paused. Numbers are recipients; retry and times are in this machine's zone.
    """
    _queues(context, name, sort, {"mode": mode, "paused": paused, "maxitems": maxitems, "errors": errors})


@show.command("topqueues", epilog=EVERYWHERE)
def topqueues(
    context: typer.Context,
    *,
    name: Name = None,
    mode: Mode = None,
    paused: Paused = False,
    maxitems: MaxItems = 10,
    errors: Errors = False,
    sort: Sort = "rcpt",
) -> None:
    """The queues with the most recipients."""
    _queues(context, name, sort, {"mode": mode, "paused": paused, "maxitems": maxitems, "errors": errors})


def _queues(context: typer.Context, name: str | None, sort: str, filters: dict[str, Any]) -> None:
    from tidegate.cli import queue_view  # noqa: PLC0415

    if sort not in {"name", "rcpt", "size"}:
        raise UsageError(f"--sort={sort} is not known; write name, rcpt or size")
    if filters["mode"] not in {None, "normal", "backoff"}:
        raise UsageError(f"--mode={filters['mode']} is not known; write normal or backoff")
    asked = invocation.of(context)
    with asked.client() as client:
        if name and "/" in name and "*" not in name:
            document = client.queue(*name.split("/", 1))
            text = None if asked.as_json else queue_view.detail(document, queue_view.now_of(client))
            document = {"schema": "queue/v1", **document}
        else:
            document, matching = queue_view.select(client, name, sort, filters)
            text = queue_view.listing(document["queues"], matching, errors=filters["errors"])
    emit_json(document) if asked.as_json else emit(text or "")


@show.command("status", epilog=EVERYWHERE)
def status(context: typer.Context) -> None:
    """The engine: traffic, queues, connections."""
    from tidegate.cli import engine_view  # noqa: PLC0415

    asked = invocation.of(context)
    with asked.client() as client:
        document = client.status()
    emit_json({"schema": "status/v1", **document}) if asked.as_json else emit(engine_view.status(document))


@show.command("settings", epilog=EVERYWHERE)
def settings(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="domain/vmta", help="A queue; it need not hold mail.")],
) -> None:
    """The directives that hold for a queue, each with the block it comes from."""
    from tidegate.cli import engine_view  # noqa: PLC0415

    domain, slash, vmta = name.rpartition("/")
    if not slash or not domain or not vmta:
        raise UsageError(f"{name!r} is not a queue; write domain/vmta")
    asked = invocation.of(context)
    with asked.client() as client:
        document = client.settings(domain, vmta)
    emit_json(document) if asked.as_json else emit(engine_view.settings(document))


@show.command("leases", epilog=EVERYWHERE)
def leases(context: typer.Context) -> None:
    """Limits put on at run time, by whom, why, until when."""
    from tidegate.cli import engine_view  # noqa: PLC0415
    from tidegate.cli.queue_view import now_of  # noqa: PLC0415

    asked = invocation.of(context)
    with asked.client() as client:
        document = client.leases()
        now = now_of(client)
    if asked.as_json:
        emit_json({"schema": "leases/v1", **document})
    else:
        emit(engine_view.leases(document.get("leases", []), now))


@show.command("orders", epilog=EVERYWHERE)
def orders(context: typer.Context) -> None:
    """What people told the controller, and what the guard asks: by whom, why, until when."""
    from tidegate.cli import helm, order_view  # noqa: PLC0415

    asked = invocation.of(context)
    document = helm.listing(asked)
    emit_json(document) if asked.as_json else emit(order_view.text(document))


@show.command("ips", epilog=EVERYWHERE)
def ips(context: typer.Context) -> None:
    """Source IPs: worst state, lists, scores, data age, leases."""
    from tidegate.cli import monitor_view  # noqa: PLC0415

    asked = invocation.of(context)
    document = monitor_view.ips(asked)
    emit_json(document) if asked.as_json else emit(monitor_view.ips_text(document))


@show.command("incidents", epilog=EVERYWHERE)
def incidents(
    context: typer.Context,
    number: Annotated[int | None, typer.Argument(help="One incident in full, with its history.")] = None,
) -> None:
    """Open incidents, or one in full."""
    from tidegate.cli import monitor_view  # noqa: PLC0415

    asked = invocation.of(context)
    document = monitor_view.incidents(asked, number)
    emit_json(document) if asked.as_json else emit(monitor_view.incidents_text(document))


@show.command("sources", epilog=EVERYWHERE)
def sources(context: typer.Context) -> None:
    """Reputation sources: state, since when, last good answer, error share, why.

    Errors are out of the last 50 attempts. Quarantined and blind sources change nothing about an IP.
    """
    from tidegate.cli import source_view  # noqa: PLC0415

    asked = invocation.of(context)
    document = source_view.sources(asked)
    emit_json(document) if asked.as_json else emit(source_view.sources_text(document))


@app.command(epilog=EVERYWHERE)
def explain(
    context: typer.Context,
    ip: Annotated[str, typer.Argument(metavar="IP")],
    where: Annotated[str | None, typer.Argument(metavar="[PROVIDER]")] = None,
    provider: Annotated[str | None, typer.Option("--provider", help="The same as PROVIDER.")] = None,
) -> None:
    """Tell the whole story of an IP: evidence, rule, lease, effect, the next step and what it waits for.

    Then every limit on it, and which one binds: who set it, why, since when and until when.
    """
    from tidegate.cli import engine_view, story, story_view  # noqa: PLC0415
    from tidegate.cli.known import refuse_strangers, scope_of  # noqa: PLC0415
    from tidegate.cli.queue_view import now_of  # noqa: PLC0415

    asked = invocation.of(context)
    provider = provider or where
    scope = scope_of(ip, provider)
    with asked.client() as client:
        refuse_strangers(client, scope)
        chains = client.explain(ip, provider)
        now = now_of(client)
        told = story.gather(asked, client, scope)
    if asked.as_json:
        limits = [chain.model_dump(mode="json") for chain in chains]
        emit_json({"schema": "explain/v1", "story": told, "chains": limits})
    else:
        emit("\n\n".join([*([story_view.text(told, now)] if told else []), engine_view.chains(chains, now)]))
