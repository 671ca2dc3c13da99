"""The quick look for the engine's door finds what the whole reader finds, or says nothing."""

from pathlib import Path

import pytest

from engine.settings import ControlApiSettings
from tidegate.config import door, peek

TOKENS = """
engine:
  virtual-mtas: {default: {source-ips: [203.0.113.7]}}
  control-api:
    listen: 127.0.0.1:8025
    tokens:
      - {name: panel, token: read-token-000000001}
      - {name: chief, token: "${CHIEF}", scope: admin}
      - {name: desk, token-file: desk.token, scope: operate}
"""
ENVIRON = {"CHIEF": "admin-token-00000001"}


def written(folder: Path, text: str) -> str:
    (folder / "desk.token").write_text("desk-token-000000001\n")
    (folder / "desk.token").chmod(0o600)
    file = folder / "config.yaml"
    file.write_text(text)
    return str(file)


@pytest.mark.parametrize(
    "text",
    [
        TOKENS,
        TOKENS.replace("scope: admin", "scope: read"),
        TOKENS.replace("127.0.0.1:8025", "unix:/run/tidegate/control.sock"),
        "engine: {virtual-mtas: {default: {source-ips: [203.0.113.7]}}}",
        "engine: {}",
        "",
    ],
)
def test_it_finds_what_the_whole_reader_finds(tmp_path: Path, text: str) -> None:
    file = written(tmp_path, "ip-lists: {a: [203.0.113.7]}\n" + text)
    whole = peek.access(file, ENVIRON)
    assert door.find(file, ENVIRON) == (whole.endpoint, whole.token)


@pytest.mark.parametrize(
    "text",
    [
        "engine: [",
        "engine: 7",
        "engine: {control-api: {listen: 7}}",
        "engine: {control-api: {listen: '127.0.0.1:1'}}",
        "engine: {control-api: {listen: '${WHERE}'}}",
        "engine: {control-api: {listen: 'unix:a', listen: 'unix:b'}}",
        TOKENS.replace("${CHIEF}", "${NOT_SET}"),
        TOKENS.replace("scope: admin", "scope: king"),
        TOKENS.replace("desk.token, scope: operate", "none.token, scope: admin").replace(
            "scope: admin}", "}", 1
        ),
        TOKENS.replace("scope: admin", "scope: admin, token-file: desk.token"),
    ],
)
def test_where_anything_is_odd_it_says_nothing(tmp_path: Path, text: str) -> None:
    assert door.find(written(tmp_path, text), ENVIRON) is None


def test_a_file_that_is_not_there_is_not_judged() -> None:
    assert door.find("/nonexistent/config.yaml") is None


def test_the_default_is_the_engines() -> None:
    assert ControlApiSettings().listen == door.DEFAULT_LISTEN
