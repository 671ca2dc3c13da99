"""Open incidents for Nagios and Icinga."""

from collections.abc import Mapping
from typing import Any

from core.incident import Severity
from tidegate.cli import monitor_view, nagios
from tidegate.cli.invocation import Invocation
from tidegate.cli.nagios import State

_NAMED = 5


def say(asked: Invocation) -> int:
    """Print the line; the worst open incident decides. Records that cannot be read are UNKNOWN."""
    return nagios.say(lambda: word(monitor_view.incidents(asked, None)["incidents"]), State.UNKNOWN)


def word(found: list[Mapping[str, Any]]) -> nagios.Word:
    """CRITICAL and WARNING as the incidents are; what is for information alone is OK."""
    counts = {severity: sum(one["severity"] == severity for one in found) for severity in Severity}
    state = State.OK
    if counts[Severity.WARNING]:
        state = State.WARNING
    if counts[Severity.CRITICAL]:
        state = State.CRITICAL
    named = "; ".join(f"INC-{one['number']} {one['title']}" for one in found[:_NAMED])
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    said = f"{len(found)} open incidents" + (f": {named}{more}" if found else "")
    return state, said, {str(severity): count for severity, count in counts.items()}
