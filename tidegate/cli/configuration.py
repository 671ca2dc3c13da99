"""`check-config`, `config example`, `reload`."""

from typing import Annotated

import typer

from tidegate.cli import invocation
from tidegate.cli.app import EVERYWHERE, app
from tidegate.cli.exit_codes import ExitCode
from tidegate.cli.output import emit, emit_json, note

group = typer.Typer(no_args_is_help=True, help="The configuration file.", epilog=EVERYWHERE)
app.add_typer(group, name="config")


@app.command("reload", epilog=EVERYWHERE)
def reload(
    context: typer.Context,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
) -> None:
    """Have the running engine read its configuration again.

    On a mistake nothing changes. What needs a restart is named.
    """
    from tidegate.cli import engine_view  # noqa: PLC0415

    asked = invocation.of(context)
    with asked.client() as client:
        document = client.reload(dry_run=dry_run)
    emit_json(document) if asked.as_json else emit(engine_view.reloaded(document))


@app.command("check-config", epilog=EVERYWHERE)
def check_config(
    context: typer.Context, file: Annotated[str | None, typer.Argument(metavar="[FILE]")] = None
) -> int:
    """Find every mistake of a configuration file.

    Each with file and line, and what to write instead.
    """
    from tidegate.config.load import load  # noqa: PLC0415
    from tidegate.config.problems import ConfigErrors  # noqa: PLC0415

    asked = invocation.of(context)
    path = file or asked.config_path
    try:
        loaded = load(path)
    except ConfigErrors as errors:
        if asked.as_json:
            emit_json({"schema": "check-config/v1", "file": path, "ok": False, "errors": [
                {"file": e.file, "line": e.line, "key": e.key, "problem": e.problem, "remedy": e.remedy}
                for e in errors.errors
            ], "warnings": []})  # fmt: skip
        else:
            note(str(errors))
            count = len(errors.errors)
            note(f"{path}: {count} mistake{'s' if count != 1 else ''}")
        return ExitCode.USAGE
    if asked.as_json:
        emit_json(
            {"schema": "check-config/v1", "file": path, "ok": True, "errors": [], "warnings": loaded.warnings}
        )
        return ExitCode.OK
    for warning in loaded.warnings:
        note(f"warning: {warning}")
    config = loaded.config
    sources, lists = len(config.source_ips), len(config.ip_lists)
    emit(
        f"{path}: fine; {sources} source IP{'' if sources == 1 else 's'} in {lists} "
        f"list{'' if lists == 1 else 's'}, controller in mode {config.controller.mode}"
    )
    return ExitCode.OK


@group.command("example", epilog=EVERYWHERE)
def example() -> None:
    """Print a configuration with every setting, its default and what it does."""
    from tidegate.config.example import example as text  # noqa: PLC0415
    from tidegate.config.model import Config  # noqa: PLC0415

    emit(text(Config).rstrip("\n"))
