"""Checks of the monitor's and the controller's parts, alone and against the engine's."""

from collections.abc import Mapping
from typing import Any

from controller.settings import ControllerSettings, Mode
from core.errors import ConfigError
from engine.settings import EngineSettings, TokenScope
from monitor import catalogue
from monitor.collectors import zones
from monitor.settings import MonitorSettings
from tidegate.config import virtual_mtas
from tidegate.config.explain_errors import split_remedy
from tidegate.config.yaml_reader import Document, Path

_UNIX = "unix:"


def check(document: Document, sections: Mapping[str, Any]) -> None:
    """Add what is wrong to the document's errors."""
    monitor: MonitorSettings | None = sections.get("monitor")
    controller: ControllerSettings | None = sections.get("controller")
    engine: EngineSettings | None = sections.get("engine")
    if monitor is not None:
        _lists(document, monitor)
        _snds(document, monitor)
        _digest(document, monitor)
    if controller is not None:
        _access(document, controller)
        if engine is not None:
            _scope(document, controller, engine)
            _protected(document, controller, engine)


def _protected(document: Document, controller: ControllerSettings, engine: EngineSettings) -> None:
    for number, name in enumerate(controller.protected_virtual_mtas):
        if name not in engine.virtual_mtas:
            path: Path = ("controller", "protected-virtual-mtas", number)
            virtual_mtas.refuse_name(document, path, "virtual-mta", name, engine.virtual_mtas)


def _lists(document: Document, monitor: MonitorSettings) -> None:
    """A chosen zone that does not exist, is closed, or lacks its key."""
    if not monitor.dnsbl.enabled:
        return
    try:
        zones.choose(monitor.dnsbl, catalogue.shipped())
    except ConfigError as error:
        path: Path = tuple(error.key.split(".")) if error.key else ("monitor", "dnsbl")
        document.refuse(path, error.problem, error.remedy)


def _snds(document: Document, monitor: MonitorSettings) -> None:
    if monitor.snds.enabled and not monitor.snds.accounts:
        document.refuse(
            ("monitor", "snds", "accounts"),
            "SNDS is enabled and has no account",
            "add accounts: [{name: main, sign-in-file: data/snds-main.json}], or write enabled: false",
        )


def _digest(document: Document, monitor: MonitorSettings) -> None:
    from tidegate.jobs import crontab  # noqa: PLC0415 - APScheduler is wanted for this sentence alone

    try:
        crontab(monitor.digest.cron, str(monitor.digest.time_zone))
    except ValueError as error:
        document.refuse(("monitor", "digest", "cron"), *split_remedy(str(error)))


def _access(document: Document, controller: ControllerSettings) -> None:
    url, path = controller.engine.url, ("controller", "engine", "url")
    if url.startswith(_UNIX):
        return
    if not url.startswith(("http://", "https://")):
        document.refuse(path, f"{url!r} is not where an engine can be", "write http://HOST:PORT or unix:PATH")
    elif controller.mode is Mode.ENFORCE and controller.engine.token is None:
        document.refuse(
            ("controller", "engine", "token"),
            "the controller enforces over TCP and has no token",
            "write token: ${NAME} or token-file: PATH, of an engine token with scope operate",
        )


def _scope(document: Document, controller: ControllerSettings, engine: EngineSettings) -> None:
    """Where the controller's engine is this file's engine, its token must be one that may act there."""
    given = controller.engine.token
    if given is None or not meets(controller, engine) or engine.control_api.listen.startswith(_UNIX):
        return
    path: Path = ("controller", "engine", "token")
    held = next((t for t in engine.control_api.tokens if t.token == given), None)
    if held is None:
        document.refuse(path, "the engine knows no such token", "add it under engine.control-api.tokens")
    elif controller.mode is Mode.ENFORCE and not held.scope.allows(TokenScope.OPERATE):
        document.refuse(
            path, f"the engine's token {held.name!r} may only {held.scope}", "give it scope: operate"
        )


def meets(controller: ControllerSettings, engine: EngineSettings) -> bool:
    """Whether the controller asks where this file's engine listens."""
    url, listen = controller.engine.url.rstrip("/"), engine.control_api.listen
    return url in {listen, f"http://{listen}"}
