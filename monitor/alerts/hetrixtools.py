"""HetrixTools' webhook of blacklist monitors: for each IP that changed, all lists that it stands on now.

https://docs.hetrixtools.com/blacklist-monitoring-webhook-notifications/ (counts are texts; `blacklisted_on`
is null when the IP is clean). The token comes as `Authorization: Bearer`, see
https://docs.hetrixtools.com/webhook-authentication-token/. Nothing is sent at the first check, and nothing
is repeated (https://docs.hetrixtools.com/how-do-blacklist-notifications-work-when-do-i-get-notified/).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from core.incident import Rule, Severity
from monitor import catalogue
from monitor.alerts import fields
from monitor.alerts.alert import Alert, AlertState, Context

KEY: Final = "blacklists"
_MOST_LISTS = 200
_SEVERITIES = {1: Severity.CRITICAL, 2: Severity.WARNING}
_ZEN, _PBL = "zen.spamhaus.org", "pbl.spamhaus.org"
_IN_ZEN = ("sbl.spamhaus.org", "xbl.spamhaus.org", "sbl-xbl.spamhaus.org", "css.spamhaus.org")


def is_one(item: Mapping[str, Any]) -> bool:
    """Whether this looks like an item of HetrixTools."""
    return "monitor" in item and ("blacklisted_now" in item or "blacklisted_on" in item)


def read(item: Mapping[str, Any], context: Context) -> Alert:
    """One blacklist monitor. Raises UnusableAlert."""
    ip = fields.our_ip(fields.text(item.get("monitor")), context)
    listed = _listed(item.get("blacklisted_on"))
    is_clean = not listed and fields.text(item.get("blacklisted_now")) in {"", "0"}
    weights = {zone: _weight(zone, listed) for zone in listed}
    zones = sorted(weights, key=lambda zone: (weights[zone], zone))
    tier = min(weights.values(), default=catalogue.TOLD_ONLY)
    return Alert(
        sender=context.sender,
        key=KEY,
        ip=ip,
        state=AlertState.RESOLVED if is_clean else AlertState.FIRING,
        severity=_SEVERITIES.get(tier, Severity.INFO),
        title=f"{ip} listed on DNS lists, says {context.sender}",
        text="on no DNS list any more" if is_clean else _text(zones, item),
        until=fields.until(None, context.settings.hetrixtools_expires_after, context),
        rule=Rule.DNSBL_LISTED,
        tier=tier,
        facts=_facts(item, zones, listed),
    )


def _listed(value: object) -> dict[str, str]:
    """List to the address where to be removed."""
    entries = value if isinstance(value, Sequence) and not isinstance(value, str) else ()
    found: dict[str, str] = {}
    for entry in entries[:_MOST_LISTS]:
        if isinstance(entry, Mapping) and (zone := fields.text(entry.get("rbl"), 120).lower()):
            found[zone] = fields.text(entry.get("delist"))
    return found


def _weight(zone: str, listed: Mapping[str, str]) -> int:
    """The catalogue's tier; lists that we do not know are told only."""
    is_policy_alone = zone == _ZEN and _PBL in listed and not any(part in listed for part in _IN_ZEN)
    known = catalogue.shipped().find(_PBL if is_policy_alone else zone)
    return known.tier_of("") if known else catalogue.TOLD_ONLY


def _text(zones: Sequence[str], item: Mapping[str, Any]) -> str:
    before, now = (
        fields.text(item.get("blacklisted_before"), 12),
        fields.text(item.get("blacklisted_now"), 12),
    )
    named = ", ".join(zones[:8]) + (f" and {len(zones) - 8} more" if len(zones) > 8 else "")
    was = f" ({before} before)" if before else ""
    return fields.text(f"listed on {len(zones) or now}{was}: {named or 'lists that it does not name'}")


def _facts(item: Mapping[str, Any], zones: Sequence[str], listed: Mapping[str, str]) -> dict[str, object]:
    links = item.get("links")
    report = fields.text(links.get("report_link")) if isinstance(links, Mapping) else ""
    said = {
        "label": fields.text(item.get("label") or item.get("lebel")),  # their older pages spell it so
        "report": report,
        "lists": list(zones),
        "delist_url": next((listed[zone] for zone in zones if listed[zone]), ""),
    }
    return {name: value for name, value in said.items() if value}
