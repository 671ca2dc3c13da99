"""`tidegate show …`: what the engine and the monitor know, in PowerMTA's grammar."""

from typing import Annotated, Any

import typer

from tidegate.cli import completion, invocation
from tidegate.cli.app import EVERYWHERE, TABLE, app
from tidegate.cli.exit_codes import UsageError
from tidegate.cli.present import Shown, present, shown

show = typer.Typer(
    no_args_is_help=True, help="Show queues, IPs, incidents, leases, sources, events.", epilog=EVERYWHERE
)
app.add_typer(show, name="show")

Name = Annotated[
    str | None,
    typer.Argument(
        metavar="[domain[/vmta]]",
        help="One queue in full, or a pattern with *.",
        autocompletion=completion.queues,
    ),
]
Mode = Annotated[str | None, typer.Option(metavar="normal|backoff", help="Only queues in this mode.")]
Paused = Annotated[bool, typer.Option("--paused", help="Only paused queues.")]
MaxItems = Annotated[int, typer.Option("--maxitems", "-n", min=1, help="At most so many.")]
Most = Annotated[
    int | None, typer.Option("--maxitems", "-n", min=1, help="At most so many; else all.", show_default=False)
]
Errors = Annotated[
    bool, typer.Option("--errors", help="Only queues with an error, each error on its own line.")
]
Nagios = Annotated[
    bool, typer.Option("--nagios", help="One line and exit codes for Nagios and Icinga: 0, 1, 2, 3.")
]
Sort = Annotated[str, typer.Option(metavar="name|rcpt|size", help="The order.")]


@show.command("queues", epilog=TABLE)
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


@show.command("topqueues", epilog=TABLE)
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

    def one(domain: str, vmta: str) -> Shown:
        with asked.client() as client:
            queue, now = client.queue(domain, vmta), queue_view.now_of(client)
        return Shown({"schema": "queue/v1", **queue}, lambda: queue_view.detail(queue, now))

    def several() -> Shown:
        with asked.client() as client:
            found, matching = queue_view.select(client, name, sort, filters)
        listed = found["queues"]
        return Shown(
            found,
            lambda: queue_view.listing(listed, matching, errors=filters["errors"]),
            lambda: queue_view.grid(listed, matching),
        )

    if name is not None and "/" in name and "*" not in name:
        domain, _, vmta = name.partition("/")
        present(asked, lambda: one(domain, vmta))
    else:
        present(asked, several, sheet=queue_view.SHEET)


@show.command("status", epilog=EVERYWHERE)
def status(context: typer.Context, *, nagios: Nagios = False) -> int:
    """The engine: traffic, queues, connections."""
    from tidegate.cli import engine_view  # noqa: PLC0415

    asked = invocation.of(context)
    if nagios:
        return engine_view.nagios(asked)

    def look() -> Shown:
        with asked.client() as client:
            document = client.status()
        return Shown({"schema": "status/v1", **document}, lambda: engine_view.status(document))

    present(asked, look)
    return 0


@show.command("settings", epilog=TABLE)
def settings(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="domain/vmta",
            help="A queue; it need not hold mail.",
            autocompletion=completion.queues,
        ),
    ],
) -> None:
    """The directives that hold for a queue, each with the block it comes from."""
    from tidegate.cli import engine_view  # noqa: PLC0415

    domain, slash, vmta = name.rpartition("/")
    if not slash or not domain or not vmta:
        raise UsageError(f"{name!r} is not a queue; write domain/vmta")
    asked = invocation.of(context)

    def look() -> Shown:
        with asked.client() as client:
            document = client.settings(domain, vmta)
        return shown(document, engine_view.settings, engine_view.settings_grid)

    present(asked, look, sheet=engine_view.SETTINGS)


@show.command("leases", epilog=TABLE)
def leases(
    context: typer.Context,
    *,
    maxitems: Most = None,
    sort: Annotated[str, typer.Option(metavar="engine|ip|until|set", help="The order.")] = "engine",
) -> None:
    """Limits put on at run time, by whom, why, until when."""
    from tidegate.cli import engine_view, ordering  # noqa: PLC0415
    from tidegate.cli.queue_view import now_of  # noqa: PLC0415

    asked = invocation.of(context)
    ordering.check(sort, engine_view.LEASE_SORTS)

    def look() -> Shown:
        with asked.client() as client:
            document, now = client.leases(), now_of(client)
        document = ordering.pick(document, "leases", engine_view.LEASE_SORTS, sort, maxitems)
        found, more = document["leases"], ordering.counted(document, "leases", "leases")
        return Shown(
            {"schema": "leases/v1", **document},
            lambda: engine_view.leases(found, now, more),
            lambda: engine_view.leases_grid(found, now, more),
        )

    present(asked, look, sheet=engine_view.LEASES)


@show.command("orders", epilog=TABLE)
def orders(context: typer.Context, *, maxitems: Most = None) -> None:
    """What people told the controller, and what the guard asks: by whom, why, until when."""
    from tidegate.cli import helm, order_view, ordering  # noqa: PLC0415

    asked = invocation.of(context)

    def look() -> Shown:
        document = ordering.pick(helm.listing(asked), "orders", {"id": None}, "id", maxitems)
        return shown(document, order_view.text, order_view.grid)

    present(asked, look, sheet=order_view.SHEET)


@show.command("ips", epilog=TABLE)
def ips(
    context: typer.Context,
    *,
    maxitems: Most = None,
    sort: Annotated[str, typer.Option(metavar="worst|ip|list", help="The order.")] = "worst",
) -> None:
    """Source IPs: worst state, lists, scores, data age, leases."""
    from tidegate.cli import monitor_view, ordering  # noqa: PLC0415

    asked = invocation.of(context)
    ordering.check(sort, monitor_view.IP_SORTS)

    def look() -> Shown:
        document = ordering.pick(monitor_view.ips(asked), "ips", monitor_view.IP_SORTS, sort, maxitems)
        return shown(document, monitor_view.ips_text, monitor_view.ips_grid)

    present(asked, look, sheet=monitor_view.IPS)


@show.command("incidents", epilog=TABLE)
def incidents(
    context: typer.Context,
    number: Annotated[int | None, typer.Argument(help="One incident in full, with its history.")] = None,
    *,
    maxitems: Most = None,
    sort: Annotated[str, typer.Option(metavar="opened|severity|ip", help="The order.")] = "opened",
    nagios: Nagios = False,
) -> int:
    """Open incidents, or one in full."""
    from tidegate.cli import incident_nagios, monitor_view, ordering  # noqa: PLC0415

    asked = invocation.of(context)
    if nagios:
        return incident_nagios.say(asked)
    ordering.check(sort, monitor_view.INCIDENT_SORTS)

    def look() -> Shown:
        document = monitor_view.incidents(asked, number)
        if number is None:
            document = ordering.pick(document, "incidents", monitor_view.INCIDENT_SORTS, sort, maxitems)
        return shown(document, monitor_view.incidents_text, monitor_view.incidents_grid)

    present(asked, look, sheet=monitor_view.INCIDENTS if number is None else None)
    return 0


@show.command("sources", epilog=TABLE)
def sources(
    context: typer.Context,
    *,
    maxitems: Most = None,
    sort: Annotated[str, typer.Option(metavar="state|name", help="The order.")] = "state",
) -> None:
    """Reputation sources: state, since when, last good answer, error share, why.

    Errors are out of the last 50 attempts. Quarantined and blind sources change nothing about an IP.
    """
    from tidegate.cli import ordering, source_view  # noqa: PLC0415

    asked = invocation.of(context)
    ordering.check(sort, source_view.SORTS)

    def look() -> Shown:
        document = ordering.pick(source_view.sources(asked), "sources", source_view.SORTS, sort, maxitems)
        return shown(document, source_view.sources_text, source_view.grid)

    present(asked, look, sheet=source_view.SHEET)


@app.command(epilog=EVERYWHERE)
def explain(
    context: typer.Context,
    ip: Annotated[str, typer.Argument(metavar="IP", autocompletion=completion.ips)],
    where: Annotated[
        str | None, typer.Argument(metavar="[PROVIDER]", autocompletion=completion.providers)
    ] = None,
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

    def look() -> Shown:
        with asked.client() as client:
            refuse_strangers(client, scope)
            chains, now = client.explain(ip, provider), now_of(client)
            told = story.gather(asked, client, scope)
        limits = [chain.model_dump(mode="json") for chain in chains]
        parts = [*([story_view.text(told, now)] if told else []), engine_view.chains(chains, now)]
        return Shown({"schema": "explain/v1", "story": told, "chains": limits}, lambda: "\n\n".join(parts))

    present(asked, look)
