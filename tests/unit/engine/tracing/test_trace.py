"""A trace takes so many connections, keeps so much for a slow reader, and ends."""

import asyncio
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.tracing.steps import Step, StepKind
from engine.tracing.trace import Trace
from engine.tracing.wanted import Subject, Wanted

SUBJECT = Subject("yahoo.test", "marketing", "yahoo", ip_address("203.0.113.7"))
OTHER = Subject("yahoo.test", "bills", "yahoo", ip_address("203.0.113.7"))


def heard(line: str, number: int = 1) -> Step:
    return Step(number, 1.0, StepKind.HEARD, {"line": line})


def closed(number: int = 1) -> Step:
    return Step(number, 9.0, StepKind.CLOSED, {"why": "we said QUIT"})


async def told(trace: Trace) -> list[Step]:
    async with asyncio.timeout(5):
        return [step async for step in trace.steps()]


def test_only_so_many_connections_are_taken_and_each_has_its_number() -> None:
    trace = Trace(Wanted(vmta="marketing", connections=2))
    assert [trace.begins(one) for one in (OTHER, SUBJECT, OTHER, SUBJECT, SUBJECT)] == [
        None,
        1,
        None,
        2,
        None,
    ]


async def test_it_ends_with_the_end_of_the_last_connection() -> None:
    trace = Trace(Wanted(connections=2))
    following = asyncio.create_task(told(trace))
    for step in (heard("250 a"), closed(2), heard("250 b")):
        trace.tell(step)
        await asyncio.sleep(0)
    assert not following.done()
    trace.tell(closed(1))
    assert [step.kind for step in await following] == ["heard", "closed", "heard", "closed"]


async def test_a_slow_reader_hears_how_much_was_left_out_and_every_end() -> None:
    trace = Trace(Wanted(connections=2), most_waiting=2_450)
    for place in range(100):
        trace.tell(heard(f"250 {place:0>1000}"))
    trace.tell(closed(1))
    for place in range(100):
        trace.tell(heard(f"250 {place:0>1000}", 2))
    trace.tell(closed(2))
    found = await told(trace)
    assert [step.kind for step in found] == ["heard", "heard", "left-out", "closed", "left-out", "closed"]
    assert [step.fields.get("steps") for step in found if step.kind is StepKind.LEFT_OUT] == [98, 100]


async def test_who_has_caught_up_misses_nothing_more() -> None:
    trace = Trace(Wanted(), most_waiting=1_500)
    reading = trace.steps()
    found: list[Any] = []
    for place in range(20):
        trace.tell(heard(f"250 {place:0>1000}"))
        found.append((await anext(reading)).fields["line"][-2:])
    assert found == [f"{place:0>2}" for place in range(20)]
    await reading.aclose()


@given(st.lists(st.integers(0, 5_000), max_size=60), st.integers(500, 20_000))
def test_what_waits_is_bounded_whatever_comes(lengths: list[int], most: int) -> None:
    trace = Trace(Wanted(), most_waiting=most)
    for length in lengths:
        trace.tell(Step(1, 1.0, StepKind.CONTENT, {"octets": 1}, {"lines": ["x" * length]}))
        assert trace._size <= most
        assert sum(len(step.content.get("lines", [""])[0]) for step, _ in trace._waiting) <= most


@pytest.mark.parametrize("with_content", [True, False])
def test_content_is_told_to_those_who_asked_for_it_alone(*, with_content: bool) -> None:
    step = Step(1, 1.0, StepKind.CONTENT, {"octets": 9}, {"lines": ["Subject: x"], "cut": False})
    assert ("lines" in step.document(with_content=with_content)) is with_content
    assert step.document(with_content=with_content)["octets"] == 9


async def test_nothing_is_kept_for_one_who_has_gone() -> None:
    trace = Trace(Wanted())
    trace.close()
    trace.tell(heard("250 ok"))
    assert not trace._waiting
    assert await told(trace) == []
