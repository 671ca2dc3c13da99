"""The work behind `snds days`: each day of one IP as SNDS told it; what it left blank stays blank."""

from datetime import UTC, timedelta
from typing import Any

from core.address import parse_ip
from storage import database, snds
from storage.snds import Activity
from tidegate.cli.exit_codes import ExitCode, UsageError
from tidegate.cli.invocation import Invocation
from tidegate.cli.output import emit, emit_json, table
from tidegate.config import peek

_HEADERS = ("day", "result", "complaints", "traps", "RCPT", "DATA", "recipients", "HELO", "MAIL FROM")
_NUMBERS = (2, 3, 4, 5, 6)


def show(asked: Invocation, text: str, back: int) -> int:
    """Print the days, newest first. Exit code 4 where nothing was ever told."""
    try:
        ip = parse_ip(text)
    except ValueError:
        raise UsageError(f"{text!r} is not an IP address; write it like 203.0.113.7") from None
    found = peek.sections(asked.config_path, "database", "clock")
    engine = database.open_database(found["database"])
    database.upgrade(engine)
    today = found["clock"].clock().now().astimezone(UTC).date()
    with database.reading(engine) as session:
        days = snds.days_of(session, ip, today - timedelta(days=back))
    engine.dispose()
    if asked.as_json:
        emit_json(
            {"schema": "snds-days/v1", "ip": str(ip), "days": [one.model_dump(mode="json") for one in days]}
        )
    elif days:
        emit(table(_HEADERS, [_row(one) for one in days], right=_NUMBERS))
    else:
        emit(f"SNDS has told nothing about {ip} in {back} days; below about 100 messages a day it does not.")
    return ExitCode.OK if days else ExitCode.NOT_FOUND


def _row(one: Activity) -> tuple[Any, ...]:
    rate = "" if one.complaint_rate is None else f"{one.complaint_operator} {one.complaint_rate * 100:.4g}%"
    counts = (one.trap_hits, one.rcpt_commands, one.data_commands, one.message_recipients)
    blank = ("" if count is None else count for count in counts)
    return (
        one.day, one.filter_result or "", rate.strip(), *blank,
        one.sample_helo or "", one.sample_mail_from or "",
    )  # fmt: skip
