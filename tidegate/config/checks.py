"""What no single section can know: names that must exist elsewhere, limits that contradict each other."""

from collections.abc import Mapping
from typing import Any

from core.address import SourceIp
from core.errors import OperatorError
from engine.directives import DomainPattern
from engine.patterns import SHIPPED, compile_pattern
from engine.settings import EngineSettings
from tidegate.config import notifying, virtual_mtas, watching, web
from tidegate.config.addresses import address_port
from tidegate.config.caution import Caution
from tidegate.config.unwise import warnings
from tidegate.config.yaml_reader import Document, Path

_LISTS = ("engine", "smtp-pattern-lists")


def check(document: Document, sections: Mapping[str, Any]) -> list[Caution]:
    """Add contradictions between valid sections to the document's errors. Returns warnings."""
    engine: EngineSettings | None = sections.get("engine")
    lists: dict[str, tuple[SourceIp, ...]] | None = sections.get("ip_lists")
    if engine is not None:
        _domains(document, engine)
        _patterns(document, engine)
        virtual_mtas.check(document, engine)
        _routes(document, engine)
        _listens(document, engine)
        _tokens(document, engine)
    if engine is not None and lists is not None and ("ip-lists",) not in document.blind:
        virtual_mtas.source_ips(document, engine, lists)
    watching.check(document, sections)
    notifying.check(document, sections)
    web.check(document, sections)
    return warnings(document, sections)


def _domains(document: Document, engine: EngineSettings) -> None:
    for path, domains in virtual_mtas.levels(engine):
        for pattern, settings in domains.items():
            try:
                DomainPattern.parse(pattern)
            except OperatorError as error:
                problem, _, remedy = str(error).partition("; ")
                document.refuse((*path, pattern), problem, remedy)
            wanted = settings.smtp_pattern_list
            if wanted is not None and wanted not in {*engine.smtp_pattern_lists, SHIPPED}:
                virtual_mtas.refuse_name(
                    document,
                    (*path, pattern, "smtp-pattern-list"),
                    "smtp-pattern-list",
                    wanted,
                    {*engine.smtp_pattern_lists, SHIPPED},
                )


def _patterns(document: Document, engine: EngineSettings) -> None:
    for name, lines in engine.smtp_pattern_lists.items():
        for number, line in enumerate(lines):
            try:
                compile_pattern(line, "")
            except OperatorError as error:
                problem, _, remedy = str(error).removeprefix(": ").partition("; ")
                document.refuse((*_LISTS, name, number), problem, remedy)


def _routes(document: Document, engine: EngineSettings) -> None:
    known = set(engine.provider_map())
    for domain, route in engine.routes.items():
        path: Path = ("engine", "routes", domain)
        if route.provider is not None and route.provider not in known | {"other"}:
            virtual_mtas.refuse_name(document, (*path, "provider"), "provider", route.provider, known)
        if not route.hosts:
            document.refuse(
                (*path, "hosts"), "a route without hosts leads nowhere", "write hosts: [mx.example.com:25]"
            )


def _listens(document: Document, engine: EngineSettings) -> None:
    for number, listen in enumerate(engine.listen):
        address_port(document, ("engine", "listen", number), listen)
    listen = engine.control_api.listen
    if not listen.startswith("unix:"):
        address_port(document, ("engine", "control-api", "listen"), listen)
    elif listen == "unix:":
        document.refuse(
            ("engine", "control-api", "listen"), "the socket has no path", "write unix:data/control.sock"
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
