"""The operator's hand on queues: what is sent, what is printed, what takes it back, what needs a yes."""

import json
from typing import Any

import httpx
import pytest

from tests.unit.tidegate.carrying import carrying
from tidegate.cli import run
from tidegate.cli.invocation import Invocation
from tidegate.client import EngineClient


def queue(name: str, **more: Any) -> dict[str, Any]:
    domain, _, vmta = name.partition("/")
    return {
        "name": name, "domain": domain, "vmta": vmta, "provider": "yahoo", "recipients": 12, "kbytes": 3.5,
        "connections": 1, "mode": "normal", "paused": False, "next_retry_at": None, "last_error": None, **more,
    }  # fmt: skip


QUEUES = [
    queue("a.test/news"),
    queue("b.test/news", paused=True, recipients=1),
    queue("b.test/bills", mode="backoff", provider=None),
]
MESSAGE = {
    "id": "00001c", "orig": "", "rcpt": "ann@a.test", "queue": "a.test/news", "job": "spring", "size": 100,
    "attempts": 2, "received_at": "2026-11-23T06:00:00Z", "next_attempt_at": None,
}  # fmt: skip


class Engine:
    """Answers as an engine would, and remembers what it was told to do."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, dict[str, Any]]] = []
        self.waiting = 3

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path, params = request.url.path, dict(request.url.params)
        if path == "/v1/queues":
            domain, _, vmta = params.get("name", "*").partition("/")
            found = [q for q in QUEUES if domain in {"*", q["domain"]} and vmta in {"*", "", q["vmta"]}]
            return httpx.Response(200, json={"matching": len(found), "queues": found})
        if path == "/v1/messages":
            return httpx.Response(200, json={"matching": 7, "messages": [MESSAGE]})
        if path == "/v1/audit":
            entry = {"at": "2026-11-23T06:00:00Z", "actor": "ann", "action": "queue.pause",
                     "subject": "a.test/news", "reason": "stopped"}  # fmt: skip
            return httpx.Response(200, json={"entries": [entry]})
        body = json.loads(request.content) if request.content else {}
        self.told.append((request.method, path, {**params, **body}))
        ended = {
            "recipients": self.waiting,
            "queues": {"a.test/news": 3} if self.waiting else {},
            "sample": [],
        }
        return httpx.Response(200, json=ended)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    made = Engine()
    monkeypatch.setattr(
        Invocation, "client", lambda _self, _patience=0: EngineClient("127.0.0.1:1", None, carrying(made))
    )
    return made


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    assert run(words) == code
    caught = capsys.readouterr()
    return caught.out if code == 0 else caught.err


def test_a_queue_is_paused_with_a_reason_and_the_undo_is_printed(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(capsys, "pause", "a.test/news", "--reason", "stopped")
    assert text == 'Paused a.test/news (12 recipients)\n  undo  tidegate resume a.test/news --reason "…"\n'
    assert engine.told == [("POST", "/v1/queues/a.test/news/pause", {"reason": "stopped"})]


def test_what_was_paused_before_is_left_alone_and_undo_does_not_touch_it(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(capsys, "pause", "*/news", "--reason", "stopped")
    assert "b.test/news is paused already" in text
    assert 'undo  tidegate resume a.test/news --reason "…"' in text
    assert [path for _, path, _ in engine.told] == ["/v1/queues/a.test/news/pause"]


def test_a_dry_run_says_what_would_be_and_does_nothing(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(capsys, "resume", "b.test/*", "--reason", "ok", "--dry-run")
    assert text.splitlines() == [
        "Would resume b.test/news (1 recipient)",
        "b.test/bills is not paused",
        "  state       paused now; it sends again",
        "  controller  is not concerned: it limits source IPs, not queues",
        "  command     tidegate resume 'b.test/*' --reason ok",
        '  undo        tidegate pause b.test/news --reason "…"',
    ]
    assert engine.told == []


@pytest.mark.parametrize(
    ("words", "sent", "undo"),
    [
        (["schedule", "a.test/news"], ("POST", "/v1/queues/a.test/news/retry", {"reason": "r"}), None),
        (["set", "queue", "--mode=backoff", "a.test/news"],
         ("POST", "/v1/queues/a.test/news/mode", {"mode": "backoff", "reason": "r"}),
         "tidegate set queue --mode=normal a.test/news"),
        (["disable", "203.0.113.7", "a.test/news", "--reenable-after", "2h"],
         ("POST", "/v1/queues/a.test/news/sources/203.0.113.7/disable", {"reason": "r", "reenable_after": "2h"}),
         "tidegate enable 203.0.113.7 a.test/news"),
        (["enable", "203.0.113.7", "a.test/news"],
         ("POST", "/v1/queues/a.test/news/sources/203.0.113.7/enable", {"reason": "r"}),
         "tidegate disable 203.0.113.7 a.test/news"),
    ],
)  # fmt: skip
def test_each_act_reaches_the_engine_and_names_its_undo(
    engine: Engine,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    sent: tuple[str, str, dict[str, Any]],
    undo: str | None,
) -> None:
    document = json.loads(said(capsys, *words, "--reason", "r", "--json"))
    assert document["schema"] == "change/v1"
    assert engine.told == [sent]
    assert document["undo"] == (f'{undo} --reason "…"' if undo else None)


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["pause", "*/*"], 2, "add --everything"),
        (["pause", "a.test"], 2, "write domain/vmta, or a.test/*"),
        (["pause", "c.test/news"], 4, "there is no queue c.test/news"),
        (["set", "queue", "--mode=fast", "a.test/news"], 2, "write normal or backoff"),
        (["delete"], 2, "say which mail"),
        (["bounce", "--rcpt", "*@a.test"], 1, "Bounce 3 recipients of a.test/news. This cannot be undone; add --yes"),
    ],
)  # fmt: skip
def test_what_is_too_much_or_nothing_is_refused(
    engine: Engine, capsys: pytest.CaptureFixture[str], words: list[str], code: int, why: str
) -> None:
    assert why in said(capsys, *words, "--reason", "r", code=code)
    assert all(params.get("dry_run") for _, _, params in engine.told)


def test_mail_is_deleted_after_a_yes(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "delete", "--queue", "a.test/news", "--jobid", "spring", "--reason", "r", "--yes")
    assert text == "Deleted 3 recipients of a.test/news\n"
    assert engine.told[-1] == (
        "POST", "/v1/messages/delete", {"queue": "a.test/news", "job": "spring", "reason": "r"})  # fmt: skip


def test_nothing_to_delete_is_said(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    engine.waiting = 0
    assert "no waiting mail fits" in said(
        capsys, "delete", "--rcpt", "x@a.test", "--reason", "r", "--yes", code=4
    )


@pytest.mark.usefixtures("engine")
def test_queues_are_summed_up(capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys, "show", "domains").splitlines()
    assert lines[0].split() == ["domain", "#rcpt", "kbytes", "conn", "queues", "backoff", "paused"]
    assert lines[2].split() == ["a.test", "12", "3.5", "1", "1"]
    assert lines[3].split() == ["b.test", "13", "7.0", "2", "2", "1", "1"]
    top = json.loads(said(capsys, "show", "topdomains", "-n", "1", "--json"))
    assert (top["schema"], top["matching"], top["rows"][0]["name"]) == ("domain-sums/v1", 2, "b.test")
    assert [r["name"] for r in json.loads(said(capsys, "show", "vmtas", "--json"))["rows"]] == [
        "bills",
        "news",
    ]
    assert said(capsys, "show", "providers").splitlines()[2].split()[0] == "yahoo"
    assert "write name, rcpt or size" in said(capsys, "show", "vmtas", "--sort=age", code=2)


@pytest.mark.usefixtures("engine")
def test_waiting_mail_and_the_audit_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys, "show", "messages", "--jobid", "spring").splitlines()
    assert lines[2].split() == ["00001c", "a.test/news", "<>", "2", "spring", "ready", "ann@a.test"]
    assert lines[3] == "1 of 7 recipients"
    assert "queue.pause a.test/news stopped" in said(capsys, "show", "audit")
