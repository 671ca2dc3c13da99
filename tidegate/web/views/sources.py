"""How the sources of signals are doing, in the words of `show sources`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from monitor.health import SourceHealth, SourceState
from tidegate.cli.output import read_time, rough
from tidegate.cli.source_view import LEFT, MEANINGS, sources_document, why
from tidegate.web.views.parts import Badge, Tone, When, when_told

_TONES = {
    SourceState.HEALTHY: Tone.OK,
    SourceState.NEW: Tone.UNKNOWN,
    SourceState.FAILING: Tone.WARN,
    SourceState.BLIND: Tone.BAD,
    SourceState.QUARANTINED: Tone.BAD,
}


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One source."""

    name: str
    state: Badge
    lasts: str
    last_good: When | None
    last_asked: When | None
    errors: str
    why: str


@dataclass(frozen=True, slots=True)
class Sources:
    """The page, the worst first; `meanings` explain the states that it shows."""

    verdict: str
    tone: Tone
    rows: tuple[SourceRow, ...]
    meanings: tuple[tuple[str, str], ...]


def sources(known: Iterable[SourceHealth], now: datetime) -> Sources:
    """The page."""
    told = sources_document(known, now)["sources"]
    states = {one["state"] for one in told if one["asked"]}
    bad = [one for one in told if one["asked"] and not one["can_be_trusted"]]
    verdict, tone = f"All {sum(one['asked'] for one in told)} sources answer.", Tone.OK
    if not told:
        verdict, tone = "No source has been asked yet.", Tone.UNKNOWN
    elif bad:
        many = "" if len(bad) == 1 else "s"
        verdict = f"{len(bad)} source{many} cannot be relied on: what they would say is unknown, never good."
        tone = Tone.WARN
    return Sources(
        verdict,
        tone,
        tuple(_row(one, now) for one in told),
        tuple((s, m) for s, m in MEANINGS.items() if s in states),
    )


def _row(one: Mapping[str, Any], now: datetime) -> SourceRow:
    state = SourceState(one["state"])
    since, share = read_time(one["since"]), one["error_share"]
    return SourceRow(
        name=one["name"],
        state=Badge(str(state), _TONES[state]) if one["asked"] else Badge(LEFT, Tone.UNKNOWN),
        lasts=rough(now - since) if since and now > since else "–",
        last_good=when_told(one["last_success_at"], now),
        last_asked=when_told(one["last_attempt_at"], now),
        errors="–" if share is None else f"{share:.0%} of {one['attempts']}",
        why=why(one) if one["asked"] else "",
    )
