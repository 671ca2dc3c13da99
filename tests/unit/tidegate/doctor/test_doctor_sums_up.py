"""The doctor as a whole: one check that breaks spoils no other, no secret is told, and exit codes say it short."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from core.clock import ManualClock
from tidegate.cli import run
from tidegate.doctor import examine as doctor
from tidegate.doctor.examine import Diagnosis
from tidegate.doctor.finding import Finding, Patient, Verdict, broken, fine, unwise

SECRET = "the-secret-of-the-house"


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "config.yaml"
    file.write_text(
        f"ip-lists: {{a: [203.0.113.7]}}\nweb: {{tokens: [{{name: a, token: {SECRET}}}]}}\n"
        "monitor: {notifications: {recipients: [ops@x.test]}}\n"
        "engine: {virtual-mtas: {default: {source-ips: [203.0.113.7]}}}\n"
    )
    return str(file)


def checks(monkeypatch: pytest.MonkeyPatch, *found: Finding | Exception) -> None:
    def check(one: Finding | Exception) -> object:
        async def look(_patient: Patient) -> Sequence[Finding]:
            if isinstance(one, Exception):
                raise one
            return [one]

        return look

    monkeypatch.setattr(doctor, "CHECKS", tuple((f"check {n}", check(one)) for n, one in enumerate(found)))


async def test_a_check_that_breaks_is_not_known_and_the_others_are_told(
    config: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks(monkeypatch, ZeroDivisionError("by nothing"), fine("disk", "room"))
    found = await doctor.examine(config, ManualClock())
    assert [(f.check, f.verdict) for f in found.findings] == [
        ("configuration", Verdict.FINE), ("check 0", Verdict.UNKNOWN), ("disk", Verdict.FINE),
    ]  # fmt: skip
    assert "ZeroDivisionError: by nothing" in found.findings[1].said


async def test_no_secret_and_no_escape_sequence_is_told(config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    checks(monkeypatch, broken("x", f"said {SECRET} \x1b[2J", f"write {SECRET}"))
    found = await doctor.examine(config, ManualClock())
    assert SECRET not in found.text() + json.dumps(found.document())
    assert "\x1b[2J" not in found.text()


async def test_mistakes_of_the_configuration_end_it_there(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("monitr: 3\nlogging: {level: loud}\n")
    found = await doctor.examine(str(file), ManualClock())
    assert [(f.check, f.verdict) for f in found.findings] == [("configuration", Verdict.BROKEN)] * 2
    assert found.findings[0].said == f"{file}:1: monitr: unknown key 'monitr'"
    assert found.findings[0].mend == "did you mean monitor?"


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([fine("a", "x")], 0),
        ([Finding("a", Verdict.UNKNOWN, "x"), fine("b", "y")], 0),
        ([unwise("a", "x", "y"), fine("b", "y")], 10),
        ([unwise("a", "x", "y"), broken("b", "y", "z")], 1),
    ],
)
def test_the_exit_code_is_the_worst_that_was_found(
    config: str, monkeypatch: pytest.MonkeyPatch, found: list[Finding], code: int,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    checks(monkeypatch, *found)
    assert run(["doctor", "--config", config]) == code
    capsys.readouterr()
    assert run(["doctor", "--config", config, "--json"]) == code
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "doctor/v1"
    assert len(document["findings"]) == 1 + len(found)


def test_what_to_do_stands_below_what_was_found() -> None:
    text = Diagnosis("c", (broken("engine", "no answer " * 20, "start it"), fine("disk", "room"))).text()
    lines = text.splitlines()
    assert lines[0].startswith("engine  broken     no answer no answer")
    assert lines[1].startswith("                   no answer")
    assert "                   -> start it" in lines
    assert lines[-1] == "1 fine, 1 broken"
    assert max(map(len, lines)) <= 100
