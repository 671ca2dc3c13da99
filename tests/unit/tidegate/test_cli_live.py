"""What is shown again and again, for Nagios, and while one waits."""

import io
import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from core.errors import EngineUnreachable, OperatorError
from tests.unit.tidegate.carrying import carrying
from tidegate.cli import incident_nagios, nagios, present, run
from tidegate.cli.invocation import Invocation
from tidegate.cli.nagios import State
from tidegate.cli.present import Shown
from tidegate.cli.progress import Progress, progress
from tidegate.cli.top_view import Choice, Look, picture, trouble
from tidegate.client import EngineClient

STATUS: dict[str, Any] = {
    "hostname": "mta.test", "now": "2026-11-23T08:01:00Z", "started_at": "2026-11-23T06:00:00Z",
    "traffic": {"delivered": 90, "deferred": 4}, "leases": 1, "epoch": 1,
    "queues": {"normal": 1, "backoff": 1, "paused": 0, "recipients": 1243}, "connections": {"in": 0, "out": 2},
}  # fmt: skip
BEFORE = {**STATUS, "now": "2026-11-23T08:00:30Z", "traffic": {"delivered": 60, "deferred": 4}}
QUEUE = {
    "name": "a.test/news", "recipients": 12, "kbytes": 3.5, "connections": 1, "mode": "backoff", "paused": True,
    "next_retry_at": None, "last_error": "421 later",
}  # fmt: skip
LEASE = {
    "scope": {"source_ip": "203.0.113.7", "provider": "*"}, "value": "100/h", "set_by": "controller",
    "reason": "INC-1 listed", "expires_at": "2026-11-23T10:00:00Z", "key": "k", "directive": "d",
}  # fmt: skip


def asking(**more: Any) -> Invocation:
    return Invocation(**more)


class Looks:
    """Looks that end with Ctrl-C; each may be an error."""

    def __init__(self, *looks: Mapping[str, Any] | Exception) -> None:
        self.left = list(looks)
        self.paused: list[float] = []

    def __call__(self) -> Shown:
        look = self.left.pop(0)
        if isinstance(look, Exception):
            raise look
        return present.shown(look, lambda document: f"n is {document['n']}")

    def pause(self, seconds: float) -> None:
        self.paused.append(seconds)
        if not self.left:
            raise KeyboardInterrupt


def test_once_is_once(capsys: pytest.CaptureFixture[str]) -> None:
    present.present(asking(), Looks({"n": 1}))
    assert capsys.readouterr().out == "n is 1\n"


def test_watching_appends_where_no_terminal_is_and_outlives_a_restart(
    capsys: pytest.CaptureFixture[str],
) -> None:
    looks = Looks({"n": 1}, EngineUnreachable("no engine answers"), {"n": 2})
    present.present(asking(watch="3s"), looks, looks.pause)
    assert capsys.readouterr() == ("n is 1\nn is 2\n", "tidegate: no engine answers\n")
    assert looks.paused == [3, 3, 3]


def test_watching_as_json_prints_one_document_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    looks = Looks({"n": 1}, {"n": 2})
    present.present(asking(watch="1s", as_json=True), looks, looks.pause)
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [{"n": 1}, {"n": 2}]


def test_a_persons_mistake_ends_the_look() -> None:
    with pytest.raises(OperatorError):
        present.present(asking(watch="1s"), Looks(OperatorError("no such queue")))


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["doctor", "--watch"], "--watch is for tidegate show"),
        (["show", "queues", "--watch=10ms"], "is not a duration"),
        (["show", "queues", "--watch=0s"], "once a second at most"),
    ],
)
def test_a_watch_that_makes_no_sense_is_refused(
    capsys: pytest.CaptureFixture[str], words: list[str], why: str
) -> None:
    assert run(words) == 2
    assert why in capsys.readouterr().err


def test_top_shows_rates_queues_and_leases_within_the_screen() -> None:
    look = Look(STATUS, [QUEUE] * 50, 50, [LEASE], BEFORE)
    lines = picture(look, Choice(), 80, 24)
    assert len(lines) == 24
    assert all(len(line) <= 80 for line in lines)
    assert lines[0].startswith("tidegate top - mta.test, ")
    assert lines[0].endswith("up 2h1m")
    assert lines[2] == "a minute: 60 delivered, 0 deferred"
    assert lines[6].split() == ["a.test/news", "12", "4", "1", "BP", "421", "later"]
    assert lines[-2].split() == [
        "203.0.113.7",
        "all",
        "100/h",
        "controller",
        "in",
        "1h59m",
        "INC-1",
        "listed",
    ]
    assert lines[-1].startswith("q quit")


def test_top_without_a_look_before_knows_no_rates() -> None:
    assert "a minute: (after the next look)" in picture(Look(STATUS, [], 0, []), Choice(), 80, 24)


def test_the_keys_of_top_choose() -> None:
    choice = Choice()
    for key in "sex ":
        choice = choice.after(key)
    assert choice == Choice("size", errors=True)
    assert choice.after("e").after("s").after("s") == Choice("rcpt")
    assert "50 of 50" not in "".join(trouble("no engine answers", 80))
    shown = picture(Look(STATUS, [QUEUE], 1, []), Choice("size", errors=True, paused=True), 80, 24)
    assert "1 of 1 queues with an error paused, by size" in shown


def test_top_without_a_terminal_prints_pictures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    documents = {
        "/v1/status": STATUS,
        "/v1/queues": {"matching": 1, "queues": [QUEUE]},
        "/v1/leases": {"leases": [LEASE]},
    }

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=documents[request.url.path])

    client = EngineClient("127.0.0.1:1", None, carrying(answer))
    monkeypatch.setattr(Invocation, "client", lambda _self, _patience=0: client)
    assert run(["top", "--count", "1"]) == 0
    assert "a.test/news" in capsys.readouterr().out
    assert run(["top", "--count", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "top/v1"


@pytest.mark.parametrize(
    ("severities", "state"),
    [([], State.OK), (["info"], State.OK), (["warning", "info"], State.WARNING), (["warning", "critical"], State.CRITICAL)],
)  # fmt: skip
def test_the_worst_open_incident_decides_for_nagios(severities: list[str], state: State) -> None:
    found = [{"severity": s, "number": n, "title": "203.0.113.7 | listed"} for n, s in enumerate(severities)]
    assert incident_nagios.word(found)[0] is state


def test_a_line_for_nagios_has_one_bar_and_its_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    assert nagios.say(lambda: (State.WARNING, "a | b\nc", {"open": 2}), State.UNKNOWN) == 1
    assert capsys.readouterr().out.count("|") == 1


def test_an_engine_that_is_down_is_critical(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIDEGATE_ENDPOINT", "127.0.0.1:1")
    assert run(["show", "status", "--nagios"]) == 2
    assert capsys.readouterr().out.startswith("TIDEGATE CRITICAL - no engine answers at 127.0.0.1:1")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_shows_itself_after_a_while_and_is_gone_at_the_end() -> None:
    terminal, painted = Terminal(), False
    with progress("asking", 4, terminal, after=0) as told:
        told.step(3)
        while not painted:
            painted = "[##################......] 3/4" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_what_is_quick_and_what_nobody_sees_shows_nothing() -> None:
    terminal, pipe = Terminal(), io.StringIO()
    with progress("asking", 4, terminal, after=60):
        pass
    with progress("asking", 4, pipe, after=0):
        pass
    assert terminal.getvalue() == pipe.getvalue() == ""


def test_progress_without_an_end_turns_a_wheel() -> None:
    told = Progress("replaying")
    assert [told.line() for _ in range(3)] == ["replaying |", "replaying /", "replaying -"]
