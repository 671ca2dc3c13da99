"""The root command and the options that hold for every command."""

from typing import Annotated

import typer

from tidegate.cli.exit_codes import UsageError
from tidegate.cli.invocation import Invocation
from tidegate.cli.sections import Sections

EVERYWHERE = (
    "Every command also takes --json, --config FILE, --endpoint URL, --token-file FILE and --debug; "
    "see tidegate --help."
)

TABLE = f"--columns NAME,… chooses columns (--columns help names them). {EVERYWHERE}"


def examples(*lines: str) -> str:
    """An epilog: how the command is typed, then what every command takes."""
    return _epilog(lines, EVERYWHERE)


def table_examples(*lines: str) -> str:
    """The same for a command that prints a table."""
    return _epilog(lines, TABLE)


def _epilog(lines: tuple[str, ...], below: str) -> str:
    return "\n\n".join(["\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines), below])


app = typer.Typer(
    name="tidegate",
    cls=Sections,
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: tidegate help exit-codes.  NO_COLOR is respected.",
)


@app.callback()
def root(  # noqa: PLR0913 - the options of every command
    context: typer.Context,
    *,
    config: Annotated[
        str | None,
        typer.Option(
            "--config", "-c", metavar="FILE", help="The configuration (TIDEGATE_CONFIG; default config.yaml)."
        ),
    ] = None,
    endpoint: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="The engine: http://HOST:PORT or unix:PATH (TIDEGATE_ENDPOINT; else as configured).",
        ),
    ] = None,
    token_file: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="A file with the engine's bearer token (TIDEGATE_TOKEN_FILE)."),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(help="The token itself; other users see it in ps, so better TIDEGATE_TOKEN or a file."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document with a schema.")] = False,
    watch: Annotated[
        str | None,
        typer.Option(
            "--watch",
            metavar="[=DURATION]",
            help="Show again and again, every 2s or as said; for show and explain.",
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns",
            metavar="NAME,…",
            help="Only these columns of a table, in this order; help names them; for show.",
        ),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
) -> None:
    """Watches the reputation of your sending IPs and holds back the one in trouble, where it is."""
    if watch is not None and context.invoked_subcommand not in {"show", "explain"}:
        raise UsageError("--watch is for tidegate show … and tidegate explain")
    if columns is not None and context.invoked_subcommand != "show":
        raise UsageError("--columns is for tidegate show …")
    context.obj = Invocation(config, endpoint, token, token_file, as_json, debug, watch, columns)


# they register their commands, in the order that --help lists them
from tidegate.cli import processes, show, show_more, top, trace, queue_acts, check, doctor, snds, sources  # noqa: E402, F401, I001
from tidegate.cli import leases, incidents, steering, replaying, mail, init, configuration  # noqa: E402, F401
from tidegate.cli import evaluate, rehearse, show_events  # noqa: E402, F401
