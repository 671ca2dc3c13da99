"""`tidegate evaluate`: the production policy and its rivals in a toy world; `tidegate` needs numpy for it."""

from pathlib import Path
from typing import Annotated

import typer

from core.errors import OperatorError
from tidegate.cli import invocation
from tidegate.cli.app import EVERYWHERE, app
from tidegate.cli.output import emit, emit_json, note


@app.command(epilog=EVERYWHERE)
def evaluate(
    context: typer.Context,
    *,
    seeds: Annotated[int, typer.Option(min=1, help="Worlds of each scenario.")] = 40,
    few_seeds: Annotated[
        int, typer.Option(min=1, help="Worlds where few will do: other laws, odd scenarios, parts changed.")
    ] = 8,
    days: Annotated[int, typer.Option(min=4, help="Length of a world.")] = 14,
    jobs: Annotated[int, typer.Option(min=0, help="Processes; 0: one for each processor.")] = 0,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE.md", help="Write the page here, and its picture beside it.")
    ] = None,
) -> None:
    """Compare the policy with a human, timers and suspend rules in seeded worlds of mailbox providers.

    Takes some minutes. The same seeds give the same numbers.
    """
    import os  # noqa: PLC0415 - keeps --help fast

    try:
        from tidegate.evaluate import evaluation, report  # noqa: PLC0415
    except ImportError as error:
        if error.name != "numpy":
            raise
        raise OperatorError("the evaluation needs numpy: pip install 'tidegate[evaluate]'") from None
    extent = evaluation.Extent(seeds, few_seeds, days, jobs=jobs or os.cpu_count() or 1)
    results = evaluation.run(extent, lambda one: note(one.title))
    if output is not None:
        evaluation.write(results, output)
        note(f"written: {output} and {output.with_suffix('.svg')}")
    emit_json(report.document(results)) if invocation.of(context).as_json else emit(report.summary(results))
