"""`tidegate timeline IP`: the monitor's records of one IP, in order."""

import textwrap
from collections.abc import Mapping
from typing import Any

from core.duration import parse_duration
from monitor.incidents import timeline as story
from tidegate.cli import known, orders
from tidegate.cli.exit_codes import UsageError
from tidegate.cli.invocation import Invocation
from tidegate.cli.output import read_time, width

_NARROWEST = 30


def timeline(asked: Invocation, ip: str, since: str) -> dict[str, Any]:
    """The entries since then. An IP that has left the configuration has its history all the same."""
    back = parse_duration(since)
    if not back:
        raise UsageError("--since must be longer than nothing, like 7d")
    address, kept = known.scope_of(ip, None).source_ip, orders.records(asked)
    begin = kept.now - back
    with kept.look() as session:
        entries = story.timeline(story.gather(session, address, begin), kept.now, begin)
    return {
        "schema": "timeline/v1",
        "now": kept.now.isoformat(),
        "ip": str(address),
        "since": begin.isoformat(),
        "entries": [{"at": e.at.isoformat(), "kind": str(e.kind), "text": e.text} for e in entries],
    }


def timeline_text(document: Mapping[str, Any]) -> str:
    """A line for each entry under the day it happened on, long ones wrapped."""
    if not document["entries"]:
        return (
            f"Nothing is known about {document['ip']} since {document['since'][:16].replace('T', ' ')} UTC."
        )
    lines: list[str] = []
    day = ""
    for entry in document["entries"]:
        at = read_time(entry["at"])
        local = at.astimezone() if at else None
        today = f"{local:%Y-%m-%d %a %Z}" if local else ""
        if today != day:
            lines += ([""] if lines else []) + [today]
            day = today
        head = f"  {local:%H:%M:%S}  {entry['kind']:<8}  " if local else "  "
        room = max(width() - len(head), _NARROWEST)
        lines += textwrap.wrap(
            entry["text"], room + len(head), initial_indent=head, subsequent_indent=" " * len(head),
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip
    return "\n".join(lines)
