"""IP lists: what they may hold, and what comes out."""

from pathlib import Path

import pytest

from core.errors import ConfigError
from tidegate.config.load import parse


def addresses(text: str, file: str = "config.yaml") -> list[str]:
    return [str(source.address) for source in parse(text, file).config.source_ips]


def test_addresses_networks_and_pairs_become_source_ips_in_the_order_of_the_file() -> None:
    loaded = parse(
        "ip-lists:\n"
        "  b: [203.0.113.16/30, {address: 203.0.113.8, bind: 10.0.0.8}]\n"
        "  a: [203.0.113.7, '2001:db8::1', {address: 203.0.113.9}]\n"
    )
    assert [f"{s.address}<{s.bind}" for s in loaded.config.ip_lists["b"]] == [
        "203.0.113.16<203.0.113.16",
        "203.0.113.17<203.0.113.17",
        "203.0.113.18<203.0.113.18",
        "203.0.113.19<203.0.113.19",
        "203.0.113.8<10.0.0.8",
    ]
    assert [str(s.address) for s in loaded.config.source_ips[5:]] == [
        "203.0.113.7",
        "2001:db8::1",
        "203.0.113.9",
    ]


def test_a_network_of_4096_addresses_is_the_largest() -> None:
    assert len(addresses("ip-lists: {a: [10.0.0.0/20]}")) == 4096
    assert len(addresses("ip-lists: {a: ['2001:db8::/116']}")) == 4096
    with pytest.raises(ConfigError, match="/116 at most"):
        addresses("ip-lists: {a: ['2001:db8::/64']}")


def test_all_lists_together_are_limited() -> None:
    networks = ", ".join(f"10.{n}.{m}.0/20" for n in range(2) for m in range(0, 256, 16))
    with pytest.raises(ConfigError, match="more than 65,536"):
        addresses(f"ip-lists: {{a: [{networks}]}}")


def test_a_text_file_is_included_relative_to_the_file_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "more.txt").write_text("# ours\n203.0.113.7\n\n  203.0.113.16/31   # two\n")
    text = "ip-lists:\n  a:\n    - 203.0.113.1\n    - include: lists/more.txt\n"
    found = addresses(text, str(tmp_path / "config.yaml"))
    assert found == ["203.0.113.1", "203.0.113.7", "203.0.113.16", "203.0.113.17"]


def test_a_yaml_file_is_included_with_pairs(tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text("- 203.0.113.7\n- {address: 203.0.113.8, bind: 10.0.0.8}\n")
    loaded = parse("ip-lists: {a: [{include: more.yaml}]}", str(tmp_path / "config.yaml"))
    assert [str(s.bind) for s in loaded.config.source_ips] == ["203.0.113.7", "10.0.0.8"]


def test_an_included_file_cannot_include_another(tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text("- include: more.yaml\n")
    with pytest.raises(ConfigError, match=r"more\.yaml:1"):
        parse("ip-lists: {a: [{include: more.yaml}]}", str(tmp_path / "config.yaml"))


@pytest.mark.parametrize("name", ["../", ".", "a\\0b", "${NOPE}", ""])
def test_an_include_of_something_else_is_a_config_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        parse(f'ip-lists: {{a: [{{include: "{name}"}}]}}', str(tmp_path / "config.yaml"))


def test_a_duplicate_between_an_included_file_and_a_list_names_both_lines(tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("\n203.0.113.7\n")
    with pytest.raises(ConfigError) as raised:
        parse("ip-lists:\n  a: [203.0.113.7]\n  b: [{include: more.txt}]\n", str(tmp_path / "config.yaml"))
    assert f"{tmp_path}/more.txt:2" in str(raised.value)
    assert f"already listed at {tmp_path}/config.yaml:2" in str(raised.value)
