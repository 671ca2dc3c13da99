"""The plain form, for scripts: `{"ip": "203.0.113.7", "name": "bounces", "severity": "warning"}` and no more.

Keys: `ip` (needed), `name`, `summary`, `severity`, `provider`, `state` (firing or resolved), `id` (what makes
it the same alert; else name and provider), `expires_in` (like 6h) or `expires_at` (RFC 3339), `link`.
"""

from collections.abc import Mapping
from typing import Any, Final

from core.text import printable
from monitor.alerts import fields
from monitor.alerts.alert import Alert, AlertState, Context, UnusableAlert, key_of

KEYS: Final = frozenset(
    {"ip", "name", "summary", "severity", "provider", "state", "id", "expires_in", "expires_at", "link"}
)


def is_one(item: Mapping[str, Any]) -> bool:
    """Whether this looks like the plain form."""
    return "ip" in item


def read(item: Mapping[str, Any], context: Context) -> Alert:
    """One alert. Raises UnusableAlert, for unknown keys too: a misspelt one would have no effect."""
    strange = sorted(str(key) for key in item if key not in KEYS)
    if strange:
        raise UnusableAlert(f"unknown key “{printable(strange[0], 60)}”; there are {', '.join(sorted(KEYS))}")
    ip = fields.our_ip(fields.text(item["ip"]), context)
    name = fields.text(item.get("name"), 80) or "alert"
    provider = fields.provider(fields.text(item.get("provider")), context)
    lasts, ends = fields.duration(item.get("expires_in")), fields.moment(item.get("expires_at"))
    return Alert(
        sender=context.sender,
        key=key_of(fields.text(item.get("id"), 200) or f"{name}.{provider}".removesuffix(".*")),
        ip=ip,
        state=_state(item),
        severity=_severity(item, context),
        title=printable(f"{ip} {name}, says {context.sender}", 160),
        text=fields.text(item.get("summary")) or name,
        until=fields.until(ends, lasts or context.settings.expires_after, context),
        provider=provider,
        facts={"link": link} if (link := fields.text(item.get("link"))) else {},
    )


def _state(item: Mapping[str, Any]) -> AlertState:
    try:
        return AlertState(item.get("state", AlertState.FIRING))
    except ValueError:
        raise UnusableAlert("state is firing or resolved") from None


def _severity(item: Mapping[str, Any], context: Context) -> Any:
    said = fields.text(item.get("severity"))
    if said and said.lower() not in context.settings.severities:
        known = ", ".join(context.settings.severities)
        raise UnusableAlert(f"severity “{printable(said, 40)}” is not known; write one of {known}")
    return fields.severity(said, context)
