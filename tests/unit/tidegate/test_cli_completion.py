"""What a shell is offered: from the running engine, at once, and nothing that could do harm."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from lab.ports import free_port
from tests.unit.tidegate.carrying import carrying
from tidegate.cli import completion, run
from tidegate.cli.invocation import Invocation
from tidegate.client import EngineClient

KEY = "auto:203.0.113.7:microsoft:source-ip-max-msg-rate"
NAMES = ["yahoo.test/marketing", "ymail.test/marketing", "$(reboot).test/marketing", "a b.test/marketing"]


def answers(request: httpx.Request) -> httpx.Response:
    documents = {
        "/v1/queues": {"queues": [{"name": name, "vmta": name.partition("/")[2]} for name in NAMES]},
        "/v1/scopes": {"scopes": [{"source_ip": "203.0.113.7", "provider": p} for p in ("microsoft", "*")]},
        "/v1/leases": {"leases": [{"key": KEY, "scope": {"source_ip": "203.0.113.7"}}]},
    }
    return httpx.Response(200, json=documents[request.url.path])


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        Invocation, "client", lambda _self, _patience=0: EngineClient("127.0.0.1:1", None, carrying(answers))
    )
    monkeypatch.setenv("TIDEGATE_ENDPOINT", "127.0.0.1:1")


def completed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    """As bash asks: the words so far, the last one incomplete."""
    monkeypatch.setenv("_TIDEGATE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "\n".join(("tidegate", *words)))
    monkeypatch.setenv("COMP_CWORD", str(len(words)))
    assert run([]) == 0
    return capsys.readouterr().out.split()


@pytest.mark.usefixtures("live")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("sho",), ["show"]),
        (("show", "queues", "ya"), ["yahoo.test/marketing"]),
        (("pause", ""), ["yahoo.test/marketing", "ymail.test/marketing"]),
        (("trace", "ya"), ["yahoo.test/marketing"]),
        (("trace", "--ip", "203"), ["203.0.113.7"]),
        (("trace", "--provider", "m"), ["microsoft"]),
        (("pin", "203"), ["203.0.113.7"]),
        (("pin", "203.0.113.7", "micro"), ["microsoft"]),
        (("release", "auto"), [KEY]),
        (("release", "auto", ":", "203.0.113.7", ":", "mi"), ["microsoft:source-ip-max-msg-rate"]),
        (("release", "auto", ":"), ["203.0.113.7:microsoft:source-ip-max-msg-rate"]),
    ],
)
def test_the_shell_is_offered_what_the_engine_has(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    offered: list[str],
) -> None:
    assert completed(monkeypatch, capsys, *words) == offered


@pytest.mark.parametrize("where", ["endpoint", "configuration"])
def test_without_an_engine_nothing_is_offered_and_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, where: str
) -> None:
    if where == "endpoint":
        monkeypatch.setenv("TIDEGATE_ENDPOINT", f"127.0.0.1:{free_port()}")
    else:
        monkeypatch.setenv("TIDEGATE_CONFIG", str(tmp_path / "none.yaml"))
    monkeypatch.setenv("_TIDEGATE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "tidegate\npause\nx")
    monkeypatch.setenv("COMP_CWORD", "2")
    assert run([]) == 0
    assert capsys.readouterr() == ("\n", "")


def test_what_is_said_before_a_colon_is_bashs_to_keep() -> None:
    environ = {"COMP_WORDS": "tidegate\nexplain\n2001\n:\ndb8\n::\n7", "COMP_CWORD": "6"}
    assert completion.mend_colons(environ) == len("2001:db8::")
    assert environ == {"COMP_WORDS": "tidegate\nexplain\n2001:db8::7", "COMP_CWORD": "2"}


def test_a_real_bash_takes_the_script(tmp_path: Path) -> None:
    script = tmp_path / "completion.bash"
    printed = subprocess.run(
        [sys.executable, "-m", "tidegate", "completion", "bash"], capture_output=True, text=True, check=True
    )
    script.write_text(printed.stdout)
    tool = tmp_path / "tidegate"
    tool.write_text(f'#!/bin/sh\nexec {sys.executable} -m tidegate "$@"\n')
    tool.chmod(0o755)
    asked = f"""
        source {script}
        COMP_WORDS=(tidegate check-)
        COMP_CWORD=1
        _tidegate_completion {tool}
        echo "${{COMPREPLY[*]}}"
    """
    done = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout == "check-config\n"
