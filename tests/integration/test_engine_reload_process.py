"""`tidegate engine` as a process: SIGHUP and `tidegate reload` take a changed file, a mistake changes nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tidegate import cli

CONFIG = """\
ip-lists: {{main: [203.0.113.7]}}
engine:
  listen: ["127.0.0.1:0"]
  spool: {folder}/spool
  accounting-files: []
  control-api: {{listen: "unix:{folder}/control.sock"}}
  virtual-mtas: {{default: {{source-ips: [203.0.113.7]}}}}
  domains: {{"*": {{max-smtp-out: {most}}}}}
"""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    write(tmp_path, 20)
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tidegate", "engine", "--config", str(tmp_path / "config.yaml")],
            stdout=log,
            stderr=log,
        )
        try:
            yield process
        finally:
            process.terminate()
            assert process.wait(20) == 0


def write(folder: Path, most: object) -> None:
    (folder / "new.yaml").write_text(CONFIG.format(folder=folder, most=most))
    (folder / "new.yaml").rename(folder / "config.yaml")  # nobody reads half a file


def tidegate(capsys: pytest.CaptureFixture[str], folder: Path, *words: str) -> tuple[int, str]:
    code = cli.run(
        [*words, "--config", str(folder / "config.yaml"), "--endpoint", f"unix:{folder}/control.sock"]
    )
    said = capsys.readouterr()
    return code, said.out + said.err


def until(happened: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def most(capsys: pytest.CaptureFixture[str], folder: Path) -> object:
    code, said = tidegate(capsys, folder, "show", "settings", "example.com/default", "--json")
    if code:
        return None
    rows = {row["name"]: row["value"] for row in json.loads(said)["directives"]}
    return rows["max-smtp-out"]


def test_a_hangup_and_the_command_both_reload(
    engine: subprocess.Popen[bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    until(lambda: "The engine runs" in (tmp_path / "log").read_text())
    assert most(capsys, tmp_path) == 20
    _, text = tidegate(capsys, tmp_path, "show", "settings", "example.com/default")
    assert "max-smtp-out" in text
    assert "engine.domains domain *" in text

    write(tmp_path, 5)
    os.kill(engine.pid, signal.SIGHUP)
    until(lambda: most(capsys, tmp_path) == 5)

    write(tmp_path, 7)
    code, text = tidegate(capsys, tmp_path, "reload", "--dry-run")
    assert (code, text) == (0, "Would change:\n  domains * max-smtp-out: 5 → 7\n")
    assert most(capsys, tmp_path) == 5
    code, text = tidegate(capsys, tmp_path, "reload")
    assert (code, text) == (0, "Changed:\n  domains * max-smtp-out: 5 → 7\n")

    write(tmp_path, "many")
    code, text = tidegate(capsys, tmp_path, "reload")
    assert code != 0
    assert "max-smtp-out" in text
    os.kill(engine.pid, signal.SIGHUP)
    until(lambda: (tmp_path / "log").read_text().count("the old one holds") == 2)
    write(tmp_path, 7)
    assert most(capsys, tmp_path) == 7
    assert engine.poll() is None


def test_a_queue_must_be_named_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, 1)
    code, text = tidegate(capsys, tmp_path, "show", "settings", "example.com")
    assert (code, text) == (2, "tidegate: 'example.com' is not a queue; write domain/vmta\n")
