"""What a trace shows: aligned steps, harmless text, the sums at the end, and what is waited for."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.cli import trace_view
from tidegate.cli.trace_sums import Sums

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)


def step(event: str, ms: float = 1.0, connection: int = 1, **fields: Any) -> dict[str, Any]:
    return {"event": event, "connection": connection, "ms": ms, **fields}


CONVERSATION = [
    step("waiting", 0, 0),
    step("begun", 0, at="2026-11-23T14:00:00Z", queue="a.test/news", source_ip="203.0.113.7",
         bind="10.0.0.7", provider="yahoo"),
    step("resolved", 2, provider="yahoo", hosts=["mx1.a.test:25 (192.0.2.1)"]),
    step("connecting", 2, host="mx1.a.test", address="192.0.2.1", port=25, tls="with TLS where it is offered"),
    step("connected", 12, local="10.0.0.7:4000"),
    step("heard", 42, line="220 mx1.a.test"),
    step("said", 42, line="EHLO mta.test"),
    step("heard", 52, line="250-mx1.a.test"),
    step("heard", 52, line="250 STARTTLS"),
    step("said", 52, line="STARTTLS"),
    step("heard", 62, line="220 go"),
    step("secured", 92, protocol="TLSv1.3", cipher="TLS_AES_256_GCM_SHA384"),
    step("said", 92, line="EHLO mta.test"),
    step("heard", 102, line="250 mx1.a.test"),
    step("said", 102, line="MAIL FROM:<a@b.test>"),
    step("said", 112, line="RCPT TO:<c@a.test>"),
    step("said", 122, line="DATA"),
    step("heard", 132, line="354 go"),
    step("content", 132, octets=12345),
    step("written", 142),
    step("heard", 642, line="451 4.7.1 later"),
    step("result", 642, recipient="c@a.test", result="deferred", reply="451 4.7.1 later", by="the peer"),
    step("result", 642, recipient="d@a.test", result="refused", reply="553 5.1.3 bad", by="Tidegate"),
    step("said", 5642, line="QUIT"),
    step("closed", 5652, why="we said QUIT"),
]  # fmt: skip


def shown(steps: list[dict[str, Any]], *, numbered: bool = False) -> list[str]:
    return [line for one in steps for line in trace_view.lines(one, numbered=numbered)]


def test_a_conversation_is_one_line_a_step() -> None:
    lines = shown(CONVERSATION)
    assert re.sub(r"\d\d:\d\d:\d\d", "TIME", lines[0]) == (
        "Connection 1 TIME: a.test/news from 203.0.113.7 (bound to 10.0.0.7) at yahoo"
    )
    assert lines[1:4] == [
        "      2.0   mail servers: mx1.a.test:25 (192.0.2.1)",
        "      2.0   connecting to mx1.a.test (192.0.2.1:25) with TLS where it is offered",
        "     12.0   connected from 10.0.0.7:4000",
    ]
    assert "     42.0 < 220 mx1.a.test" in lines
    assert "     92.0   TLS: TLSv1.3 TLS_AES_256_GCM_SHA384" in lines
    assert "    132.0 > (12,345 octets of content; --log-data shows the first)" in lines
    assert "    642.0 = c@a.test  deferred  451 4.7.1 later" in lines
    assert "    642.0 = d@a.test  refused, in our own words: 553 5.1.3 bad" in lines
    assert lines[-1] == "   5652.0   closed: we said QUIT"


def test_with_several_connections_each_line_has_its_number() -> None:
    assert shown([step("heard", connection=2, line="250 ok")], numbered=True) == ["2       1.0 < 250 ok"]


def test_a_content_keeps_its_indent_and_says_where_it_was_cut() -> None:
    content = step("content", octets=9_000, lines=["Received: from x", "\tby y", "", "Hi"], cut=True)
    assert shown([content]) == [
        "      1.0 > Received: from x",
        "      1.0 >         by y",
        "      1.0 >",
        "      1.0 > Hi",
        "      1.0 > (9,000 octets of content, cut here)",
    ]


def test_what_was_left_out_is_said() -> None:
    (line,) = shown([step("left-out", steps=120)])
    assert "120 steps are left out" in line


EVENTS = ["begun", "resolved", "connecting", "connected", "failed", "said", "heard", "content", "secured",
          "result", "closed", "left-out", "of a newer engine"]  # fmt: skip


@given(st.sampled_from(EVENTS), st.text() | st.just("\x1b]0;x\x07\x1b[2J\r\n\u202e\x9b31m"))
def test_nothing_that_a_stranger_says_reaches_the_terminal_as_more_than_text(event: str, evil: str) -> None:
    names = ("line", "why", "reply", "recipient", "result", "protocol", "cipher", "local", "host", "address",
             "queue", "source_ip", "provider", "bind", "tls", "steps")  # fmt: skip
    one = step(event, octets=1, hosts=[evil], lines=[evil], at=evil, port=25, **dict.fromkeys(names, evil))
    sums = Sums()
    sums.take(one)
    for line in [*shown([one]), *trace_view.summary(sums).splitlines()]:
        assert line.isprintable(), ascii(line)


def test_the_sums_tell_results_replies_and_where_every_millisecond_went() -> None:
    sums = Sums()
    for one in CONVERSATION:
        sums.take(one)
    assert sums.phases == {
        "names": 2, "connecting": 10, "greeting": 30, "EHLO": 20, "TLS": 40, "envelope": 30, "content": 10,
        "reply to the content": 500, "waiting for mail": 5_000, "QUIT": 10,
    }  # fmt: skip
    assert sum(sums.phases.values()) == CONVERSATION[-1]["ms"]
    assert trace_view.summary(sums).splitlines() == [
        "1 deferred, 1 refused",
        "  1 × 451 4.7.1 later",
        "  1 × 553 5.1.3 bad",
        "  names 2.0 ms, connecting 10.0 ms, greeting 30.0 ms, EHLO 20.0 ms, TLS 40.0 ms, envelope 30.0 ms,"
        " content 10.0 ms, reply to the content 500.0 ms, waiting for mail 5.0 s, QUIT 10.0 ms",
    ]
    assert sums.document() == {
        "event": "summary", "begun": 1, "ended": 1, "delivered": 0, "deferred": 1, "refused": 1,
        "phases_ms": sums.phases,
    }  # fmt: skip


def test_connections_side_by_side_are_timed_apart() -> None:
    sums = Sums()
    for one in (
        step("begun", 0, 1), step("begun", 0, 2), step("resolved", 3, 2), step("resolved", 5, 1),
        step("closed", 9, 2, why="refused"), step("closed", 6, 1, why="refused"),
    ):  # fmt: skip
        sums.take(one)
    assert sums.phases == {"names": 8, "connecting": 7}
    assert trace_view.summary(sums).splitlines()[:2] == [
        "2 connections: no recipient was answered", "  refused",
    ]  # fmt: skip


def queue(**more: Any) -> dict[str, Any]:
    return {"name": "a.test/news", "recipients": 12, "connections": 0, "paused": False, **more}


def chain(value: str, ip: str = "203.0.113.7", **more: Any) -> dict[str, Any]:
    return {"subject": f"a.test/news from {ip}", "terms": [{"value": value, "binding": True, **more}]}


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (queue(), "12 recipients wait."),
        (queue(recipients=1), "1 recipient waits."),
        (queue(recipients=0), "The queue is empty: it opens one when mail comes."),
        (queue(paused=True), "The queue is paused: nothing is opened until tidegate resume a.test/news."),
        (queue(next_retry_at="2026-11-23T14:05:00Z"), "(in 5m)."),
        (
            queue(connections=2),
            "2 connections are open already and may take the mail: only a new one is shown.",
        ),
        (queue(chains=[chain("2/h")]), "203.0.113.7 is limited to 2/h: it may take a while."),
        (queue(chains=[chain("2/h", until="2026-11-23T15:00:00Z")]), "(in 1h): it may take a while."),
    ],
)
def test_what_is_waited_for_is_said_at_once(found: dict[str, Any], said: str) -> None:
    text = trace_view.outlook("of a.test/news", found, NOW, None)
    assert text.startswith("Waiting for the next connection of a.test/news. ")
    assert said in text


@pytest.mark.parametrize(
    "chains",
    [
        [chain("100/m")],
        [chain("2/h", "203.0.113.17")],
        [chain("2/h", binding=False)],
        [{"subject": "", "terms": []}],
    ],
)
def test_limits_that_do_not_matter_are_not_told(chains: list[dict[str, Any]]) -> None:
    found = queue(chains=chains)
    assert "limited" not in trace_view.outlook("of a.test/news", found, NOW, "203.0.113.7")
