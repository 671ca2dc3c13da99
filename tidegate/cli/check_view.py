"""What `tidegate check` found, for people and for Nagios. What nobody answered about any IP is told once."""

import textwrap
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from core.address import IpAddress
from core.reading import Quality, Reading, Source, Status
from core.text import printable
from tidegate.cli.exit_codes import ExitCode
from tidegate.cli.output import block, table, width
from tidegate.spot_check import Found

_TROUBLE: Final = {Status.BAD, Status.WARN}
_INDENT: Final = "    "


def text(found: Found) -> str:
    """Each IP with what is listed, the reason in the list's own words, and where to ask for removal."""
    shared = _unknown_for_all(found)
    parts = [f"Resolver: {found.resolver}"]
    parts += [_one(ip, found.readings, shared) for ip in found.ips]
    parts.append(_unknown(shared))
    return "\n\n".join(part for part in parts if part)


def _unknown_for_all(found: Found) -> dict[str, tuple[str, ...]]:
    """Why nothing is known, to the lists of which that is so for every IP."""
    said: dict[str, set[tuple[Status, str]]] = defaultdict(set)
    for reading in found.readings:
        said[_where(reading)].add((reading.status, reading.detail))
    grouped: dict[str, list[str]] = defaultdict(list)
    for where, answers in said.items():
        status, why = next(iter(answers))
        if len(answers) == 1 and status is Status.UNKNOWN and not _is_no_data(where, why, found.readings):
            grouped[why].append(where)
    return {why: tuple(sorted(places)) for why, places in grouped.items()}


def _is_no_data(where: str, why: str, readings: Iterable[Reading]) -> bool:
    # that a score is not there is an answer about the IP
    same = (r for r in readings if _where(r) == where and r.detail == why)
    return any(r.quality is Quality.NO_DATA for r in same)


def _one(ip: IpAddress, readings: Iterable[Reading], shared: dict[str, tuple[str, ...]]) -> str:
    mine = sorted((r for r in readings if r.ip == ip), key=lambda r: (_rank(r), r.metric))
    told = {place for places in shared.values() for place in places}
    lists = [r for r in mine if r.source is Source.DNSBL]
    counts = {
        "listed": sum(r.status in _TROUBLE for r in lists),
        "unknown": sum(r.status is Status.UNKNOWN for r in lists),
        "clean": sum(r.status is Status.GOOD for r in lists),
    }
    head = f"{ip}: " + ", ".join(f"{n} {word}" for word, n in counts.items() if n or word == "listed")
    rows = [
        (_where(r), _word(r), r.detail)
        for r in mine
        if _where(r) not in told and (r.source is not Source.DNSBL or r.status is not Status.GOOD)
    ]
    below = "\n".join(_removal(r) for r in lists if r.status in _TROUBLE)
    return "\n".join(filter(None, (head, table(("asked", "answer", "detail"), rows) if rows else "", below)))


def _removal(listed: Reading) -> str:
    """What the list says itself, and where to ask; strangers wrote both."""
    rows = [
        (label, printable(str(listed.evidence.get(key) or ""), 300))
        for label, key in (("says", "reason"), ("weight", "severity"), ("removal", "delist_url"))
    ]
    return block([(f"{listed.metric} {label}", said) for label, said in rows if said], indent=2)


def _unknown(shared: dict[str, tuple[str, ...]]) -> str:
    if not shared:
        return ""
    lines = ["Unknown for every IP, which is neither listed nor clean:"]
    for why, places in sorted(shared.items(), key=lambda item: (len(item[1]), item[1])):
        named = textwrap.wrap(
            ", ".join(places), width() - len(_INDENT), break_long_words=False, break_on_hyphens=False
        )
        lines += [f"  {printable(why, 300)}", *(f"{_INDENT}{line}" for line in named)]
    return "\n".join(lines)


def nagios(found: Found) -> tuple[str, int]:
    """One line with performance data, and the exit code that Nagios and Icinga expect: 0, 1, 2 or 3.

    https://nagios-plugins.org/doc/guidelines.html
    """
    listed = [r for r in found.readings if r.source is Source.DNSBL and r.status in _TROUBLE]
    bad = any(r.status is Status.BAD for r in found.readings)
    warn = any(r.status is Status.WARN for r in found.readings)
    unknown = sum(r.status is Status.UNKNOWN for r in found.readings)
    word, code = ("OK", 0)
    if bad:
        word, code = "CRITICAL", 2
    elif warn:
        word, code = "WARNING", 1
    elif found.is_blind:
        word, code = "UNKNOWN", 3
    where = _listings(listed)
    said = f"{len(found.ips)} IPs, {len(listed)} listings, {unknown} answers unknown{where}"
    return f"TIDEGATE {word} - {said} | listed={len(listed)};;0 unknown={unknown}", code


def _listings(listed: Sequence[Reading]) -> str:
    return "".join(f"; {r.ip} on {r.metric}" for r in listed[:10])


def exit_code(found: Found) -> ExitCode:
    """10 when something was found, 1 when nobody gave an answer."""
    if found.is_blind:
        return ExitCode.FAILED
    return ExitCode.FOUND if found.is_something else ExitCode.OK


def _rank(reading: Reading) -> int:
    return (Status.BAD, Status.WARN, Status.UNKNOWN, Status.GOOD).index(reading.status)


def _where(reading: Reading) -> str:
    return reading.metric if reading.source is Source.DNSBL else "Sender Score"


def _word(reading: Reading) -> str:
    if reading.source is Source.DNSBL:
        return "LISTED" if reading.status in _TROUBLE else str(reading.status)
    if reading.value is not None:
        return f"{reading.value:g}"
    return "no data" if reading.quality is Quality.NO_DATA else "unknown"
