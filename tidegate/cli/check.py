"""`tidegate check IP…`: ask the lists now; no daemon, no configuration."""

from typing import Annotated

import typer

from tidegate.cli import invocation
from tidegate.cli.app import app, examples
from tidegate.cli.exit_codes import UsageError
from tidegate.cli.output import emit, emit_json, note
from tidegate.cli.progress import progress


@app.command(
    epilog=examples(
        "tidegate check 203.0.113.7 203.0.113.8 --resolver 127.0.0.1",
        "tidegate check 203.0.113.7 --zone bl.spamcop.net --nagios",
    )
)
def check(
    context: typer.Context,
    ips: Annotated[list[str], typer.Argument(metavar="IP…", help="One address or several.")],
    *,
    resolver: Annotated[
        list[str] | None,
        typer.Option(metavar="ADDRESS[:PORT]", help="Your own recursing resolver; default the system's."),
    ] = None,
    zone: Annotated[list[str] | None, typer.Option(help="Only these lists of the catalogue.")] = None,
    nagios: Annotated[
        bool, typer.Option("--nagios", help="One line and exit codes for Nagios and Icinga: 0, 1, 2, 3.")
    ] = False,
) -> int:
    """Ask every DNS list and Sender Score about IPs, now.

    First the resolver is tested, for Spamhaus and others refuse public ones. Each answer is listed, clean or
    unknown. Exit code 10: something was found; 1: nobody gave an answer.
    """
    import asyncio  # noqa: PLC0415

    from core.address import parse_ip  # noqa: PLC0415
    from tidegate import spot_check  # noqa: PLC0415
    from tidegate.cli import check_view  # noqa: PLC0415

    asked = invocation.of(context)
    try:
        addresses = [parse_ip(ip) for ip in ips]
    except ValueError as error:
        raise UsageError(f"{error}; write it like 203.0.113.7") from None
    settings = spot_check.settings(asked.config, resolver or [], zone or [])
    with progress(f"asking about {len(addresses)} IPs"):
        found = asyncio.run(spot_check.look(addresses, settings))
    if nagios:
        line, code = check_view.nagios(found)
        emit(line)
        return code
    emit_json(found.document()) if asked.as_json else emit(check_view.text(found))
    if found.is_blind:
        note("tidegate: nobody gave a usable answer, so nothing is known about these IPs")
    return check_view.exit_code(found)
