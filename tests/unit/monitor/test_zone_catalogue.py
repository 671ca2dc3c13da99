"""The shipped catalogue keeps its promises, and the operator's choice of zones is checked."""

from ipaddress import IPv4Address

import pytest
from pydantic import SecretStr

from core.errors import ConfigError
from monitor.catalogue import Catalogue, ListingSeverity, ZoneKind, shipped
from monitor.collectors import zones
from monitor.collectors.settings import DnsblSettings, ExtraZone, ZoneManners

KEY = "canarykey0123456789"


def names(settings: DnsblSettings) -> list[str]:
    return [zone.name for zone in zones.choose(settings, shipped())]


def test_every_zone_is_named_once_and_has_codes() -> None:
    all_names = [zone.zone for zone in shipped().zones]
    assert len(all_names) == len(set(all_names)) == 104
    assert all(zone.codes for zone in shipped().zones)


def test_every_code_of_a_block_list_is_a_loopback_address() -> None:
    for zone in shipped().zones:
        if zone.kind is not ZoneKind.SCORE:
            assert all(IPv4Address(code).is_loopback for code in zone.codes), zone.zone


def test_no_default_zone_is_dead_or_needs_a_key() -> None:
    defaults = [zone for zone in shipped().zones if zone.default_enabled]
    assert len(defaults) == 28
    assert not [zone for zone in defaults if zone.is_keyed or zone.zone in shipped().dead]


@pytest.mark.parametrize(
    ("zone", "code", "tier"),
    [
        ("zen.spamhaus.org", "127.0.0.2", 1),
        ("zen.spamhaus.org", "127.0.0.3", 1),
        ("zen.spamhaus.org", "127.0.0.4", 1),
        ("zen.spamhaus.org", "127.0.0.10", 3),
        ("pbl.spamhaus.org", "127.0.0.11", 3),
        ("bl.spamcop.net", "127.0.0.2", 2),
        ("b.barracudacentral.org", "127.0.0.2", 2),
        ("dnsbl-2.uceprotect.net", "127.0.0.2", 3),
        ("dnsbl-3.uceprotect.net", "127.0.0.2", 3),
        ("psbl.surriel.com", "127.0.0.2", 3),
    ],
)
def test_tiers_are_those_of_the_cap_table(zone: str, code: str, tier: int) -> None:
    found = shipped().find(zone)
    assert found is not None
    assert found.tier_of(code) == tier


def test_severities_are_ordered_mildest_first() -> None:
    ranks = [
        severity.rank for severity in (ListingSeverity.NONE, ListingSeverity.LOW, ListingSeverity.CRITICAL)
    ]
    assert ranks == sorted(ranks)


def test_the_usual_zones_are_asked_when_none_are_named() -> None:
    assert len(names(DnsblSettings())) == 28


def test_zones_can_be_left_out() -> None:
    assert "zen.spamhaus.org" not in names(DnsblSettings(without_zones=["zen.spamhaus.org"]))


def test_a_key_brings_the_keyed_zone_in_and_the_public_one_out() -> None:
    chosen = names(DnsblSettings(keys={"dq.spamhaus.net": SecretStr(KEY)}))
    assert "{key}.zen.dq.spamhaus.net" in chosen
    assert "zen.spamhaus.org" not in chosen


def test_a_key_goes_into_the_name_that_is_asked_and_nowhere_else() -> None:
    settings = DnsblSettings(zones=["{key}.zen.dq.spamhaus.net"], keys={"dq.spamhaus.net": SecretStr(KEY)})
    (asked,) = zones.choose(settings, shipped())
    assert asked.host == f"{KEY}.zen.dq.spamhaus.net"
    assert asked.name == "{key}.zen.dq.spamhaus.net"
    assert KEY not in repr(asked) + repr(zones.CatalogueProvider(asked)) + asked.source


def test_the_longest_ending_decides_which_key_is_used() -> None:
    keys = {"spamhaus.net": SecretStr("general"), "zen.dq.spamhaus.net": SecretStr("special")}
    (asked,) = zones.choose(DnsblSettings(zones=["{key}.zen.dq.spamhaus.net"], keys=keys), shipped())
    assert asked.host.startswith("special.")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (DnsblSettings(zones=["nowhere.example"]), "no list nowhere.example"),
        (DnsblSettings(zones=["dnsbl.sorbs.net"]), "is dead"),
        (DnsblSettings(zones=["{key}.zen.dq.spamhaus.net"]), "needs a key"),
        (DnsblSettings(zones=["score.senderscore.com"]), "scores, not listings"),
        (DnsblSettings(without_zones=["nowhere.example"]), "no list nowhere.example"),
        (DnsblSettings(manners={"nowhere.example": ZoneManners(per_day=1)}), "manners: .* no list nowhere"),
    ],
)
def test_a_wrong_choice_is_refused_with_a_way_out(settings: DnsblSettings, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as refused:
        zones.choose(settings, shipped())
    assert refused.value.remedy
    assert refused.value.key.startswith("monitor.dnsbl")


def test_a_key_that_is_no_label_is_refused_without_being_shown() -> None:
    settings = DnsblSettings(
        zones=["{key}.zen.dq.spamhaus.net"], keys={"dq.spamhaus.net": SecretStr(f"{KEY}.evil.example")}
    )
    with pytest.raises(ConfigError) as refused:
        zones.choose(settings, shipped())
    assert KEY not in str(refused.value)


def test_the_operators_own_zone_is_asked_beside_the_usual_ones_and_wins_over_a_shipped_one() -> None:
    own = [ExtraZone(zone="bl.corp.test"), ExtraZone(zone="bl.spamcop.net", severity=ListingSeverity.LOW)]
    chosen = {zone.name: zone.entry for zone in zones.choose(DnsblSettings(extra_zones=own), shipped())}
    assert len(chosen) == 29
    assert chosen["bl.corp.test"].tier_of("127.0.0.2") == 2
    assert chosen["bl.spamcop.net"].tier_of("127.0.0.2") == 3


def test_the_literal_place_of_a_key_does_not_make_an_unkeyed_zone_keyed() -> None:
    assert not Catalogue(zones=shipped().zones).find("zen.spamhaus.org").is_keyed  # type: ignore[union-attr]
