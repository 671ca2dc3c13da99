"""A replay of history: gathered from the records, and as text."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from controller.replay import Replay, ScopeReplay
from core.duration import format_duration
from core.errors import NotFoundError
from core.provider import EVERY
from core.text import printable
from monitor.detection.replay import Firing, Turn
from storage import leases
from storage.leases import LeaseChange
from tidegate import replay
from tidegate.cli import hand, known, orders
from tidegate.cli.invocation import Invocation
from tidegate.cli.output import block, read_time
from tidegate.config import peek

_SHOWN = 12


def gather(asked: Invocation, since: str, ip: str | None) -> dict[str, Any]:
    """The replay as JSON values. Raises NotFoundError when nothing was recorded."""
    found = peek.sections(asked.config_path, "controller", "engine", "monitor", "ip_lists")
    fleet = sum(len(listed) for listed in found["ip_lists"].values())
    rules = replay.Rules(found["controller"], found["monitor"].detection, found["engine"])
    kept = orders.records(asked)
    begin = kept.now - hand.duration(since)
    address = known.scope_of(ip, None).source_ip if ip else None
    with kept.look() as session:
        history = replay.recorded(session, begin, address, rules)
        really = leases.lease_history(session, begin, address)
    if not history.hours and not history.series:
        raise NotFoundError(
            f"nothing is recorded{f' about {ip}' if ip else ''} since {begin:%d %b %Y %H:%M} UTC"
        )
    fired = replay.fired(history, begin, rules, fleet)
    return _document(replay.what_if(history, begin, kept.now, rules), really, fired)


def _document(done: Replay, really: list[LeaseChange], fired: list[Firing]) -> dict[str, Any]:
    return {
        "schema": "replay/v1",
        "begin": done.begin.isoformat(),
        "end": done.end.isoformat(),
        "looks": done.looks,
        "volume": done.volume,
        "held": done.held,
        "withheld": sorted(map(str, done.withheld)),
        "really": {mode: sum(c.mode == mode for c in really) for mode in ("enforce", "advise", "observe")},
        "fired": [_firing(one) for one in fired],
        "scopes": [_scope(one) for one in done.scopes],
    }


def _firing(one: Firing) -> dict[str, Any]:
    found = one.finding
    return {
        "at": one.at.isoformat(),
        "turn": str(one.turn),
        "rule": str(found.rule),
        "severity": str(found.severity),
        "source_ip": str(found.ip) if found.ip else None,
        "title": found.title,
        "summary": found.summary,
    }


def _scope(one: ScopeReplay) -> dict[str, Any]:
    return {
        "source_ip": str(one.scope.source_ip),
        "provider": one.scope.provider,
        "cuts": len(one.cuts),
        "lowest": str(one.lowest) if one.lowest else None,
        "throttled": format_duration(one.throttled),
        "volume": one.volume,
        "held": one.held,
        "steps": [
            {
                "cut": step.is_cut,
                "rule": step.rule,
                "reason": step.reason,
                "at": step.at.isoformat(),
                "before": str(step.before) if step.before else None,
                "after": str(step.after) if step.after else None,
            }
            for step in one.steps
        ],
    }


def text(document: Mapping[str, Any]) -> str:
    """The scopes that would have been throttled, each with its steps; then the sum."""
    begin, end = read_time(document["begin"]), read_time(document["end"])
    span = f"{begin:%d %b %Y %H:%M} to {end:%d %b %Y %H:%M} UTC" if begin and end else ""
    head = f"Replay of {span}, hour by hour, with the settings of today. Nothing is changed by it."
    paragraphs = [_paragraph(one) for one in document["scopes"]]
    return "\n\n".join([head, _fired(document["fired"]), *paragraphs, _sum(document)])


def _fired(turns: Sequence[Mapping[str, Any]]) -> str:
    """The first that would have fired, and how often each rule did."""
    begun = [turn for turn in turns if turn["turn"] == Turn.FIRED]
    if not begun:
        return "No rule would have fired."
    rules = Counter(turn["rule"] for turn in begun)
    head = f"Rules would have fired: {', '.join(f'{rule} {n}×' for rule, n in rules.most_common())}"
    rows = [(_when(turn["at"]), f"{printable(turn['title'], 120)} ({turn['severity']})") for turn in begun]
    rest = [f"  and {len(rows) - _SHOWN} more; --json has them all"] if len(rows) > _SHOWN else []
    return "\n".join([head, block(rows[:_SHOWN]), *rest])


def _paragraph(one: Mapping[str, Any]) -> str:
    where = "all providers" if one["provider"] == EVERY else one["provider"]
    cuts = f"{one['cuts']} cut{'s' if one['cuts'] != 1 else ''}"
    head = f"{one['source_ip']} × {where}: {cuts}, lowest {one['lowest']}, held for {one['throttled']}"
    mail = f"{one['held']:,} of {one['volume']:,} recipients of that time would have waited for a later hour"
    steps = [
        (_when(step["at"]), f"{_rate(step['before'])} → {_rate(step['after'])}: {_why(step)}")
        for step in one["steps"][:_SHOWN]
    ]
    more = len(one["steps"]) - _SHOWN
    rest = [f"  and {more} more steps; --json has them all"] if more > 0 else []
    return "\n".join([head, f"  {mail}", block(steps), *rest])


def _why(step: Mapping[str, Any]) -> str:
    if step["after"] is None:
        return "back to normal"
    return printable(step["reason"], 160) if step["cut"] else "a step up"


def _when(told: str) -> str:
    at = read_time(told)
    return f"{at:%d %b %H:%M}" if at else told


def _rate(told: str | None) -> str:
    return told or "no limit"


def _sum(document: Mapping[str, Any]) -> str:
    count, held, volume = len(document["scopes"]), document["held"], document["volume"]
    scopes = f"{count} scope{'s' if count != 1 else ''} would have been throttled"
    lines = [
        f"{scopes}; {held:,} of {volume:,} recipients would have waited."
        if count
        else "Nothing would have been done."
    ]
    if document["withheld"]:
        few = ", ".join(document["withheld"][:3])
        lines.append(f"The guard would have asked a person about {len(document['withheld'])} IPs ({few}…).")
    really = document["really"]
    lines.append(
        f"Meanwhile it really made {really['enforce']} changes, and advised or recorded "
        f"{really['advise'] + really['observe']}."
    )
    return "\n".join(lines)
