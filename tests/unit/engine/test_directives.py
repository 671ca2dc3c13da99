"""Domain blocks: which match, which win, and what they say of where a value came from."""

from datetime import timedelta
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import OperatorError
from core.rate import UNLIMITED, Rate
from engine.directives import (
    DomainPattern,
    DomainSettings,
    Effective,
    Level,
    SourceIpRate,
    matching,
    merge,
    rate_for,
)


def effective(domain: str, levels: list[Level]) -> Effective:
    return merge(matching(domain, levels))


@pytest.mark.parametrize(
    ("pattern", "takes", "others"),
    [
        ("*", ["a.test", "b.a.test"], []),
        ("a.test", ["a.test"], ["b.a.test", "aa.test"]),
        ("*.a.test", ["b.a.test", "c.b.a.test"], ["a.test", "ba.test"]),
        ("[*.]a.test", ["a.test", "b.a.test"], ["ba.test"]),
    ],
)
def test_a_pattern_matches_as_powermtas_does(pattern: str, takes: list[str], others: list[str]) -> None:
    parsed = DomainPattern.parse(pattern)
    assert all(parsed.matches(domain) for domain in takes)
    assert not any(parsed.matches(domain) for domain in others)


@pytest.mark.parametrize("text", ["", "a b", "*a.test", "a.*.test", "-", "[*]a.test"])
def test_what_is_no_pattern_is_refused_with_the_four_forms(text: str) -> None:
    with pytest.raises(OperatorError, match=r"write \*, example.com, \*.example.com or \[\*.\]example.com"):
        DomainPattern.parse(text)


@given(order=st.permutations(["*", "[*.]a.test", "*.a.test", "b.a.test"]))
def test_the_most_specific_block_wins_whatever_the_order_in_the_file(order: list[str]) -> None:
    limits = {"*": "1/m", "[*.]a.test": "2/m", "*.a.test": "3/m", "b.a.test": "4/m"}
    written = {name: DomainSettings(max_msg_rate=Rate.parse(limits[name])) for name in order}
    level = [Level(written, "global")]
    assert str(effective("b.a.test", level).settings.max_msg_rate) == "4/m"
    assert str(effective("a.test", level).settings.max_msg_rate) == "2/m"
    assert str(effective("c.test", level).settings.max_msg_rate) == "1/m"


@given(
    domain=st.sampled_from(["a.test", "b.a.test", "c.b.a.test", "aa.test", "test"]),
    patterns=st.sets(
        st.sampled_from(["*", "a.test", "*.a.test", "[*.]a.test", "b.a.test", "[*.]test", "*.test"])
    ),
)
def test_walking_the_labels_finds_what_trying_every_pattern_finds(domain: str, patterns: set[str]) -> None:
    found = [b.pattern.text for b in Level({p: DomainSettings() for p in patterns}).matching(domain)]
    assert set(found) == {p for p in patterns if DomainPattern.parse(p).matches(domain)}
    assert found == sorted(found, key=lambda text: DomainPattern.parse(text).specificity)


def test_blocks_merge_and_each_value_names_its_block() -> None:
    general = Level({"*": DomainSettings(max_smtp_out=3, bounce_after=timedelta(days=1))}, "engine.domains")
    own = Level({"a.test": DomainSettings(max_smtp_out=9)}, "virtual-mta v1")
    merged = effective("a.test", [general, own])
    assert merged.settings.max_smtp_out == 9
    assert merged.settings.bounce_after == timedelta(days=1)
    assert merged.settings.max_msg_rate == UNLIMITED
    assert merged.origins["max_smtp_out"] == "virtual-mta v1 domain a.test"
    assert merged.origins["bounce_after"] == "engine.domains domain *"
    assert merged.origins["max_msg_rate"] == "default"


def test_a_virtual_mtas_block_beats_a_more_specific_global_one() -> None:
    general = Level({"a.test": DomainSettings(max_smtp_out=3)}, "engine.domains")
    own = Level({"*": DomainSettings(max_smtp_out=9)}, "virtual-mta v1")
    assert effective("a.test", [general, own]).settings.max_smtp_out == 9


def test_the_most_specific_cidr_decides_a_source_ips_rate() -> None:
    rates = (
        SourceIpRate.parse("100/m"),
        SourceIpRate.parse("203.0.113.0/24 50/m"),
        SourceIpRate.parse("203.0.113.7 10/m"),
    )
    assert str(rate_for(rates, ip_address("203.0.113.7"))) == "10/m"
    assert str(rate_for(rates, ip_address("203.0.113.8"))) == "50/m"
    assert str(rate_for(rates, ip_address("2001:db8::1"))) == "100/m"
    assert rate_for((), ip_address("203.0.113.7")) == UNLIMITED


def test_a_line_is_written_as_it_was_read() -> None:
    for line in ("100/m", "203.0.113.0/24 50/15m", "2001:db8::/32 1/s"):
        assert str(SourceIpRate.parse(line)) == line
