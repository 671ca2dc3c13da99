"""Secrets: where they may come from, and that nothing shows them."""

import os
from pathlib import Path

import pytest

from core.errors import ConfigError
from tidegate.config.load import Loaded, parse

TEXT = "engine: {control-api: {tokens: [{name: ops, token-file: ops.token}]}}\n"


def load(directory: Path, text: str = TEXT) -> Loaded:
    return parse(text, str(directory / "config.yaml"), {"TOKEN": "from-env"})


def secret(loaded: Loaded) -> str:
    token = loaded.config.engine.control_api.tokens[0].token
    assert token is not None
    return token.get_secret_value()


def test_a_secret_is_read_from_a_file_beside_the_configuration_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "ops.token").write_text("s3cret \n")
    (tmp_path / "ops.token").chmod(0o600)
    loaded = load(tmp_path)
    assert secret(loaded) == "s3cret "
    assert loaded.redactor("the token s3cret is") == "the token ***is"
    assert not [w for w in loaded.warnings if "by everybody" in w]


def test_a_secret_that_everybody_can_read_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "ops.token").write_text("s3cret\n")
    (tmp_path / "ops.token").chmod(0o644)
    [warning] = [w for w in load(tmp_path).warnings if "by everybody" in w]
    assert "config.yaml:1" in warning
    assert "chmod 640" in warning


def test_a_secret_from_the_environment_is_known_to_the_redactor(tmp_path: Path) -> None:
    loaded = load(tmp_path, TEXT.replace("token-file: ops.token", "token: '${TOKEN}'"))
    assert secret(loaded) == "from-env"
    assert loaded.redactor("x from-env y") == "x *** y"
    assert "from-env" not in repr(loaded.config)


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (lambda file: None, "No such file"),
        (lambda file: file.write_text("\n"), "is empty"),
        (lambda file: file.mkdir(), "cannot be read"),
        (lambda file: file.write_text("x" * 100_000), "too long"),
        (lambda file: file.write_bytes(b"\xff\xfe"), "not a text file"),
    ],
)
def test_a_secret_file_that_cannot_be_used_is_explained(prepare: object, said: str, tmp_path: Path) -> None:
    assert callable(prepare)
    prepare(tmp_path / "ops.token")
    with pytest.raises(ConfigError, match=said):
        load(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_secret_file_without_permission_is_explained(tmp_path: Path) -> None:
    (tmp_path / "ops.token").write_text("x")
    (tmp_path / "ops.token").chmod(0)
    with pytest.raises(ConfigError, match="Permission denied"):
        load(tmp_path)


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="both token and token-file"):
        load(tmp_path, TEXT.replace("token-file:", "token: x, token-file:"))
