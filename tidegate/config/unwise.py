"""What is allowed and yet unwise."""

from collections.abc import Iterator, Mapping
from typing import Any

from tidegate.config import notifying
from tidegate.config.virtual_mtas import shadowed
from tidegate.config.watching import meets
from tidegate.config.web import is_open_to_all
from tidegate.config.yaml_reader import Document, Path


def warnings(document: Document, sections: Mapping[str, Any]) -> list[str]:
    """A sentence each, with the line."""
    return [f"{document.file}:{document.line(path) or 1}: {text}" for path, text in _said(sections)]


def _said(sections: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    lists, monitor = sections.get("ip_lists"), sections.get("monitor")
    if lists is not None and not any(lists.values()):
        yield ("ip-lists",), "there is no source IP, so nothing is watched"
    elif monitor is not None:
        yield from notifying.unwise(monitor.notifications)
    controller, engine = sections.get("controller"), sections.get("engine")
    if lists and engine is not None and not any(one.source_ips for one in engine.virtual_mtas.values()):
        yield (
            ("engine", "virtual-mtas"),
            "no virtual-mta names a source IP, so the system picks the address that mail leaves from",
        )
    if controller is not None and engine is not None and not meets(controller, engine):
        yield (
            ("controller", "engine", "url"),
            f"the controller asks {controller.engine.url}, this engine is at {engine.control_api.listen}",
        )
    if engine is not None:
        yield from shadowed(engine)
    web = sections.get("web")
    if web is not None and is_open_to_all(web):
        yield (
            ("web", "listen"),
            f"{web.listen} takes tokens over plain HTTP: listen on loopback, behind a proxy with TLS",
        )
    clock = sections.get("clock")
    if clock is not None and clock.speed != 1:
        yield ("clock", "speed"), f"the clock runs {clock.speed:g} times as fast as time: a rehearsal"
