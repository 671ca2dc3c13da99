"""Domain blocks: which match, which win, and what they say of where a value came from."""

from datetime import timedelta
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import OperatorError
from core.rate import UNLIMITED, Rate
from engine.directives import DomainPattern, DomainSettings, SourceIpRate, blocks, effective, rate_for


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("*", ["a.test", "b.a.test"], []),
        ("a.test", ["a.test"], ["b.a.test", "aa.test"]),
        ("*.a.test", ["b.a.test", "c.b.a.test"], ["a.test", "ba.test"]),
        ("[*.]a.test", ["a.test", "b.a.test"], ["ba.test"]),
    ],
)
def test_a_pattern_matches_as_powermtas_does(pattern: str, matching: list[str], others: list[str]) -> None:
    parsed = DomainPattern.parse(pattern)
    assert all(parsed.matches(domain) for domain in matching)
    assert not any(parsed.matches(domain) for domain in others)


@pytest.mark.parametrize("text", ["", "a b", "*a.test", "a.*.test", "-", "[*]a.test"])
def test_what_is_no_pattern_is_refused_with_the_four_forms(text: str) -> None:
    with pytest.raises(OperatorError, match=r"write \*, example.com, \*.example.com or \[\*.\]example.com"):
        DomainPattern.parse(text)


@given(order=st.permutations(["*", "[*.]a.test", "*.a.test", "b.a.test"]))
def test_the_most_specific_block_wins_whatever_the_order_in_the_file(order: list[str]) -> None:
    limits = {"*": "1/m", "[*.]a.test": "2/m", "*.a.test": "3/m", "b.a.test": "4/m"}
    written = {name: DomainSettings(max_msg_rate=Rate.parse(limits[name])) for name in order}
    level = [blocks(written, "global")]
    assert str(effective("b.a.test", level).settings.max_msg_rate) == "4/m"
    assert str(effective("a.test", level).settings.max_msg_rate) == "2/m"
    assert str(effective("c.test", level).settings.max_msg_rate) == "1/m"


def test_blocks_merge_and_each_value_names_its_block() -> None:
    general = blocks({"*": DomainSettings(max_smtp_out=3, bounce_after=timedelta(days=1))}, "engine.domains")
    own = blocks({"a.test": DomainSettings(max_smtp_out=9)}, "virtual-mta v1")
    merged = effective("a.test", [general, own])
    assert merged.settings.max_smtp_out == 9
    assert merged.settings.bounce_after == timedelta(days=1)
    assert merged.settings.max_msg_rate == UNLIMITED
    assert merged.origins["max_smtp_out"] == "virtual-mta v1 domain a.test"
    assert merged.origins["bounce_after"] == "engine.domains domain *"
    assert merged.origins["max_msg_rate"] == "default"


def test_a_virtual_mtas_block_beats_a_more_specific_global_one() -> None:
    general = blocks({"a.test": DomainSettings(max_smtp_out=3)}, "engine.domains")
    own = blocks({"*": DomainSettings(max_smtp_out=9)}, "virtual-mta v1")
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
