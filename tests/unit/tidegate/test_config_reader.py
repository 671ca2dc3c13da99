"""YAML text to values with lines; whatever the text is, the answer is a value or a ConfigError."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ConfigError
from tidegate.config.environment import resolver
from tidegate.config.load import load, parse
from tidegate.config.yaml_reader import MAX_BYTES, MAX_DEPTH, read_yaml

FRAGMENTS = st.sampled_from(
    ["engine:", "ip-lists:", "  a: ", "- ", "\n", "\t", "&x ", "*x", "[", "]", "{", "}", ": ", "'", '"', "|", ">", "#",
     "<<: ", "!!int ", "? ", "---\n", "%YAML 1.1\n", "${A}", "${", "\\U110000ff", "\ufeff", "10.0.0.0/8", "0x", "1" * 30,
     "include: ", "/dev/null", "domains", "null", "~", "token-file: ", "tokens:", "1e999", "..", "\0"]
)  # fmt: skip


def complaint_of(text: str) -> str:
    """What is said about a text; an exception of another kind fails the test."""
    try:
        parse(text)
    except ConfigError as error:
        return str(error)
    return ""


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(), st.lists(FRAGMENTS, max_size=30).map("".join)))
def test_no_text_raises_anything_but_a_config_error(text: str) -> None:
    complaint_of(text)


@settings(max_examples=100, deadline=None)
@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["engine", "ip-lists", "monitor", "controller", "domains", "a", "tokens", "token", "control-api", "include",
         "address", "virtual-mtas", "smtp-pattern-lists", "reply", "*"]), inner, max_size=4),
    max_leaves=12,
))  # fmt: skip
def test_no_tree_of_values_raises_anything_but_a_config_error(tree: object) -> None:
    complaint_of(yaml.safe_dump(tree, allow_unicode=True))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: yes", "yes"),
        ("a: true", True),
        ("a: 12:30", "12:30"),
        ("a: 2026-11-23", "2026-11-23"),
        ("a: 0640", "0640"),
        ("a: 10", 10),
        ("a: 1_000", 1000),
        ("a: -1.5", -1.5),
        ("a: 127.0.0.1:25", "127.0.0.1:25"),
        ("a:", None),
        ("a: null", None),
        ('a: "10"', "10"),
    ],
)
def test_plain_words_mean_what_they_look_like(text: str, value: object) -> None:
    assert read_yaml(text, "").data == {"a": value}


def test_keys_are_always_text() -> None:
    assert read_yaml("1: a\ntrue: b\nnull: c\n", "").data == {"1": "a", "true": "b", "null": "c"}


def test_every_place_knows_its_line() -> None:
    document = read_yaml("a:\n  b:\n    - x\n    - y\n  c: {d: 1}\n", "")
    assert [document.line(path) for path in [("a",), ("a", "b"), ("a", "b", 1), ("a", "c", "d")]] == [
        1,
        2,
        4,
        5,
    ]
    assert document.line(("a", "c", "nowhere")) == 5


def test_depth_and_length_are_limited() -> None:
    deep = read_yaml("[" * 100_000, "f")
    assert f"more than {MAX_DEPTH} levels" in str(deep.errors[0])
    long = read_yaml("a" * (MAX_BYTES + 1), "f")
    assert "longer than 512 KiB" in str(long.errors[0])


def test_an_alias_bomb_is_refused_before_it_grows() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    document = read_yaml("\n".join(lines), "f")
    assert len(document.errors) == 9 + 80
    assert len(str(document.data)) < 1_000


def test_variables_are_filled_in_and_can_be_escaped() -> None:
    fill = resolver({"A": "x", "EMPTY": ""})
    assert fill("${A}-${A}${EMPTY}") == "x-x"
    assert fill("$${A} costs $5") == "${A} costs $5"
    for wrong in ("${}", "${A", "${a-b}"):
        with pytest.raises(ConfigError, match="does not name a variable"):
            fill(wrong)


def test_a_variable_is_not_read_as_yaml() -> None:
    loaded = parse("engine: {hostname: '${H}'}\n", environ={"H": "x, spool: /etc"})
    assert loaded.config.engine.hostname == "x, spool: /etc"


def test_a_file_that_is_not_there_says_how_to_begin(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="tidegate init"):
        load(tmp_path / "config.yaml")


def test_a_file_that_is_not_text_is_a_config_error(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(tmp_path / "c.yaml")


def test_an_empty_file_is_the_defaults() -> None:
    assert parse("").config == parse("{}").config == parse("# nothing\n").config
