"""What no single section can know: names that must exist elsewhere, limits that contradict each other."""

from collections.abc import Iterable, Mapping
from typing import Any

from core.address import SourceIp
from core.errors import OperatorError
from engine.directives import DomainPattern, DomainSettings
from engine.patterns import SHIPPED, compile_pattern
from engine.settings import EngineSettings
from tidegate.config import watching
from tidegate.config.problems import did_you_mean
from tidegate.config.unwise import warnings
from tidegate.config.yaml_reader import Document, Path

_LISTS = ("engine", "smtp-pattern-lists")


def check(document: Document, sections: Mapping[str, Any]) -> list[str]:
    """Add contradictions between valid sections to the document's errors. Returns warnings."""
    engine: EngineSettings | None = sections.get("engine")
    lists: dict[str, tuple[SourceIp, ...]] | None = sections.get("ip_lists")
    if engine is not None:
        _domains(document, engine)
        _patterns(document, engine)
        _virtual_mtas(document, engine)
        _listens(document, engine)
        _tokens(document, engine)
    if engine is not None and lists is not None and ("ip-lists",) not in document.blind:
        _source_ips(document, engine, lists)
    watching.check(document, sections)
    return warnings(document, sections)


def _domains(document: Document, engine: EngineSettings) -> None:
    levels: list[tuple[Path, Mapping[str, DomainSettings]]] = [(("engine", "domains"), engine.domains)]
    levels += [
        (("engine", "virtual-mtas", name, "domains"), one.domains)
        for name, one in engine.virtual_mtas.items()
    ]
    for path, domains in levels:
        for pattern, settings in domains.items():
            try:
                DomainPattern.parse(pattern)
            except OperatorError as error:
                problem, _, remedy = str(error).partition("; ")
                document.refuse((*path, pattern), problem, remedy)
            wanted = settings.smtp_pattern_list
            if wanted is not None and wanted not in {*engine.smtp_pattern_lists, SHIPPED}:
                _no_such(
                    document,
                    (*path, pattern, "smtp-pattern-list"),
                    "smtp-pattern-list",
                    wanted,
                    {*engine.smtp_pattern_lists, SHIPPED},
                )


def _no_such(document: Document, path: Path, kind: str, name: str, known: Iterable[str]) -> None:
    names = sorted(known)
    meant = did_you_mean(name, names) or (
        f"there is {', '.join(names)}" if names else f"define {name!r} first"
    )
    document.refuse(path, f"there is no {kind} {name!r}", meant)


def _patterns(document: Document, engine: EngineSettings) -> None:
    for name, lines in engine.smtp_pattern_lists.items():
        for number, line in enumerate(lines):
            try:
                compile_pattern(line, "")
            except OperatorError as error:
                problem, _, remedy = str(error).removeprefix(": ").partition("; ")
                document.refuse((*_LISTS, name, number), problem, remedy)


def _virtual_mtas(document: Document, engine: EngineSettings) -> None:
    if engine.default_virtual_mta not in engine.virtual_mtas:
        _no_such(
            document,
            ("engine", "default-virtual-mta"),
            "virtual-mta",
            engine.default_virtual_mta,
            engine.virtual_mtas,
        )
    known = set(engine.provider_map())
    for domain, route in engine.routes.items():
        path: Path = ("engine", "routes", domain)
        if route.provider is not None and route.provider not in known | {"other"}:
            _no_such(document, (*path, "provider"), "provider", route.provider, known)
        if not route.hosts:
            document.refuse(
                (*path, "hosts"), "a route without hosts leads nowhere", "write hosts: [mx.example.com:25]"
            )


def _source_ips(
    document: Document, engine: EngineSettings, lists: Mapping[str, tuple[SourceIp, ...]]
) -> None:
    known = {source.address for listed in lists.values() for source in listed}
    for name, virtual_mta in engine.virtual_mtas.items():
        for number, source in enumerate(virtual_mta.source_ips):
            if source.address not in known:
                document.refuse(
                    ("engine", "virtual-mtas", name, "source-ips", number),
                    f"{source.address} is in no ip-list, so nothing would watch it",
                    f"add {source.address} under ip-lists",
                )


def _listens(document: Document, engine: EngineSettings) -> None:
    for number, listen in enumerate(engine.listen):
        _address_port(document, ("engine", "listen", number), listen)
    listen = engine.control_api.listen
    if not listen.startswith("unix:"):
        _address_port(document, ("engine", "control-api", "listen"), listen)
    elif listen == "unix:":
        document.refuse(
            ("engine", "control-api", "listen"), "the socket has no path", "write unix:data/control.sock"
        )


def _address_port(document: Document, path: Path, listen: str) -> None:
    address, colon, port = listen.rpartition(":")
    bare = address.removeprefix("[").removesuffix("]")
    right = colon and bare and port.isdecimal() and 0 <= int(port) <= 65_535
    if right and (":" not in bare or address.startswith("[")):
        return
    document.refuse(
        path, f"{listen!r} is not an address and a port", "write it like 127.0.0.1:2525 or [::1]:2525"
    )


def _tokens(document: Document, engine: EngineSettings) -> None:
    api = engine.control_api
    if not api.tokens and not api.listen.startswith("unix:"):
        document.refuse(
            ("engine", "control-api", "listen"),
            f"the control API listens on {api.listen} and asks for no token",
            'add tokens: [{name: ops, token: "${TIDEGATE_TOKEN}", scope: admin}], or listen on unix:PATH',
        )
    names: dict[str, int] = {}
    for number, token in enumerate(api.tokens):
        path: Path = ("engine", "control-api", "tokens", number)
        if token.token is None:
            document.refuse(
                path, f"the token {token.name!r} is not given", "write token: ${NAME}, or token-file: PATH"
            )
        if token.name in names:
            document.refuse((*path, "name"), f"two tokens are named {token.name!r}", "give each its own name")
        names[token.name] = number
