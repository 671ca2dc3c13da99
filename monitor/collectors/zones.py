"""Which zones are asked, and under which real name: keys go into the name here and nowhere else."""

import re
from dataclasses import dataclass, field

from pydnsbl.providers import Provider

from core.errors import ConfigError
from monitor.catalogue import KEY_PLACE, Catalogue, Zone, ZoneKind
from monitor.collectors.settings import DnsblSettings

_KEY = re.compile(r"[A-Za-z0-9_-]{1,63}\Z")
_SETTING = "monitor.dnsbl"


@dataclass(frozen=True, slots=True, eq=False)
class AskedZone:
    """A catalogue entry and the name it is asked under. `host` may hold a key: it is never shown."""

    entry: Zone
    host: str = field(repr=False)

    @property
    def name(self) -> str:
        return self.entry.zone

    @property
    def source(self) -> str:
        return f"dnsbl:{self.entry.zone}"


class CatalogueProvider(Provider):  # type: ignore[misc]
    """A zone as pydnsbl takes it; its verdict is never asked for, ours is `answers.classify`."""

    def __init__(self, zone: AskedZone) -> None:
        super().__init__(zone.host)
        self.zone = zone

    def __repr__(self) -> str:
        return f"<CatalogueProvider {self.zone.name}>"


def choose(settings: DnsblSettings, catalogue: Catalogue) -> list[AskedZone]:
    """The zones to ask, in the catalogue's order. Raises ConfigError, which never holds a key."""
    extra = tuple(zone.as_zone() for zone in settings.extra_zones)
    known = catalogue.with_zones(extra)
    names = settings.zones or _usual(settings, catalogue)
    wanted = dict.fromkeys((*names, *(zone.zone for zone in extra)))
    for name in settings.manners:
        _existing(name, known, "manners")
    for name in settings.without_zones:
        _existing(name, known, "without-zones")
        wanted.pop(name, None)
    return [_asked(_existing(name, known), settings) for name in wanted]


def _usual(settings: DnsblSettings, catalogue: Catalogue) -> list[str]:
    """The default ones; keyed ones join once they have a key, and those that they replace leave."""
    keyed = [z for z in catalogue.zones if z.enabled_with_key and _key(z, settings) is not None]
    replaced = {name for zone in keyed for name in zone.replaces}
    return [
        zone.zone
        for zone in catalogue.zones
        if zone in keyed or (zone.default_enabled and zone.zone not in replaced)
    ]


def _existing(name: str, catalogue: Catalogue, setting: str = "zones") -> Zone:
    zone = catalogue.find(name)
    if zone is None:
        what = catalogue.dead.get(name)
        problem = f"the list {name} is dead: {what}" if what else f"the catalogue has no list {name}"
        remedy = "leave it out" if what else "write it under extra-zones with its codes"
        raise ConfigError(problem, remedy=remedy, key=f"{_SETTING}.{setting}")
    if zone.kind is ZoneKind.SCORE and not zone.code_severity:
        raise ConfigError(
            f"{name} answers scores, not listings", remedy="use sender-score", key=f"{_SETTING}.{setting}"
        )
    return zone


def _asked(zone: Zone, settings: DnsblSettings) -> AskedZone:
    if not zone.is_keyed:
        return AskedZone(zone, zone.zone)
    key = _key(zone, settings)
    if key is None:
        ending = zone.zone.split(f"{KEY_PLACE}.")[-1]
        raise ConfigError(f"{zone.zone} needs a key", remedy=f"give one for {ending}", key=f"{_SETTING}.keys")
    if not _KEY.match(key):
        raise ConfigError(
            f"the key for {zone.zone} cannot stand in a DNS name",
            remedy="give the key alone, letters, digits and hyphens",
            key=f"{_SETTING}.keys",
        )
    return AskedZone(zone, zone.zone.replace(KEY_PLACE, key))


def _key(zone: Zone, settings: DnsblSettings) -> str | None:
    """The key with the longest ending that fits the zone's name."""
    fitting = [end for end in settings.keys if zone.zone == end or zone.zone.endswith(f".{end}")]
    return settings.keys[max(fitting, key=len)].get_secret_value() if fitting else None
