"""`run`, `engine`, `watch`, `demo`, `version`, `help`."""

from typing import Annotated

import typer

from tidegate.cli import invocation
from tidegate.cli.app import EVERYWHERE, app
from tidegate.cli.exit_codes import ExitCode
from tidegate.cli.output import emit, emit_json, table


@app.command(epilog=EVERYWHERE)
def run(context: typer.Context) -> int:
    """Run engine and watch, and supervise both."""
    from tidegate.supervisor import supervise  # noqa: PLC0415

    asked = invocation.of(context)
    return supervise(asked.config_path, asked.load())


@app.command(epilog=EVERYWHERE)
def engine(context: typer.Context) -> int:
    """Run the delivery engine alone. SIGHUP reloads its configuration."""
    from tidegate.engine_process import main  # noqa: PLC0415

    asked = invocation.of(context)
    return main(asked.load(), asked.load)


@app.command(epilog=EVERYWHERE)
def watch(context: typer.Context) -> int:
    """Run the monitor and the controller alone."""
    from tidegate.watch import main  # noqa: PLC0415

    return main(invocation.of(context).load())


@app.command(
    epilog="tidegate demo -h lists the demo's own options.",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
)
def demo(context: typer.Context) -> int:
    """See the whole loop in three minutes, on loopback."""
    from tidegate.demo import main  # noqa: PLC0415

    return int(main(context.args) or 0)


@app.command(epilog=EVERYWHERE)
def version(context: typer.Context) -> None:
    """Print the version."""
    import platform  # noqa: PLC0415
    from importlib.metadata import version as installed  # noqa: PLC0415

    found = {"version": installed("tidegate"), "python": platform.python_version()}
    if invocation.of(context).as_json:
        emit_json({"schema": "version/v1", **found})
    else:
        emit(f"tidegate {found['version']} (Python {found['python']})")


@app.command("help", epilog=EVERYWHERE)
def explain_topic(
    context: typer.Context, topic: Annotated[str, typer.Argument(help="exit-codes")] = "exit-codes"
) -> int:
    """Explain a topic: exit-codes."""
    if topic != "exit-codes":
        typer.echo(f"tidegate: no such topic {topic!r}; there is exit-codes", err=True)
        return ExitCode.NOT_FOUND
    if invocation.of(context).as_json:
        emit_json({"schema": "exit-codes/v1", "codes": {str(int(c)): c.meaning for c in ExitCode}})
    else:
        emit(table(("code", "meaning"), [(int(code), code.meaning) for code in ExitCode], right=(0,)))
    return ExitCode.OK
