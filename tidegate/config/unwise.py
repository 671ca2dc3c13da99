"""What is allowed and yet unwise."""

from collections.abc import Iterator, Mapping
from typing import Any

from controller.settings import ControllerSettings
from engine.settings import EngineSettings
from monitor.collectors import snds_access
from tidegate.config import notifying
from tidegate.config.caution import Caution
from tidegate.config.virtual_mtas import shadowed
from tidegate.config.watching import meets
from tidegate.config.web import is_open_to_all
from tidegate.config.yaml_reader import Document, Path


def warnings(document: Document, sections: Mapping[str, Any]) -> list[Caution]:
    """A sentence each, with the line."""
    return [
        Caution(path[0], f"{document.file}:{document.line(path) or 1}: {text}")
        for path, text in _said(sections)
    ]


def _said(sections: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    yield from _watched(sections)
    yield from _delivered(sections)
    web = sections.get("web")
    if web is not None and is_open_to_all(web):
        yield (
            ("web", "listen"),
            f"{web.listen} takes tokens over plain HTTP: listen on loopback, behind a proxy with TLS",
        )
    clock = sections.get("clock")
    if clock is not None and clock.speed != 1:
        yield ("clock", "speed"), f"the clock runs {clock.speed:g} times as fast as time: a rehearsal"


def _watched(sections: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    lists, monitor = sections.get("ip_lists"), sections.get("monitor")
    if lists is not None and not any(lists.values()):
        yield ("ip-lists",), "there is no source IP, so nothing is watched"
    elif monitor is not None:
        yield from notifying.unwise(monitor.notifications)
    if monitor is not None and monitor.snds.enabled:
        for number, account in enumerate(monitor.snds.accounts):
            for text in snds_access.unwise(account):
                yield ("monitor", "snds", "accounts", number), text


def _delivered(sections: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    lists = sections.get("ip_lists")
    controller, engine = sections.get("controller"), sections.get("engine")
    if engine is None:
        return
    if lists and not any(one.source_ips for one in engine.virtual_mtas.values()):
        yield (
            ("engine", "virtual-mtas"),
            "no virtual-mta names a source IP, so the system picks the address that mail leaves from",
        )
    if controller is not None and not meets(controller, engine):
        yield (
            ("controller", "engine", "url"),
            f"the controller asks {controller.engine.url}, this engine is at {engine.control_api.listen}",
        )
    yield from shadowed(engine)
    if controller is not None:
        yield from _shared_protection(controller, engine)
    monitor = sections.get("monitor")
    if lists and monitor is not None:
        yield from notifying.unwise_route(monitor.notifications, engine)


def _shared_protection(controller: ControllerSettings, engine: EngineSettings) -> Iterator[tuple[Path, str]]:
    """An IP is protected as a whole: a lease knows IPs, not the VirtualMTAs that share one."""
    names = set(controller.protected_virtual_mtas)
    uses = {name: {s.address for s in vmta.source_ips} for name, vmta in engine.virtual_mtas.items()}
    protected = {ip for name in names for ip in uses.get(name, ())}
    for name, ips in uses.items():
        shared = sorted(map(str, ips & protected))
        if name not in names and shared:
            yield (
                ("controller", "protected-virtual-mtas"),
                f"{', '.join(shared)} of virtual-mta {name} is protected, too: give it IPs of its own",
            )
