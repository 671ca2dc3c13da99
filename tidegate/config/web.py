"""Checks of the watch process's own listener and of how alerts are translated."""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

from engine.settings import EngineSettings
from monitor.settings import MonitorSettings
from tidegate.config import virtual_mtas
from tidegate.config.addresses import address_port
from tidegate.config.yaml_reader import Document, Path
from tidegate.web.settings import UNIX, WebSettings

_SHORTEST = 16
_LISTEN: Path = ("web", "listen")


def check(document: Document, sections: Mapping[str, Any]) -> None:
    """Add what is wrong to the document's errors."""
    web: WebSettings | None = sections.get("web")
    if web is not None:
        _listen(document, web)
        _tokens(document, web)
    monitor: MonitorSettings | None = sections.get("monitor")
    engine: EngineSettings | None = sections.get("engine")
    if monitor is not None and engine is not None:
        _providers(document, monitor, engine)


def _listen(document: Document, web: WebSettings) -> None:
    if web.listen == UNIX:
        document.refuse(_LISTEN, "the socket has no path", "write unix:data/watch.sock")
    elif not web.listen.startswith(UNIX):
        address_port(document, _LISTEN, web.listen)


def _tokens(document: Document, web: WebSettings) -> None:
    names: set[str] = set()
    for number, token in enumerate(web.tokens):
        path: Path = ("web", "tokens", number)
        if token.token is None:
            document.refuse(
                path, f"the token {token.name!r} is not given", "write token: ${NAME}, or token-file: PATH"
            )
        elif len(token.token.get_secret_value()) < _SHORTEST:
            document.refuse(
                (*path, "token"),
                f"the token {token.name!r} has fewer than {_SHORTEST} characters",
                "make one that nobody guesses: openssl rand -hex 24",
            )
        if token.name in names:
            document.refuse((*path, "name"), f"two tokens are named {token.name!r}", "give each its own name")
        names.add(token.name)


def _providers(document: Document, monitor: MonitorSettings, engine: EngineSettings) -> None:
    known = {*engine.provider_map(), "other", "*"}
    for name, ours in monitor.alerts.providers.items():
        if ours not in known:
            path: Path = ("monitor", "alerts", "providers", name)
            virtual_mtas.refuse_name(document, path, "provider", ours, known)


def is_open_to_all(web: WebSettings) -> bool:
    """Whether alerts and their tokens come over plain HTTP from other machines."""
    if not web.is_on or web.listen.startswith(UNIX):
        return False
    host = web.listen.rpartition(":")[0].removeprefix("[").removesuffix("]")
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"
