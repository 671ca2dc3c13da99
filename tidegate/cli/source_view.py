"""How the sources themselves are doing: state, last good answer, error share, and why."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from monitor.detection import blind
from monitor.detection.settings import DetectionSettings
from monitor.health import SourceHealth, SourceState, from_row
from storage import health
from tidegate.cli.columns import Column, Grid, Sheet
from tidegate.cli.invocation import Invocation
from tidegate.cli.ordering import Sorts, counted
from tidegate.cli.orders import records
from tidegate.cli.output import ago, block, read_time, rough

_PAUSE = timedelta(hours=2)
"""While the watch process runs something is asked more often: lists by the hour, the engine by the minute."""
LEFT = "not asked any more"
SHEET: Final = Sheet(
    Column("source", also=("name",)),
    Column("state"),
    Column("for", right=True, also=("since",)),
    Column("last good", right=True),
    Column("errors", right=True),
    Column("last attempt", right=True, hidden=True),
    Column("why", hidden=True, also=("reason",)),
)
SORTS: Final[Sorts] = {"state": None, "name": lambda source: source["name"]}
_WORST_FIRST = (
    SourceState.QUARANTINED,
    SourceState.BLIND,
    SourceState.FAILING,
    SourceState.NEW,
    SourceState.HEALTHY,
)
MEANINGS = {
    SourceState.QUARANTINED: "answered, and is not believed until it passes its self-test",
    SourceState.BLIND: "failed three times in a row or more",
    SourceState.FAILING: "failed last time; what it said before still stands",
}


def sources(asked: Invocation) -> dict[str, Any]:
    """Every source, the worst first."""
    kept = records(asked)
    with kept.look() as session:
        return sources_document([from_row(row) for row in health.load_all(session)], kept.now)


def sources_document(known: Iterable[SourceHealth], now: datetime) -> dict[str, Any]:
    """The same from values."""
    found = list(known)
    newest = max((one.last_attempt_at for one in found if one.last_attempt_at), default=None)
    found.sort(key=lambda one: (_is_left(one, newest), _WORST_FIRST.index(one.state), one.name))
    return {
        "schema": "sources/v1",
        "now": now.isoformat(),
        "last_attempt_at": newest.isoformat() if newest else None,
        "sources": [_source(one, newest) for one in found],
    }


def _source(one: SourceHealth, newest: datetime | None) -> dict[str, Any]:
    return {
        **one.model_dump(mode="json", exclude={"recent"}),
        "attempts": len(one.recent),
        "error_share": one.error_share,
        "asked": not _is_left(one, newest),
        "can_be_trusted": one.state.can_be_trusted,
    }


def _is_left(one: SourceHealth, newest: datetime | None) -> bool:
    """Whether it was taken out of the configuration, as far as that shows: others have outlived it."""
    source = blind.source_of(one.name)
    if source is None or one.last_attempt_at is None or newest is None:
        return False
    return newest - one.last_attempt_at > blind.max_age(source, DetectionSettings())


def sources_text(document: Mapping[str, Any]) -> str:
    """One line a source; below it why some are not well, and what that means."""
    now = read_time(document["now"])
    if not document["sources"]:
        return "No source has been asked yet."
    text = SHEET.draw(grid(document).rows)
    reasons = [(s["name"], said) for s in document["sources"] if s["asked"] and (said := why(s))]
    legend = _legend({s["state"] for s in document["sources"] if s["asked"]})
    pause = _pause(read_time(document["last_attempt_at"]), now)
    parts = [text, block(reasons, indent=0), legend, pause, counted(document, "sources", "sources")]
    return "\n\n".join(part for part in parts if part)


def grid(document: Mapping[str, Any]) -> Grid:
    """The table alone."""
    now = read_time(document["now"])
    rows = [
        (
            s["name"],
            s["state"] if s["asked"] else LEFT,
            _since(s, now),
            _ago(s["last_success_at"], now),
            _errors(s),
            _ago(s["last_attempt_at"], now),
            why(s) or "-",
        )
        for s in document["sources"]
    ]
    return Grid(rows, counted(document, "sources", "sources"))


def _legend(states: set[str]) -> str:
    told = [f"{state}: {meaning}" for state, meaning in MEANINGS.items() if state in states]
    if states & {SourceState.QUARANTINED, SourceState.BLIND}:
        told.append("What a blind or quarantined source held down stays down until it answers again.")
    return "\n".join(told)


def _pause(newest: datetime | None, now: datetime | None) -> str:
    if newest is None or now is None or now - newest <= _PAUSE:
        return ""
    return f"Nothing was asked for {rough(now - newest)}: is `tidegate run` or `tidegate watch` up?"


def _since(source: Mapping[str, Any], now: datetime | None) -> str:
    since = read_time(source["since"])
    return rough(now - since) if now and since and now > since else "-"


def _ago(text: object, now: datetime | None) -> str:
    return ago(read_time(text), now) if now else "-"


def _errors(source: Mapping[str, Any]) -> str:
    share = source["error_share"]
    return "-" if share is None else f"{share:.0%} of {source['attempts']}"


def why(source: Mapping[str, Any]) -> str:
    """What is wrong with a source, in its own or in the monitor's words."""
    if source["state"] != SourceState.HEALTHY:
        return str(source["reason"] or source["last_error"])
    return str(source["reason"])
