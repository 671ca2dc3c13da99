"""`run`, `engine`, `watch`, `demo`, `version`, `help`."""

from typing import Annotated

import typer

from tidegate.cli import invocation, run
from tidegate.cli.app import EVERYWHERE, app, examples
from tidegate.cli.completion import VARIABLE
from tidegate.cli.exit_codes import ExitCode, UsageError
from tidegate.cli.output import emit, emit_json, table


@app.command("run", epilog=EVERYWHERE)
def run_both(context: typer.Context) -> int:
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


@app.command(
    epilog=examples(
        "tidegate completion bash > ~/.local/share/bash-completion/completions/tidegate",
        'tidegate completion zsh > "${fpath[1]}/_tidegate"',
        "tidegate completion fish > ~/.config/fish/completions/tidegate.fish",
    )
)
def completion(shell: Annotated[str, typer.Argument(metavar="bash|zsh|fish")]) -> None:
    """Print what completes commands, queues, IPs, providers and leases in a shell."""
    from typer._completion_shared import get_completion_script  # noqa: PLC0415 - no public way

    if shell not in {"bash", "zsh", "fish"}:
        raise UsageError(f"{shell!r} is none of bash, zsh, fish")
    emit(get_completion_script(prog_name="tidegate", complete_var=VARIABLE, shell=shell))


@app.command("help", epilog=examples("tidegate help exit-codes", "tidegate help show queues"))
def explain_topic(
    context: typer.Context,
    topic: Annotated[list[str] | None, typer.Argument(metavar="[exit-codes|COMMAND…]")] = None,
) -> int:
    """Explain the exit codes, or a command."""
    words = topic or ["exit-codes"]
    if words != ["exit-codes"]:
        return run([*words, "--help"])
    if invocation.of(context).as_json:
        emit_json({"schema": "exit-codes/v1", "codes": {str(int(c)): c.meaning for c in ExitCode}})
    else:
        emit(table(("code", "meaning"), [(int(code), code.meaning) for code in ExitCode], right=(0,)))
    return ExitCode.OK
