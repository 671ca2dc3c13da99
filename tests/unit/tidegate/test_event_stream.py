"""`show events` prints what was and what comes, and outlives the engine's restarts."""

import itertools
import json
import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any, Self

import pytest

from core.errors import EngineUnreachable, PeerError
from tidegate.cli import event_stream, output, run
from tidegate.cli.invocation import Invocation
from tidegate.client import DeniedError
from tidegate.sse import events

GONE = EngineUnreachable("no engine answers")
Answers = Sequence[Mapping[str, Any] | Exception]


def streamed(number: int, run: str = "a") -> dict[str, Any]:
    return {"id": f"{run}.{number}", "at": "2026-11-23T08:00:00Z", "event": "queue.mode", "provider": "yahoo",
            "queue": f"q{number}.test/news", "after": "backoff", "cause": f"cause {number}"}  # fmt: skip


def listed(number: int, **more: Any) -> dict[str, Any]:
    fields = {k: v for k, v in streamed(number).items() if k not in {"id", "at", "event"}} | more
    return {"id": f"a.{number}", "at": "2026-11-23T08:00:00Z", "kind": "queue.mode", "fields": fields}


class Engine:
    """An engine's client: what each follower hears until the connection breaks, and each listing."""

    def __init__(self, streams: Sequence[Answers] = (), listings: Answers = ()) -> None:
        self.streams, self.listings = iter(streams), iter(listings)
        self.followed: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def follow_events(self, last_id: str) -> Generator[Mapping[str, Any], None, None]:
        self.followed.append(last_id)
        for told in next(self.streams):
            if isinstance(told, BaseException):
                raise told
            yield told

    def recent_events(self, _limit: int) -> Mapping[str, Any]:
        found = next(self.listings)
        if isinstance(found, Exception):
            raise found
        return found


def holding(count: int) -> dict[str, Any]:
    return {"last_id": f"a.{count - 1}", "kept": count, "events": [listed(n) for n in range(count)]}


def show(monkeypatch: pytest.MonkeyPatch, engine: Engine, *words: str) -> int:
    monkeypatch.setattr(Invocation, "client", lambda _self, _patience=0: engine)
    monkeypatch.setattr(event_stream.time, "sleep", lambda _: None)
    return run(["show", "events", *words])


def live(engine: Engine, count: int, paused: list[float]) -> Iterator[str]:
    found = event_stream.told_live(engine, "a.0", paused.append)  # type: ignore[arg-type] - it asks no more of it
    return (one.id for one in itertools.islice(found, count))


def test_a_broken_connection_is_taken_up_after_the_last_event(capsys: pytest.CaptureFixture[str]) -> None:
    engine = Engine([[streamed(1), streamed(2), GONE], [streamed(3)]], [GONE, GONE, {"last_id": "a.2"}])
    paused: list[float] = []
    assert list(live(engine, 3, paused)) == ["a.1", "a.2", "a.3"]
    assert engine.followed == ["a.0", "a.2"]
    assert paused == [1, 2, 4]
    assert capsys.readouterr().err.splitlines() == [
        "tidegate: no engine answers; trying again until it answers",
        "tidegate: the engine answers again; going on",
    ]


def test_a_restart_of_the_engine_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    engine = Engine([[streamed(1)], [streamed(0, "b")]], [{"last_id": "b.-1"}])
    assert list(live(engine, 2, [])) == ["a.1", "b.0"]
    err = capsys.readouterr().err
    assert "the engine has ended the stream; trying again" in err
    assert "the engine has been started again; going on" in err


def test_pauses_grow_to_ten_seconds() -> None:
    paused: list[float] = []
    list(live(Engine([[], [streamed(1)]], [GONE] * 6 + [{"last_id": "a.0"}]), 1, paused))
    assert paused == [1, 2, 4, 8, 10, 10, 10]


def test_an_engine_that_refuses_ends_it() -> None:
    with pytest.raises(DeniedError):
        list(live(Engine([[DeniedError("wants a token")]]), 1, []))
    with pytest.raises(DeniedError):
        list(live(Engine([[]], [PeerError("503"), DeniedError("wants a token")]), 1, []))


def test_the_newest_come_last_and_no_more_than_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show(monkeypatch, Engine(listings=[holding(9)]), "-n", "2") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["time", "event", "about", "text"]
    assert [line.split()[3] for line in lines[2:]] == ["q7.test/news", "q8.test/news"]
    assert not any("\x1b" in line for line in lines)


def test_what_is_not_wanted_does_not_count(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("-n", "1", "--domain", "q3.test", "--columns", "about,id")
    assert show(monkeypatch, Engine(listings=[holding(9)]), *words) == 0
    assert capsys.readouterr().out.splitlines()[2:] == ["q3.test/news a.3"]


def test_json_is_one_document_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show(monkeypatch, Engine(listings=[holding(2)]), "--json") == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["schema"], one["id"], one["kind"]) for one in found] == [
        ("event/v1", "a.0", "queue.mode"),
        ("event/v1", "a.1", "queue.mode"),
    ]
    assert show(monkeypatch, Engine(listings=[holding(0)]), "--json") == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("word", ["--follow", "-f", "--watch"])
def test_following_goes_on_after_those_before_until_ctrl_c(
    word: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = Engine(
        [[streamed(2), {**streamed(3), "queue": "other.test/v"}, KeyboardInterrupt()]], [holding(2)]
    )  # type: ignore[list-item] - Ctrl-C among what is told
    assert show(monkeypatch, engine, word, "-n", "1", "--domain", "q*") == 0
    out, err = capsys.readouterr()
    assert [line.split()[3] for line in out.splitlines()[2:]] == ["q1.test/news", "q2.test/news"]
    assert engine.followed == ["a.1"]
    assert err == ""


@pytest.mark.parametrize(("kept", "said"), [(0, "Nothing has happened"), (3, "None of the 3 events")])
def test_nothing_to_show_is_said_beside_the_data(
    kept: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show(monkeypatch, Engine(listings=[holding(kept)]), "--ip", "203.0.113.9") == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(said)


def test_a_strangers_text_cannot_drive_the_terminal_and_is_not_cut_in_a_pipe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = {
        "last_id": "a.0",
        "kept": 1,
        "events": [listed(0, cause=f"\x1b[2J421 {'later ' * 60}end", queue="\x07q/v")],
    }
    assert show(monkeypatch, Engine(listings=[hostile])) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\x07" not in out
    assert out.rstrip().endswith("end")


def at_a_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(event_stream, "width", lambda: columns)
    monkeypatch.setattr(output, "width", lambda: columns)


@pytest.mark.parametrize("columns", [60, 80, 100, 200])
def test_on_a_terminal_long_texts_go_on_below_and_no_line_is_too_long(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    at_a_terminal(monkeypatch, columns)
    monkeypatch.setenv("NO_COLOR", "1")
    told = {"last_id": "a.0", "kept": 1, "events": [listed(0, cause="word " * 50 + "end")]}
    assert show(monkeypatch, Engine(listings=[told])) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= columns
    assert " ".join(lines).split().count("word") == 50
    assert len(lines) > 3


def test_colour_is_for_terminals_and_not_against_a_persons_will(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    at_a_terminal(monkeypatch, 100)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert show(monkeypatch, Engine(listings=[holding(1)])) == 0
    assert "\x1b[31mbackoff\x1b[0m" in capsys.readouterr().out


def test_server_sent_events_are_read_with_their_ids() -> None:
    lines = [b": hello\n", b"id: a.1\n", b"\n", b"id: a.2\r\n", b"event: x\r\n", b'data: {"n":\r\n', b"data: 1}\r\n",
             b"\r\n", b"data: nonsense\n", b"\n", b": still here\n", b"\n", b'data: {"n": 2}\n', b"\n"]  # fmt: skip
    assert list(events(lines)) == [{"id": "a.2", "event": "x", "n": 1}, {"id": "a.2", "event": "", "n": 2}]
