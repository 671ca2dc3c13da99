"""What VirtualMTAs, pools, reroutes and warm-ups say of each other must fit."""

from collections.abc import Iterable, Iterator, Mapping

from core.address import SourceIp
from core.errors import OperatorError
from engine.directives import DomainSettings
from engine.patterns import PatternList
from engine.settings import EngineSettings
from tidegate.config.problems import did_you_mean
from tidegate.config.yaml_reader import Document, Path

Level = tuple[Path, Mapping[str, DomainSettings]]


def check(document: Document, engine: EngineSettings) -> None:
    """Refuse names that nobody has, members of two pools with domains, and reroutes in a circle."""
    _default(document, engine)
    _pools(document, engine)
    _reroutes(document, engine)
    _warm_ups(document, engine)
    _lease_free(document, engine)


def levels(engine: EngineSettings) -> list[Level]:
    """Every place that holds domain blocks, with its path."""
    found: list[Level] = [(("engine", "domains"), engine.domains)]
    found += [(("engine", "virtual-mtas", n, "domains"), v.domains) for n, v in engine.virtual_mtas.items()]
    found += [
        (("engine", "virtual-mta-pools", n, "domains"), p.domains)
        for n, p in engine.virtual_mta_pools.items()
    ]
    return found


def refuse_name(document: Document, path: Path, kind: str, name: str, known: Iterable[str]) -> None:
    """Say that a name is not known, and which is meant."""
    names = sorted(known)
    meant = did_you_mean(name, names) or (
        f"there is {', '.join(names)}" if names else f"define {name!r} first"
    )
    document.refuse(path, f"there is no {kind} {name!r}", meant)


def _default(document: Document, engine: EngineSettings) -> None:
    known = {**engine.virtual_mtas, **engine.virtual_mta_pools}
    if engine.default_virtual_mta not in known:
        path: Path = ("engine", "default-virtual-mta")
        refuse_name(document, path, "virtual-mta", engine.default_virtual_mta, known)


def _lease_free(document: Document, engine: EngineSettings) -> None:
    """A source IP that one VirtualMTA shields and another uses would be shielded for both."""
    for name, vmta in engine.virtual_mtas.items():
        for number, source in enumerate(vmta.source_ips):
            if vmta.takes_leases and source.address in engine.lease_free:
                document.refuse(
                    ("engine", "virtual-mtas", name, "source-ips", number),
                    f"{source.address} belongs to a virtual-mta with takes-leases: false, too",
                    "give each its own source IPs",
                )


def _pools(document: Document, engine: EngineSettings) -> None:
    shaping: dict[str, str] = {}
    for name, pool in engine.virtual_mta_pools.items():
        path: Path = ("engine", "virtual-mta-pools", name)
        if name in engine.virtual_mtas:
            document.refuse(path, f"{name!r} is a virtual-mta already", "give the pool a name of its own")
        if not pool.members:
            document.refuse(path, "a pool without members leads nowhere", "write members: {NAME: 1}")
        for member, weight in pool.members.items():
            if member not in engine.virtual_mtas:
                refuse_name(document, (*path, "members", member), "virtual-mta", member, engine.virtual_mtas)
            if weight < 1:
                document.refuse((*path, "members", member), f"a weight of {weight}", "write 1 or more")
            if pool.domains and shaping.setdefault(member, name) != name:
                document.refuse(
                    (*path, "members", member),
                    f"{member!r} would inherit domains from the pools {shaping[member]!r} and {name!r}",
                    "leave it in one of them, or give only one of them domains",
                )


def _reroutes(document: Document, engine: EngineSettings) -> None:
    for path, domains in levels(engine):
        for pattern, settings in domains.items():
            target = settings.backoff_reroute_to_virtual_mta
            if target is None:
                continue
            here: Path = (*path, pattern, "backoff-reroute-to-virtual-mta")
            if target not in engine.virtual_mtas:
                refuse_name(document, here, "virtual-mta", target, engine.virtual_mtas)
            elif path[1] == "virtual-mtas" and (circle := _circle(engine, str(path[2]), pattern)):
                document.refuse(here, f"the reroutes go in a circle: {' → '.join(circle)}", "leave one out")


def _circle(engine: EngineSettings, start: str, pattern: str) -> list[str]:
    """The chain of reroutes of one domain pattern, if it comes back to a VirtualMTA it has passed."""
    seen = [start]
    while (following := _reroute(engine, seen[-1], pattern)) is not None:
        if following in seen:
            return [*seen, following]
        seen.append(following)
    return []


def _reroute(engine: EngineSettings, vmta: str, pattern: str) -> str | None:
    own = engine.virtual_mtas.get(vmta)
    settings = own.domains.get(pattern) or own.domains.get("*") if own else None
    return settings.backoff_reroute_to_virtual_mta if settings else None


def _warm_ups(document: Document, engine: EngineSettings) -> None:
    used = {source.address for vmta in engine.virtual_mtas.values() for source in vmta.source_ips}
    for number, plan in enumerate(engine.warm_up):
        path: Path = ("engine", "warm-up", number)
        if plan.source_ip not in used:
            document.refuse(
                (*path, "source-ip"), f"no virtual-mta uses {plan.source_ip}", "add it to one's source-ips"
            )
        if not plan.per_day:
            document.refuse((*path, "per-day"), "a warm-up without days", "write per-day: [50, 100, 200]")


def shadowed(engine: EngineSettings) -> Iterator[tuple[Path, str]]:
    """Patterns that can never act."""
    for name, lines in engine.smtp_pattern_lists.items():
        try:
            said = PatternList(name, lines).lint()
        except OperatorError:  # refused elsewhere, with its line
            continue
        for text in said:
            yield ("engine", "smtp-pattern-lists", name), text


def source_ips(document: Document, engine: EngineSettings, lists: Mapping[str, tuple[SourceIp, ...]]) -> None:
    """Every source IP that mail leaves from is watched."""
    known = {source.address for listed in lists.values() for source in listed}
    for name, virtual_mta in engine.virtual_mtas.items():
        for number, source in enumerate(virtual_mta.source_ips):
            if source.address not in known:
                document.refuse(
                    ("engine", "virtual-mtas", name, "source-ips", number),
                    f"{source.address} is in no ip-list, so nothing would watch it",
                    f"add {source.address} under ip-lists",
                )
