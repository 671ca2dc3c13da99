"""`tidegate trace` as it is typed: what is asked of the engine, what is printed, how it ends."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.unit.tidegate.carrying import carrying
from tidegate.cli import run
from tidegate.cli.invocation import Invocation
from tidegate.client import EngineClient
from tidegate.wire import Answer, Unreachable

QUEUE = {
    "name": "a.test/news", "domain": "a.test", "vmta": "news", "provider": "yahoo", "recipients": 12,
    "connections": 0, "paused": False, "next_retry_at": None, "chains": [],
}  # fmt: skip
BEGUN = {
    "at": "2026-11-23T14:00:00Z",
    "queue": "a.test/news",
    "source_ip": "203.0.113.7",
    "bind": "203.0.113.7",
}
WHOLE: list[tuple[str, dict[str, Any]]] = [
    ("waiting", {"for": "a.test/news"}),
    ("begun", BEGUN),
    ("heard", {"line": "220 \x1b[2Jhi"}),
    ("result", {"recipient": "c@a.test", "result": "delivered", "reply": "250 ok", "by": "the peer"}),
    ("closed", {"why": "we said QUIT"}),
]


class Engine:
    """Knows one queue, and tells a trace that ends as `then` says."""

    def __init__(self) -> None:
        self.asked: dict[str, list[str]] = {}
        self.steps = WHOLE
        self.then: BaseException | None = None
        self.refusal: Answer | None = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path in {"/v1/queues/a.test/news", "/v1/queues/sent-through-it.test/news"}:
            return httpx.Response(200, json=QUEUE)
        if path == "/v1/queues":
            found = [] if "b.test" in request.url.params.get("name", "") else [QUEUE]
            return httpx.Response(200, json={"matching": len(found), "queues": found})
        if path == "/v1/scopes":
            rows = [{"source_ip": "203.0.113.7", "provider": p} for p in ("yahoo", "*")]
            return httpx.Response(200, json={"scopes": rows})
        if path == "/v1/status":
            return httpx.Response(200, json={"now": "2026-11-23T14:00:00Z"})
        return httpx.Response(404, json={"detail": f"there is no queue {path.removeprefix('/v1/queues/')}"})

    @contextlib.contextmanager
    def listen(
        self, target: str, headers: Mapping[str, str], _silence: float
    ) -> Iterator[tuple[Answer, Iterator[bytes]]]:
        assert headers["Accept"] == "text/event-stream"
        self.asked = parse_qs(urlsplit(target).query)
        yield self.refusal or Answer(200, "OK", b""), self._lines()

    def _lines(self) -> Iterator[bytes]:
        for kind, fields in self.steps:
            yield f"event: {kind}\n".encode()
            yield f"data: {json.dumps({'connection': 1, 'ms': 1.0, **fields})}\n".encode()
            yield b"\n"
        if self.then is not None:
            raise self.then


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    made = Engine()

    def client(_self: Invocation, _patience: float = 0) -> EngineClient:
        found = EngineClient("127.0.0.1:1", None, carrying(made))
        found._listen = made.listen
        return found

    monkeypatch.setattr(Invocation, "client", client)
    return made


def test_a_conversation_is_shown_and_summed_up(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["trace", "A.test/news".lower(), "--ip", "203.0.113.7", "--log-data"]) == 0
    out, err = capsys.readouterr()
    assert err == (
        "Waiting for the next connection of a.test/news from 203.0.113.7. 12 recipients wait. Ctrl-C ends.\n"
    )
    assert out.splitlines()[0].endswith("a.test/news from 203.0.113.7")
    assert "      1.0 < 220 [2Jhi\n" in out
    assert "\x1b" not in out
    assert out.splitlines()[-1] == "1 delivered"
    assert engine.asked == {
        "domain": ["a.test"], "vmta": ["news"], "source_ip": ["203.0.113.7"], "log_data": ["true"],
        "connections": ["1"],
    }  # fmt: skip


def test_as_json_each_step_is_a_line_and_the_last_is_the_sum(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["trace", "a.test/news", "--json"]) == 0
    out = capsys.readouterr().out
    documents = [json.loads(line) for line in out.splitlines()]
    assert [one["event"] for one in documents] == [kind for kind, _ in WHOLE] + ["summary"]
    assert {one["schema"] for one in documents} == {"trace/v1"}
    assert documents[2]["line"] == "220 \x1b[2Jhi"
    assert "\x1b" not in out
    assert documents[-1]["delivered"] == 1


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["*/news"], {"vmta": ["news"]}),
        (["a.test/*"], {"domain": ["a.test"]}),
        (["*/*"], {}),
        (["--provider", "yahoo"], {"provider": ["yahoo"]}),
        (["--source-ip=203.0.113.7"], {"source_ip": ["203.0.113.7"]}),
        (["a.test/news", "--log-resolution"], {"domain": ["a.test"], "vmta": ["news"]}),
    ],
)
def test_a_star_stands_for_any(engine: Engine, words: list[str], asked: dict[str, list[str]]) -> None:
    assert run(["trace", *words]) == 0
    assert engine.asked == {**asked, "connections": ["1"]}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "say whose conversation: domain/vmta, --ip or --provider"),
        (["a.test"], 2, "'a.test' is not a queue; write domain/vmta, or a.test/* for all its VirtualMTAs"),
        (["a.*/news"], 2, "* stands for any domain"),
        (["--ip", "203.0.113"], 2, "'203.0.113' is not an IP address"),
        (["a.tset/news"], 4, "there is no queue a.tset/news; did you mean a.test/news?"),
        (["b.test/*"], 4, "there is no queue b.test/*; "),
        (["--ip", "203.0.113.8"], 4, "203.0.113.8 is no source IP of this engine; it has 203.0.113.7"),
        (["--provider", "yahho"], 4, "the engine knows no provider 'yahho'; did you mean yahoo?"),
    ],
)
def test_a_typing_error_does_not_wait_for_ever(
    engine: Engine, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    assert run(["trace", *words]) == code
    assert said in capsys.readouterr().err
    assert not engine.asked


def test_a_domain_whose_mail_goes_through_another_queue_is_traced_there(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["trace", "sent-through-it.test/news"]) == 0
    assert engine.asked["domain"] == ["a.test"]
    assert "Waiting for the next connection of a.test/news." in capsys.readouterr().err


def test_what_the_engine_refuses_is_said_in_its_words(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.refusal = Answer(404, "Not Found", b'{"detail": "there is no VirtualMTA nwes; there are news"}')
    assert run(["trace", "*/nwes"]) == 4
    assert "there is no VirtualMTA nwes; there are news" in capsys.readouterr().err


def test_ctrl_c_is_no_failure_once_a_whole_connection_was_seen(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.then = KeyboardInterrupt()
    assert run(["trace", "a.test/news", "--connections", "3"]) == 0
    assert "1 delivered" in capsys.readouterr().out
    engine.steps = WHOLE[:1]
    assert run(["trace", "a.test/news"]) == 130
    assert capsys.readouterr().out == ""


def test_an_engine_that_goes_away_is_told_with_what_was_seen_until_then(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.steps = WHOLE[:4]
    assert run(["trace", "a.test/news"]) == 3
    out, err = capsys.readouterr()
    assert "1 delivered" in out
    assert "the engine ended the trace after 0 of 1 connections" in err
    engine.then = Unreachable("Connection reset by peer")
    assert run(["trace", "a.test/news"]) == 3
    assert "Connection reset by peer" in capsys.readouterr().err
