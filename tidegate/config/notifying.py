"""Checks of who is told: names that must exist elsewhere, web addresses, the route of our own mail."""

from collections.abc import Collection, Iterator, Mapping
from importlib.util import find_spec
from typing import Any

from pydantic import SecretStr

from engine.settings import EngineSettings
from monitor.notifications import routing
from monitor.notifications.settings import NotificationSettings, SmtpSettings
from tidegate.config.virtual_mtas import refuse_name
from tidegate.config.yaml_reader import Document, Path

_AT: Path = ("monitor", "notifications")
_CHANNELS: Path = (*_AT, "channels")
_HERE = frozenset({"localhost", "127.0.0.1", "[::1]", "0.0.0.0", "[::]"})


def check(document: Document, sections: Mapping[str, Any]) -> None:
    """Add what is wrong to the document's errors."""
    monitor = sections.get("monitor")
    if monitor is None:
        return
    settings: NotificationSettings = monitor.notifications
    _names(document, settings)
    _addresses(document, settings)
    _routes(document, settings, sections.get("ip_lists"))
    engine = sections.get("engine")
    if engine is not None:
        _virtual_mta(document, settings, engine)


def unwise(settings: NotificationSettings) -> Iterator[tuple[Path, str]]:
    """What is allowed and leaves somebody without word."""
    if not settings.enabled:
        return
    told = routing.routes(settings)
    if not any(route.recipients or route.channels for route in told):
        yield (*_AT, "recipients"), "nobody is told about incidents: add recipients"
    elif all(route.ip_lists for route in told):
        yield (*_AT, "routes"), "nobody is told when monitoring goes blind: every route has ip-lists"
    used = {name for route in told for name in route.channels}
    for name in sorted(set(settings.channels.names) - used):
        yield _CHANNELS, f"no route leads to the channel {name!r}"


def leaves_through(smtp: SmtpSettings, engine: EngineSettings) -> bool:
    """Whether our own mail goes to this file's engine with no route of its own there."""
    hosts = _HERE if smtp.host in _HERE or smtp.host == "::1" else {smtp.host, f"[{smtp.host}]"}
    return smtp.virtual_mta is None and any(f"{host}:{smtp.port}" in engine.listen for host in hosts)


def unwise_route(settings: NotificationSettings, engine: EngineSettings) -> Iterator[tuple[Path, str]]:
    """An alert that leaves through the IP that it is about."""
    said = (
        "mail about an IP leaves through the engine's own IPs and is held back with the rest: "
        "name a virtual-mta with takes-leases: false, or another mail server"
    )
    if settings.enabled and leaves_through(settings.smtp, engine):
        yield (*_AT, "smtp"), said


def _names(document: Document, settings: NotificationSettings) -> None:
    names = settings.channels.names
    for name in {one for one in names if names.count(one) > 1}:
        document.refuse(_CHANNELS, f"two channels are named {name!r}", "give each its own name")


def _addresses(document: Document, settings: NotificationSettings) -> None:
    channels = settings.channels
    for kind in ("webhooks", "slack", "pagerduty", "alertmanager"):
        for name, one in getattr(channels, kind).items():
            url = one.url.get_secret_value() if isinstance(one.url, SecretStr) else one.url
            _web_address(document, (*_CHANNELS, kind, name, "url"), url)
    if settings.heartbeat.url is not None:
        _web_address(document, (*_AT, "heartbeat", "url"), settings.heartbeat.url.get_secret_value())
    for name, service in channels.pagerduty.items():
        if len(service.routing_key.get_secret_value()) != 32:
            document.refuse(
                (*_CHANNELS, "pagerduty", name, "routing-key"),
                "an integration key of Events API v2 has 32 characters",
                "copy it from the service's integrations in PagerDuty",
            )
    if channels.apprise and find_spec("apprise") is None:
        document.refuse(
            (*_CHANNELS, "apprise"), "the library Apprise is not installed", "pip install 'tidegate[apprise]'"
        )


def _web_address(document: Document, path: Path, url: str) -> None:
    if not url.startswith(("http://", "https://")):
        document.refuse(path, "not a web address", "write https://…")


def _routes(document: Document, settings: NotificationSettings, lists: Collection[str] | None) -> None:
    known = settings.channels.names
    for name, route in settings.routes.items():
        path: Path = (*_AT, "routes", name)
        for number, channel in enumerate(route.channels):
            if channel not in known:
                refuse_name(document, (*path, "channels", number), "channel", channel, known)
        for number, listed in enumerate(route.ip_lists):
            if lists is not None and listed not in lists:
                refuse_name(document, (*path, "ip-lists", number), "ip-list", listed, lists)
        if not route.recipients and not route.channels:
            document.refuse(path, "the route leads to nobody", "add recipients or channels")


def _virtual_mta(document: Document, settings: NotificationSettings, engine: EngineSettings) -> None:
    name, path = settings.smtp.virtual_mta, (*_AT, "smtp", "virtual-mta")
    if name is None:
        return
    if name not in engine.virtual_mtas:
        refuse_name(document, path, "virtual-mta", name, engine.virtual_mtas)
    elif engine.virtual_mtas[name].takes_leases:
        document.refuse(
            path,
            f"the virtual-mta {name!r} takes leases: its mail would wait when it matters",
            "write takes-leases: false there, and give it a source IP of its own",
        )
