"""`tidegate false-alarms`: what the detection settings cost in alarms about nothing."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from random import Random
from typing import Any

from core.errors import OperatorError
from monitor.catalogue import shipped
from monitor.collectors import zones
from monitor.detection import false_alarms
from monitor.detection.false_alarms import Fleet, two_digits
from monitor.settings import MonitorSettings
from storage import scopes
from tidegate.cli import orders
from tidegate.cli.invocation import Invocation
from tidegate.cli.output import table
from tidegate.config import peek

ASSUMED_MESSAGES = 20_000.0
_LOOK_BACK = timedelta(days=7)


def false_alarm_document(
    asked: Invocation, ips: int | None, messages: float | None, seed: int
) -> dict[str, Any]:
    """The expectation for every rule. What is not given is taken from the configuration and the records."""
    found = peek.sections(asked.config_path, "monitor", "ip_lists")
    monitor: MonitorSettings = found["monitor"]
    watched = ips or sum(len(listed) for listed in found["ip_lists"].values()) or 1
    sent, origin = (messages, "as given") if messages else _measured(asked, watched)
    lists = len(zones.choose(monitor.dnsbl, shipped())) if monitor.dnsbl.enabled else 0
    fleet = Fleet(watched, sent, lists, monitor.dnsbl.interval)
    expected = false_alarms.expected(monitor.detection, fleet, Random(seed))  # noqa: S311 - a simulation
    return {
        "schema": "false-alarms/v1",
        "ips": watched,
        "messages_per_ip_and_day": round(sent),
        "messages_origin": origin,
        "lists": lists,
        "seed": seed,
        "rules": [asdict(one) for one in expected],
    }


def false_alarm_text(document: Mapping[str, Any]) -> str:
    """One line for each rule and severity, then what was assumed."""
    rows = [
        (r["rule"], r["severity"], f"{'< ' if r['at_most'] else ''}{two_digits(r['per_month'])}", r["how"])
        for r in document["rules"]
    ]
    text = table(("rule", "severity", "a month", "how"), rows, right=(2,))
    return (
        f"False alarms a month for {document['ips']} source IPs, "
        f"{document['messages_per_ip_and_day']:,} messages a day each ({document['messages_origin']}):\n\n"
        f"{text}\n\n"
        "The fleet is taken to be healthy as docs/detection.md says. What a provider says in so many words\n"
        "(blocked, junked, trap hits, alerts of others) is never false here."
    )


def _measured(asked: Invocation, ips: int) -> tuple[float, str]:
    """What the engine was answered on a day of the last week, for each IP."""
    try:
        kept = orders.records(asked)
    except OperatorError:
        return ASSUMED_MESSAGES, "assumed: the records cannot be read"
    with kept.look() as session:
        hours = scopes.hours(session, kept.now - _LOOK_BACK)
    answered = sum(h.delivered + h.deferred + h.bounced for h in hours)
    if not answered:
        return ASSUMED_MESSAGES, "assumed: none are on record"
    days = max((kept.now - min(h.hour for h in hours)) / timedelta(days=1), 1 / 24)
    return answered / days / ips, "measured in the last days"
