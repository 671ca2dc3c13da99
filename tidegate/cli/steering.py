"""Orders to the controller, each with a reason, an end, and a command that takes it back.

`hold`, `override`, `freeze`, `thaw`, `set-mode`, `kill-switch`, `approve`, `deny`, `withdraw`.
"""

from typing import Annotated

import typer

from tidegate.cli import invocation
from tidegate.cli.app import EVERYWHERE, app, examples
from tidegate.cli.completion import ips, providers
from tidegate.cli.exit_codes import UsageError
from tidegate.cli.leases import DryRun, For, Ip, Provider, ProviderOption, Reason

MaybeIp = Annotated[str | None, typer.Argument(metavar="[IP]", autocompletion=ips)]
Everything = Annotated[bool, typer.Option("--everything", help="Every IP, instead of one.")]
Number = Annotated[int, typer.Argument(metavar="ORDER", help="Its number in tidegate show orders.")]
Signal = Annotated[
    str,
    typer.Option(
        "--ignore",
        metavar="SIGNAL",
        help="A rule (snds-red, replies-blocked…), a source (dnsbl:ZONE), one incident (INC-12), or a "
        "pattern of these with *.",
    ),
]


@app.command(epilog=examples('tidegate hold 203.0.113.7 --for 4h --reason "waiting for the list\'s answer"'))
def hold(
    context: typer.Context,
    *,
    ip: Ip,
    where: Provider = None,
    provider: ProviderOption = None,
    reason: Reason,
    lasts: For = "2h",
    dry_run: DryRun = False,
) -> None:
    """Keep the controller's hands off an IP for a while: its limits stay as they are."""
    from tidegate.cli import helm  # noqa: PLC0415 - keeps --help fast

    helm.hold(invocation.of(context), ip, provider or where, helm.Terms(reason, lasts, dry_run))


@app.command(
    epilog=examples(
        'tidegate override 203.0.113.7 --ignore dnsbl:bl.example --for 2d --reason "their mistake"'
    )
)
def override(  # noqa: PLR0913 - options of a command
    context: typer.Context,
    *,
    ip: MaybeIp = None,
    where: Provider = None,
    provider: ProviderOption = None,
    ignore: Signal = "",
    rate: Annotated[str | None, typer.Option("--rate", hidden=True)] = None,
    everything: Everything = False,
    reason: Reason,
    lasts: For = "24h",
    dry_run: DryRun = False,
) -> None:
    """Let the controller ignore one signal about an IP for a while; everything else still counts."""
    from tidegate.cli import helm  # noqa: PLC0415 - keeps --help fast

    if rate is not None:
        raise UsageError(f"to hold a rate write tidegate pin {ip or 'IP'} --rate {rate}")
    place = helm.place(ip, provider or where, everything=everything)
    helm.override(invocation.of(context), place, ignore, helm.Terms(reason, lasts, dry_run))


@app.command(epilog=examples('tidegate freeze --for 2h --reason "network work"'))
def freeze(
    context: typer.Context,
    *,
    provider: Annotated[
        str | None, typer.Option("--provider", help="At this provider alone.", autocompletion=providers)
    ] = None,
    reason: Reason,
    lasts: For = "2h",
    dry_run: DryRun = False,
) -> None:
    """Hold every IP where it is: no cut, no step up. What is held stays held, and is renewed."""
    from tidegate.cli import helm  # noqa: PLC0415 - keeps --help fast

    helm.freeze(invocation.of(context), provider, helm.Terms(reason, lasts, dry_run))


@app.command(epilog=EVERYWHERE)
def thaw(context: typer.Context, *, reason: Reason, dry_run: DryRun = False) -> None:
    """End every freeze of the whole fleet; holds on single IPs stand."""
    from tidegate.cli import helm  # noqa: PLC0415 - keeps --help fast

    helm.thaw(invocation.of(context), helm.Terms(reason, "", dry_run))


@app.command(
    "set-mode",
    epilog=examples('tidegate set-mode enforce 203.0.113.7 microsoft --for 1w --reason "trial on one IP"'),
)
def set_mode(  # noqa: PLR0913 - options of a command
    context: typer.Context,
    *,
    mode: Annotated[str, typer.Argument(metavar="observe|advise|enforce")],
    ip: MaybeIp = None,
    where: Provider = None,
    provider: ProviderOption = None,
    everything: Everything = False,
    reason: Reason,
    lasts: For = "24h",
    dry_run: DryRun = False,
) -> None:
    """Let the controller go further, or less far, on an IP than it is configured to."""
    from tidegate.cli import helm  # noqa: PLC0415 - keeps --help fast

    place = helm.place(ip, provider or where, everything=everything)
    helm.set_mode(invocation.of(context), place, mode, helm.Terms(reason, lasts, dry_run))


@app.command("kill-switch", epilog=examples('tidegate kill-switch on --reason "odd limits, looking into it"'))
def kill_switch(
    context: typer.Context,
    *,
    state: Annotated[str, typer.Argument(metavar="on|off")],
    reason: Reason,
    dry_run: DryRun = False,
) -> None:
    """Stop the controller altogether, until it is switched off again.

    Nothing is decided, sent or renewed: its limits run out in steps, on the engine's own clock.
    """
    from tidegate.cli import helm  # noqa: PLC0415 - keeps --help fast

    if state not in {"on", "off"}:
        raise UsageError(f"{state!r} is neither on nor off")
    terms = helm.Terms(reason, "", dry_run)
    helm.stop(invocation.of(context), terms) if state == "on" else helm.start(invocation.of(context), terms)


@app.command(epilog=EVERYWHERE)
def approve(
    context: typer.Context, *, number: Number, reason: Reason, lasts: For = "6h", dry_run: DryRun = False
) -> None:
    """Believe a source that the guard holds back because it names so much of the fleet at once."""
    from tidegate.cli import helm  # noqa: PLC0415 - keeps --help fast

    helm.approve(invocation.of(context), number, helm.Terms(reason, lasts, dry_run))


@app.command(epilog=EVERYWHERE)
def deny(
    context: typer.Context, *, number: Number, reason: Reason, lasts: For = "24h", dry_run: DryRun = False
) -> None:
    """Ignore a source that the guard holds back, for every IP, for a while."""
    from tidegate.cli import helm  # noqa: PLC0415 - keeps --help fast

    helm.deny(invocation.of(context), number, helm.Terms(reason, lasts, dry_run))


@app.command(epilog=EVERYWHERE)
def withdraw(context: typer.Context, *, number: Number, reason: Reason, dry_run: DryRun = False) -> None:
    """Take an order back."""
    from tidegate.cli import helm  # noqa: PLC0415 - keeps --help fast

    helm.withdraw(invocation.of(context), number, helm.Terms(reason, "", dry_run))
