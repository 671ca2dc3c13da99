"""`ip-lists:`: addresses, networks, address and bind pairs, included files; flattened to source IPs."""

from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path as FilePath
from typing import Any

from core.address import IpAddress, SourceIp
from core.errors import ConfigError
from tidegate.config.problems import did_you_mean, shown
from tidegate.config.yaml_reader import Document, Path, dotted, read_yaml

MOST_PER_NETWORK = 4_096
MOST = 65_536
MAX_INCLUDE_BYTES = 4 * 1024 * 1024
_FORMS = (
    "write 203.0.113.7, 203.0.113.16/30, {address: 203.0.113.8, bind: 10.0.0.8} or {include: more-ips.txt}"
)


@dataclass(frozen=True, slots=True)
class _At:
    """Where an entry stands."""

    file: str
    line: int | None
    key: str

    def error(self, problem: str, remedy: str = "") -> ConfigError:
        return ConfigError(problem, remedy=remedy, file=self.file, line=self.line, key=self.key)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(slots=True)
class _Expansion:
    errors: list[ConfigError] = field(default_factory=list)
    seen: dict[IpAddress, _At] = field(default_factory=dict)


def expand(document: Document, key: str = "ip-lists") -> None:
    """Replace the lists under `key` by tuples of SourceIp; add what is wrong to the document's errors.

    The order of the file is kept. An address may stand in one place only.
    """
    lists = document.data.get(key)
    if not isinstance(lists, dict):
        return  # pydantic says what is wrong with it
    expansion = _Expansion()
    for name, entries in lists.items():
        path: Path = (key, name)
        if isinstance(entries, list):
            lists[name] = _list(expansion, document, path, entries)
        elif path not in document.blind:
            document.refuse(path, "is not a list", "write [203.0.113.7], or one line with '- ' for each")
            lists[name] = ()
    if expansion.errors:
        document.errors += expansion.errors
        document.blind.add((key,))


def _list(expansion: _Expansion, document: Document, path: Path, entries: list[Any]) -> tuple[SourceIp, ...]:
    found: list[SourceIp] = []
    for number, entry in enumerate(entries):
        place: Path = (*path, number)
        if place in document.blind:
            continue
        at = _At(document.file, document.line(place), dotted(place))
        try:
            if isinstance(entry, dict) and "include" in entry:
                found += _include(expansion, at, entry)
            else:
                found += _once(expansion, at, _entry(entry, at))
        except ConfigError as error:
            expansion.errors.append(error)
    return tuple(found)


def _entry(entry: Any, at: _At) -> list[SourceIp]:
    if isinstance(entry, str):
        return _network(entry, at) if "/" in entry else [_single(entry, entry, at)]
    if isinstance(entry, dict) and "address" in entry:
        unknown = next((key for key in entry if key not in {"address", "bind"}), None)
        if unknown:
            meant = did_you_mean(unknown, ("address", "bind"))
            raise at.error(f"unknown key {unknown!r}", meant or "known here: address, bind")
        return [_single(entry["address"], entry.get("bind", entry["address"]), at)]
    raise at.error(f"{shown(entry)} is not an IP address", _FORMS)


def _single(address: Any, bind: Any, at: _At) -> SourceIp:
    return SourceIp(address=_address(address, at), bind=_address(bind, at))


def _address(text: Any, at: _At) -> IpAddress:
    try:
        return ip_address(text.strip())
    except (ValueError, AttributeError):
        raise at.error(f"{shown(text)} is not an IP address", _FORMS) from None


def _network(text: str, at: _At) -> list[SourceIp]:
    try:
        network = ip_network(text.strip(), strict=False)
    except ValueError:
        raise at.error(f"{shown(text)} is not a network", _FORMS) from None
    if network.num_addresses > MOST_PER_NETWORK:
        longest = network.max_prefixlen - 12
        raise at.error(
            f"{network} holds {network.num_addresses:,} addresses; one network may hold {MOST_PER_NETWORK:,}",
            f"list the part that sends mail, /{longest} at most",
        )
    given = text.strip().partition("/")[0]
    if ip_address(given) != network.network_address:
        raise at.error(
            f"{text.strip()} has host bits set", f"write {network}, or {given} for the one address"
        )
    return [SourceIp(address=one, bind=one) for one in network]


def _once(expansion: _Expansion, at: _At, found: list[SourceIp]) -> list[SourceIp]:
    kept = []
    for source in found:
        first = expansion.seen.setdefault(source.address, at)
        if first is not at:
            raise at.error(
                f"{source.address} is already listed at {first} ({first.key})",
                "an address may stand in one list only; remove one of the two",
            )
        kept.append(source)
    if len(expansion.seen) > MOST:
        raise at.error(f"the lists hold more than {MOST:,} addresses", "list those that send mail")
    return kept


def _include(expansion: _Expansion, at: _At, entry: dict[str, Any]) -> list[SourceIp]:
    name = entry["include"]
    if len(entry) > 1 or not isinstance(name, str) or not name or "\0" in name:
        raise at.error("include takes the name of one file", "write {include: more-ips.txt}")
    file = FilePath(at.file).parent / name
    text = _read(file, at)
    if file.suffix in {".yaml", ".yml"}:
        return _included_yaml(expansion, text, str(file))
    found: list[SourceIp] = []
    for number, line in enumerate(text.splitlines(), start=1):
        entry_text = line.partition("#")[0].strip()
        if entry_text:
            found += _guarded(expansion, _At(str(file), number, at.key), entry_text)
    return found


def _included_yaml(expansion: _Expansion, text: str, file: str) -> list[SourceIp]:
    included = read_yaml(text, file)
    expansion.errors += included.errors
    if included.errors or included.data is None:
        return []
    if not isinstance(included.data, list):
        raise _At(file, 1, "").error(
            "an included file holds a list", "write one line with '- ' for each address"
        )
    found: list[SourceIp] = []
    for number, entry in enumerate(included.data):
        found += _guarded(expansion, _At(file, included.line((number,)), f"[{number}]"), entry)
    return found


def _guarded(expansion: _Expansion, at: _At, entry: Any) -> list[SourceIp]:
    try:
        return _once(expansion, at, _entry(entry, at))
    except ConfigError as error:
        expansion.errors.append(error)
        return []


def _read(file: FilePath, at: _At) -> str:
    try:
        too_long = file.stat().st_size > MAX_INCLUDE_BYTES
        text = "" if too_long else file.read_text(encoding="utf-8")
    except OSError as error:
        raise at.error(
            f"{file} cannot be read: {error.strerror}", "paths are relative to this file"
        ) from None
    except ValueError:
        raise at.error(f"{file} is not a text file", "write one address or network on each line") from None
    if too_long:
        raise at.error(f"{file} is longer than {MAX_INCLUDE_BYTES // 2**20} MiB", "split the list")
    return text
