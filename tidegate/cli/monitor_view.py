"""What the monitor's records say about IPs and incidents."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from core.address import IpAddress, SourceIp
from core.errors import TidegateError
from core.incident import Incident, Severity
from core.reading import Quality, Reading, Source, Status
from monitor.detection.wording import percent
from storage import coverage, readings
from storage import incidents as stored_incidents
from tidegate.cli.columns import Column, Grid, Sheet
from tidegate.cli.invocation import Invocation
from tidegate.cli.ordering import Sorts, address_order, counted
from tidegate.cli.orders import records
from tidegate.cli.output import ago, block, moment, note, read_time
from tidegate.config import peek

_WORST = (Status.BAD, Status.WARN, Status.GOOD, Status.UNKNOWN)
_SEVEREST = tuple(reversed(Severity))

IPS: Final = Sheet(
    Column("IP"),
    Column("list", spare=True),
    Column("worst", also=("state",)),
    Column("DNSBL"),
    Column("SNDS", spare=True),
    Column("score", right=True, spare=True, also=("sender-score",)),
    Column("replies", spare=True),
    Column("data", spare=True, also=("age",)),
    Column("leases"),
    Column("incidents", hidden=True),
    Column("listings", hidden=True),
)
INCIDENTS: Final = Sheet(
    Column("incident", also=("number",)),
    Column("severity"),
    Column("IP", also=("source",)),
    Column("provider", spare=True),
    Column("opened", spare=True),
    Column("what", also=("title",)),
    Column("rule", hidden=True),
    Column("updated", hidden=True),
)
IP_SORTS: Final[Sorts] = {
    "worst": None,  # as they come
    "ip": lambda row: address_order(row["ip"]),
    "list": lambda row: (row["list"], address_order(row["ip"])),
}
INCIDENT_SORTS: Final[Sorts] = {
    "opened": None,  # as they come
    "severity": lambda one: (_SEVEREST.index(one["severity"]), one["number"]),
    "ip": lambda one: (one["ip"] is None, address_order(one["ip"]), one["number"]),
}


def ips(asked: Invocation) -> dict[str, Any]:
    """Each source IP with what every kind of source says about it."""
    kept = records(asked)
    lists: dict[str, tuple[SourceIp, ...]] = peek.sections(asked.config_path, "ip_lists")["ip_lists"]
    with kept.look() as session:
        own = _by_ip(readings.latest(session))
        watched = coverage.watched(session)
        rows_of_lists = coverage.load(session)
        opened = stored_incidents.open_incidents(session)
    leases = _leases(asked)

    def known(ip: IpAddress) -> list[Reading]:
        return coverage.with_implied(ip, own.get(ip, []), watched.get(ip), rows_of_lists)

    rows = [
        ip_row(name, str(source.address), known(source.address), opened, leases, kept.now)
        for name, sources in lists.items()
        for source in sources
    ]
    rows.sort(key=lambda row: (_WORST.index(row["worst"]), -len(row["incidents"])))
    return {"schema": "ips/v1", "now": kept.now.isoformat(), "ips": rows}


def ip_row(
    listed_in: str,
    ip: str,
    mine: Sequence[Reading],
    opened: Iterable[Incident],
    leases: Iterable[Mapping[str, Any]],
    now: datetime,
) -> dict[str, Any]:
    """One IP in the words of `show ips`."""
    about = [one for one in opened if str(one.ip) == ip]
    statuses = {Status.UNKNOWN, *(r.status for r in mine), *(one.severity.status for one in about)}
    answered = [r.observed_at for r in mine if r.quality in {Quality.OK, Quality.NO_DATA}]
    return {
        "ip": ip,
        "list": listed_in,
        "worst": next(status for status in _WORST if status in statuses),
        "dnsbl": _dnsbl([r for r in mine if r.source is Source.DNSBL]),
        "snds": _snds([r for r in mine if r.source in {Source.SNDS_DATA, Source.SNDS_STATUS}]),
        "score": _score([r for r in mine if r.source is Source.SENDER_SCORE]),
        "replies": _replies([r for r in mine if r.source is Source.REPLIES]),
        "alerts": _alerts([r for r in mine if r.source is Source.ALERT]),
        "observed_at": max(answered).isoformat() if answered else None,
        "age": ago(max(answered), now) if answered else "no data",
        "incidents": [one.label for one in about],
        "leases": [
            f"{lease['scope']['provider']} {lease['value']}"
            for lease in leases
            if lease["scope"]["source_ip"] == ip
        ],
        "listings": [
            {"zone": r.metric, "detail": r.detail}
            for r in mine
            if r.source is Source.DNSBL and r.status in {Status.BAD, Status.WARN}
        ],
    }


def _by_ip(latest: Iterable[Reading]) -> dict[IpAddress, list[Reading]]:
    found: dict[IpAddress, list[Reading]] = {}
    for reading in latest:
        found.setdefault(reading.ip, []).append(reading)
    return found


def _dnsbl(found: list[Reading]) -> str:
    if not found:
        return "-"
    counts = Counter(
        "listed"
        if r.status in {Status.BAD, Status.WARN}
        else "clean"
        if r.status is Status.GOOD
        else "unknown"
        for r in found
    )
    return ", ".join(f"{counts[word]} {word}" for word in ("listed", "clean", "unknown") if counts[word])


def _snds(found: list[Reading]) -> str:
    if not found:
        return "-"
    worst = min(found, key=lambda r: _WORST.index(r.status))
    return worst.detail if worst.status is not Status.GOOD else str(worst.status)


def _score(found: list[Reading]) -> str:
    if not found:
        return "-"
    return f"{found[0].value:g}" if found[0].value is not None else str(found[0].quality)


def _replies(found: list[Reading]) -> str:
    """The worst that mail servers said in the newest hours: `microsoft: 8 % blocks`."""
    told = [r for r in found if r.status is not Status.UNKNOWN]
    if not told:
        return "-"
    worst = min(told, key=lambda r: (_WORST.index(r.status), -(r.value or 0)))
    if worst.status is Status.GOOD:
        return "good"
    provider, _, count = worst.metric.rpartition(":")
    return f"{provider}: {percent(worst.value or 0)} {count.replace('-', ' ')}"


def _alerts(found: list[Reading]) -> list[dict[str, str]]:
    return [
        {"sender": str(r.evidence.get("sender", "")), "said": r.detail, "until": str(r.evidence.get("until"))}
        for r in found
        if r.status in {Status.BAD, Status.WARN}
    ]


def _leases(asked: Invocation) -> list[Mapping[str, Any]]:
    try:
        with asked.client() as client:
            return list(client.leases().get("leases", []))
    except TidegateError as error:
        note(f"tidegate: leases are not shown: {error}")
        return []


def ips_grid(document: Mapping[str, Any]) -> Grid:
    """The table alone."""
    rows = [
        (r["ip"], r["list"], r["worst"], r["dnsbl"], r["snds"][:24], r["score"], r["replies"], r["age"],
         ", ".join(r["leases"]) or "-", ", ".join(r["incidents"]) or "-",
         ", ".join(one["zone"] for one in r["listings"]) or "-")
        for r in document["ips"]
    ]  # fmt: skip
    return Grid(rows, counted(document, "ips", "IPs"))


def ips_text(document: Mapping[str, Any]) -> str:
    """One line an IP, the worst first; the listings and incidents of those in trouble below."""
    rows = ips_grid(document).rows
    if not rows:
        return "No source IPs: write them under ip-lists in the configuration."
    text = IPS.draw(rows)
    below = []
    for row in document["ips"]:
        if row["incidents"] or row["listings"] or row["alerts"]:
            said = [f"{one['zone']}: {one['detail']}" for one in row["listings"]]
            said += [f"{one['sender']} says: {one['said']}" for one in row["alerts"]]
            below.append((row["ip"], "; ".join(filter(None, (", ".join(row["incidents"]), *said)))))
    more = counted(document, "ips", "IPs")
    return "\n\n".join(filter(None, (text, block(below, indent=0), more)))


def incidents(asked: Invocation, number: int | None) -> dict[str, Any]:
    """The open incidents, or one with its timeline."""
    kept = records(asked)
    with kept.look() as session:
        if number is None:
            found = stored_incidents.open_incidents(session)
            events: list[Any] = []
        else:
            found = [stored_incidents.find(session, number)]
            events = stored_incidents.events(session, number)
    return {
        "schema": "incidents/v1" if number is None else "incident/v1",
        "now": kept.now.isoformat(),
        "incidents": [one.model_dump(mode="json") for one in found],
        "events": [one.model_dump(mode="json") for one in events],
    }


def incidents_text(document: Mapping[str, Any]) -> str:
    """A table of open incidents, or one in full."""
    now = read_time(document["now"])
    found = document["incidents"]
    if document["schema"] == "incident/v1" and now:
        return _incident(found[0], document["events"], now)
    if not found:
        return "No open incidents."
    grid = incidents_grid(document)
    return f"{INCIDENTS.draw(grid.rows)}\n{grid.foot}; tidegate show incidents NUMBER tells one in full"


def incidents_grid(document: Mapping[str, Any]) -> Grid:
    """The table alone."""
    now = read_time(document["now"])
    rows = [
        (
            f"INC-{i['number']}",
            i["severity"],
            i["ip"] or i["source"],
            i["provider"],
            _ago(i["opened_at"], now),
            i["title"],
            i["rule"],
            _ago(i["updated_at"], now),
        )
        for i in document["incidents"]
    ]
    return Grid(rows, counted(document, "incidents", "open") or f"{len(rows)} open")


def _incident(one: Mapping[str, Any], events: Iterable[Mapping[str, Any]], now: datetime) -> str:
    rows = [
        ("state", one["state"]),
        ("severity", one["severity"]),
        ("IP", one["ip"] or "-"),
        ("provider", "all" if one["provider"] == "*" else one["provider"]),
        ("rule", one["rule"]),
        ("opened", moment(read_time(one["opened_at"]), now)),
        ("updated", moment(read_time(one["updated_at"]), now)),
        *([("resolved", moment(read_time(one["resolved_at"]), now))] if one.get("resolved_at") else []),
        ("summary", one["summary"]),
    ]
    evidence = [(str(key), value) for key, value in one.get("evidence", {}).items()]
    lines = [(moment(read_time(e["at"]), now), f"{e['kind']}: {e['text']}") for e in events]
    parts = [f"INC-{one['number']} {one['title']}", block(rows)]
    parts += ["Evidence\n" + block(evidence)] if evidence else []
    parts += ["Timeline\n" + block(lines)] if lines else []
    return "\n\n".join(parts)


def _ago(text: object, now: datetime | None) -> str:
    return ago(read_time(text), now) if now else "-"
