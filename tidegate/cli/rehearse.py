"""`tidegate rehearse`: a world of the evaluation with the real engine and the real watch process in it."""

from pathlib import Path
from typing import Annotated

import typer

from core.errors import OperatorError
from tidegate.cli import invocation
from tidegate.cli.app import EVERYWHERE, app
from tidegate.cli.output import emit, emit_json, note


@app.command(epilog=EVERYWHERE)
def rehearse(  # noqa: PLR0913 - Typer reads one parameter for each option
    context: typer.Context,
    *,
    scenario: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="What goes wrong: bad burst (default), bad list, …; several times."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=1, help="Which world.")] = 1,
    days: Annotated[float, typer.Option(min=0.1, max=10, help="How long, from six hours before it.")] = 7,
    speed: Annotated[float, typer.Option(min=60, max=3600, help="World hours in a real hour.")] = 1080,
    worth: Annotated[
        float,
        typer.Option(min=5, max=100, help="Recipients of the evaluation's sender that one here stands for."),
    ] = 25,
    keep: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep configuration, logs and data in DIR.")
    ] = None,
    output: Annotated[Path | None, typer.Option(metavar="FILE.md", help="Write the page here.")] = None,
) -> None:
    """Run the real thing in a world of the evaluation, on loopback: controlled, and only observed.

    Prints what came of it beside what the simulation says. Seven days take some ten minutes.
    """
    try:
        from tidegate.rehearsal import comparison, report  # noqa: PLC0415 - keeps --help fast
        from tidegate.rehearsal.plan import Plan  # noqa: PLC0415
    except ImportError as error:
        if error.name not in {"numpy", "aiosmtpd", "dnslib"}:
            raise
        raise OperatorError("a rehearsal needs more: pip install 'tidegate[lab,evaluate]'") from None
    scenarios = [comparison.scenario_of(name) for name in scenario or ["bad burst"]]
    plans = [Plan(one, seed, round(24 * days), speed, worth) for one in scenarios]
    for plan in plans:
        plan.check()
    if output is not None and not output.parent.is_dir():
        raise OperatorError(f"--output: there is no directory {output.parent}")
    found = [
        comparison.compare(plan, keep and keep / str(plan.scenario).replace(" ", "-"), note) for plan in plans
    ]
    if output is not None:
        output.write_text(report.page(found), encoding="utf-8")
        note(f"written: {output}")
    emit_json(report.document(found)) if invocation.of(context).as_json else emit(report.summary(found))
