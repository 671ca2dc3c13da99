"""The command line as a postmaster meets it: what it prints where, and with which exit code."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.unit.tidegate.carrying import carrying
from tidegate.cli import hoist, run
from tidegate.cli.invocation import Invocation
from tidegate.client import EngineClient

REPLY = "421 4.7.0 [TSS04] Messages from 203.0.113.7 temporarily deferred due to unexpected volume"
QUEUE = {
    "name": "example.test/default", "domain": "example.test", "vmta": "default", "provider": "yahoo",
    "recipients": 1240, "kbytes": 512.4, "connections": 2, "mode": "backoff", "paused": False,
    "next_retry_at": "2026-11-23T09:35:42Z", "last_error": REPLY,
}  # fmt: skip
QUIET = {
    **QUEUE,
    "name": "calm.test/default",
    "mode": "normal",
    "last_error": None,
    "recipients": 3,
    "next_retry_at": None,
}
DETAIL = {
    **QUEUE,
    "backoff": {"since": "2026-11-23T07:35:42Z", "pattern": "/TSS04/", "reply": REPLY, "peer": "mx1.example.test",
                "source_ip": "203.0.113.7", "until": None},
    "last_errors": [{"at": "2026-11-23T07:35:42Z", "text": REPLY, "source_ip": "203.0.113.7", "peer": "mx1.example.test"}],
    "mode_changes": [{"at": "2026-11-23T07:35:42Z", "from": "normal", "to": "backoff", "cause": "pattern /TSS04/"}],
    "recipient_events": [{"at": "2026-11-23T07:35:42Z", "kind": "deferred", "source_ip": "203.0.113.7",
                          "recipient": "kf@example.test", "peer": "mx1.example.test", "reply": REPLY, "job": "invoices"}],
    "chains": [{"subject": "203.0.113.7 × yahoo", "directive": "source-ip-max-msg-rate", "terms": [
        {"directive": "source-ip-max-msg-rate", "value": "100/h", "origin": "controller", "set_by": "controller",
         "reason": "INC-1 listed", "since": "2026-11-23T07:00:00Z", "until": "2026-11-23T13:00:00Z",
         "lease_key": "auto:203.0.113.7:yahoo:source-ip-max-msg-rate", "binding": True},
        {"directive": "source-ip-max-msg-rate", "value": "1000/h", "origin": "configuration", "set_by": "configuration",
         "reason": "as configured", "where": "provider yahoo"}]}],
}  # fmt: skip
LEASE = {
    "key": "auto:203.0.113.7:yahoo:source-ip-max-msg-rate", "scope": {"source_ip": "203.0.113.7", "provider": "yahoo"},
    "directive": "source-ip-max-msg-rate", "value": "100/h", "origin": "controller", "rule": "dnsbl-listed",
    "reason": "INC-1 listed", "evidence": ["127.0.0.2"], "set_by": "controller", "set_at": "2026-11-23T07:00:00Z",
    "expires_at": "2026-11-23T13:00:00Z", "base": "1000/h", "epoch": 1, "state": "active",
}  # fmt: skip
STATUS = {"hostname": "mta.test", "now": "2026-11-23T08:00:00Z", "started_at": "2026-11-23T06:00:00Z", "traffic": {"in": 5},
          "queues": {"normal": 1, "backoff": 1, "paused": 0, "recipients": 1243},
          "connections": {"in": 0, "out": 2}, "leases": 1, "epoch": 1}  # fmt: skip

Engine = Callable[[httpx.Request], httpx.Response]


def answers(request: httpx.Request) -> httpx.Response:
    documents: dict[str, Any] = {
        "/v1/status": STATUS,
        "/v1/queues": {"schema": "queues/v1", "matching": 2, "queues": [QUEUE, QUIET]},
        "/v1/queues/example.test/default": DETAIL,
        "/v1/leases": {"schema": "leases/v1", "epoch": 1, "leases": [LEASE]},
        "/v1/scopes": {
            "scopes": [
                {"source_ip": ip, "provider": p}
                for ip in ("203.0.113.7", "203.0.113.8")
                for p in ("yahoo", "*")
            ]
        },
        "/v1/explain": {"schema": "explain/v1", "chains": DETAIL["chains"]},
    }
    if request.method == "DELETE":
        return httpx.Response(204)
    if request.method == "PUT":
        return httpx.Response(201, json=json.loads(request.content))
    if request.url.path not in documents:
        return httpx.Response(404, json={"detail": "there is no such queue"})
    return httpx.Response(200, json=documents[request.url.path])


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[httpx.Request]:
    """An engine that answers from this file, and what it was asked."""
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answers(request)

    monkeypatch.setattr(
        Invocation, "client", lambda _self, _patience=0: EngineClient("127.0.0.1:1", None, carrying(handle))
    )
    monkeypatch.setenv("TZ", "UTC")
    return seen


def test_the_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from tidegate.cli import run; code = run(['--help']);"
        "heavy = {'fastapi', 'sqlmodel', 'sqlalchemy', 'httpx', 'pydantic', 'yaml', 'apscheduler', 'uvicorn', 'jinja2'};"
        "print(code, sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "0 []\n"
    assert "\nLook:\n" in done.stdout
    assert "\nOther:\n" not in done.stdout, "give the new command a place in tidegate/cli/sections.py"


@pytest.mark.usefixtures("asked")
def test_show_queues_prints_powermtas_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["show", "queues"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["queue", "#rcpt", "kbytes", "conn", "st", "retry", "last", "error"]
    assert lines[2].split()[:6] == ["example.test/default", "1240", "512.4", "2", "B", "09:35:42"]
    assert lines[3].split() == ["calm.test/default", "3", "512.4", "2"]
    assert lines[4] == "2 of 2 matching queues   st: B backoff, P paused"
    assert all(len(line) <= 100 for line in lines)


@pytest.mark.usefixtures("asked")
def test_errors_are_shown_whole_on_lines_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["show", "topqueues", "--errors", "-n", "5"]) == 0
    out = capsys.readouterr().out
    assert f"    {REPLY}\n" in out
    assert "calm.test" not in out
    assert "1 of 1 matching queues" in out


def test_powermtas_options_reach_the_engine(asked: list[httpx.Request]) -> None:
    assert run(["show", "queues", "--mode=backoff", "--sort=size", "--maxitems=7", "*.test/default"]) == 0
    assert dict(asked[0].url.params) == {
        "name": "*.test/default",
        "mode": "backoff",
        "sort": "size",
        "limit": "7",
    }


@pytest.mark.usefixtures("asked")
def test_one_queue_is_shown_with_its_backoff_insight(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["show", "queues", "example.test/default"]) == 0
    out = capsys.readouterr().out
    assert f"remote reply  {REPLY}\n" in out
    for text in ("since", "/TSS04/", "mx1.example.test", "203.0.113.7", "2026-11-23 09:35:42 UTC (in 1h35m)",
                 "normal -> backoff: pattern /TSS04/", "* 100/h", "  1000/h", "kf@example.test",
                 "undo: tidegate release auto:203.0.113.7:yahoo:source-ip-max-msg-rate"):  # fmt: skip
        assert text in out


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(
    ("words", "schema"),
    [
        (["show", "queues", "--json"], "queues/v1"),
        (["--json", "show", "topqueues"], "queues/v1"),
        (["show", "queues", "example.test/default", "--json"], "queue/v1"),
        (["show", "status", "--json"], "status/v1"),
        (["show", "leases", "--json"], "leases/v1"),
        (["explain", "203.0.113.7", "yahoo", "--json"], "explain/v1"),
        (["version", "--json"], "version/v1"),
        (["help", "exit-codes", "--json"], "exit-codes/v1"),
    ],
)
def test_json_is_one_document_with_a_schema(
    words: list[str], schema: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == schema


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("words", [["show", "status"], ["show", "leases"], ["explain", "203.0.113.7"]])
def test_every_look_has_a_text_form(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 0
    out, err = capsys.readouterr()
    assert out.strip()
    assert not err


@pytest.mark.usefixtures("asked")
def test_what_does_not_exist_is_exit_code_4_and_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["show", "queues", "no.test/default"]) == 4
    out, err = capsys.readouterr()
    assert (out, err) == ("", "tidegate: there is no such queue\n")


def test_an_engine_that_does_not_answer_is_exit_code_3_without_a_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["show", "status", "--endpoint", "127.0.0.1:1"]) == 3
    assert capsys.readouterr().err.startswith("tidegate: no engine answers at 127.0.0.1:1")
    assert run(["--debug", "show", "status", "--endpoint=127.0.0.1:1"]) == 3
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["frob"],
        ["show", "quues"],
        ["show", "queues", "--nope"],
        ["show", "queues", "--mode=backof"],
        ["explain"],
    ],
)
def test_a_wrong_command_line_is_exit_code_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 2
    assert capsys.readouterr().err


def test_a_wrong_configuration_is_exit_code_2_with_all_its_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("engine:\n  hostnaem: x\n  smtp-port: 0\n")
    assert run(["check-config", str(file)]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.splitlines()[0].startswith(f"{file}:2: engine.hostnaem: unknown key")
    assert err.splitlines()[-1] == f"{file}: 2 mistakes"
    assert run(["check-config", str(file), "--json"]) == 2
    assert [e["line"] for e in json.loads(capsys.readouterr().out)["errors"]] == [2, 3]


def test_looking_at_queues_needs_no_other_secret_than_the_engines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SNDS_KEY", raising=False)
    file = tmp_path / "c.yaml"
    file.write_text(
        "engine: {control-api: {listen: '127.0.0.1:1', tokens: [{name: a, token: '${OPS}'}]}}\n"
        "monitor: {snds: {enabled: true, accounts: [{name: main, key: '${SNDS_KEY}'}]}}\n"
    )
    monkeypatch.setenv("OPS", "x")
    assert run(["show", "queues", "-c", str(file)]) == 3
    monkeypatch.delenv("OPS")
    capsys.readouterr()
    assert run(["show", "queues", "-c", str(file)]) == 2
    assert "the environment variable OPS is not set" in capsys.readouterr().err


def test_global_options_may_stand_anywhere() -> None:
    assert hoist(["show", "queues", "--json", "--config", "f", "x/y"]) == [
        "--json",
        "--config",
        "f",
        "show",
        "queues",
        "x/y",
    ]
    assert hoist(["show", "--token-file=f", "--", "--json"]) == ["--token-file=f", "show", "--", "--json"]


def config_with_database(tmp_path: Path) -> str:
    file = tmp_path / "c.yaml"
    file.write_text(f"database: sqlite:///{tmp_path}/t.db\nip-lists: {{a: [203.0.113.7, 203.0.113.8]}}\n")
    return str(file)


def test_a_pin_puts_a_lease_tells_the_controller_and_prints_its_undo(
    asked: list[httpx.Request], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = config_with_database(tmp_path)
    words = [
        "pin",
        "203.0.113.7",
        "--provider",
        "yahoo",
        "--rate",
        "2000/h",
        "--for",
        "3h",
        "--reason",
        "VIP run",
    ]
    assert run([*words, "-c", file]) == 0
    lease = json.loads(asked[-1].content)
    assert asked[-1].url.path == "/v1/leases/operator:203.0.113.7:yahoo"
    assert (lease["value"], lease["origin"], lease["reason"]) == ("2000/h", "operator", "VIP run")
    assert lease["expires_at"].startswith("2026-11-23T11:00:00")
    out = capsys.readouterr().out
    assert "203.0.113.7 × yahoo: source-ip-max-msg-rate 2000/h for 3h. Order 1 tells the controller" in out
    assert 'undo  tidegate release 203.0.113.7 yahoo --reason "…"' in out


def test_a_hold_is_an_order_and_a_release_takes_it_back(
    asked: list[httpx.Request], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = config_with_database(tmp_path)
    assert run(["hold", "203.0.113.8", "yahoo", "--for", "2h", "--reason", "audit", "-c", file]) == 0
    assert "Order 1: the controller changes nothing on 203.0.113.8 × yahoo for 2h." in capsys.readouterr().out
    assert not asked
    assert run(["release", "203.0.113.8", "yahoo", "--reason", "done", "-c", file]) == 0
    assert "Withdrew order 1: change nothing on this scope" in capsys.readouterr().out
    assert [r.method for r in asked] == ["GET"]
    assert run(["release", "203.0.113.8", "yahoo", "--reason", "again", "-c", file]) == 4


def test_a_release_by_key_lifts_the_controllers_lease_and_keeps_it_away(
    asked: list[httpx.Request], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run(["release", LEASE["key"], "--reason", "false alarm", "-c", config_with_database(tmp_path)]) == 0
    )  # type: ignore[list-item]
    assert [(r.method, r.url.path) for r in asked][-1] == ("DELETE", f"/v1/leases/{LEASE['key']}")
    out = capsys.readouterr().out
    assert "the controller leaves 203.0.113.7 × yahoo alone for 24h" in out.replace("1d", "24h")
    assert "undo  tidegate pin 203.0.113.7 yahoo --rate 100/h" in out


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["pin", "203.0.113.x", "--rate", "1/h", "--reason", "x"], "is not an IP address"),
        (["pin", "203.0.113.7", "--rate", "0", "--reason", "x"], "to stop mail use pause"),
        (["pin", "203.0.113.7", "--rate", "1/h", "--for", "soon", "--reason", "x"], "is not a duration"),
        (["pin", "203.0.113.7", "--rate", "1/h", "--reason", " "], "--reason must say why"),
        (
            ["pin", "203.0.113.9", "--rate", "1/h", "--reason", "x"],
            "203.0.113.9 is no source IP of this engine",
        ),
        (["pin", "203.0.113.7", "yahooo", "--rate", "1/h", "--reason", "x"], "did you mean yahoo?"),
        (["hold", "203.0.113.9", "--reason", "x"], "203.0.113.9 is in no ip-list"),
        (["release", "nonsense", "--reason", "x"], "there is no lease 'nonsense'"),
    ],
)
def test_what_cannot_be_ordered_is_explained(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*words, "-c", config_with_database(tmp_path)]) in {2, 4}
    assert said in capsys.readouterr().err


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("what", ["ips", "incidents", "sources"])
def test_an_empty_database_is_shown_as_such(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = config_with_database(tmp_path)
    assert run(["show", what, "-c", file]) == 0
    assert capsys.readouterr().out.strip()
    assert run(["show", what, "-c", file, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == f"{what}/v1"


@pytest.mark.usefixtures("asked")
def test_an_incident_that_does_not_exist_is_exit_code_4(tmp_path: Path) -> None:
    assert run(["show", "incidents", "7", "-c", config_with_database(tmp_path)]) == 4


def test_the_digest_is_printed_as_text_html_and_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = config_with_database(tmp_path)
    assert run(["digest", "-c", file]) == 0
    assert "week" in capsys.readouterr().out
    assert run(["digest", "--html", "-c", file]) == 0
    assert "</html>" in capsys.readouterr().out
    assert run(["digest", "--week", "2026-W40", "--json", "-c", file]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["week"]) == ("digest/v1", "2026-W40")
    assert run(["digest", "--week", "40", "-c", file]) == 1
    assert "is not a week" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["notify", "test", "--scenario", "doom"], "there is no scenario 'doom'; write one of listed"),
        (["notify", "test"], "nobody is told about incidents"),
        (["digest", "--send"], "nobody reads the digest"),
        (["digest", "--html", "--send"], "give one of"),
    ],
)
def test_mail_that_cannot_be_sent_is_explained(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*words, "-c", config_with_database(tmp_path)]) in {1, 2}
    assert said in capsys.readouterr().err
