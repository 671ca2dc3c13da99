"""A stranger answers in SNDS' place: bounded in time and memory, told, and unknown. Over real HTTP."""

import asyncio
import logging
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from snds_lab import IP, KEY, serving

from core.clock import ManualClock, SystemClock
from core.errors import SignalError
from core.reading import Quality, Status
from lab.snds_faults import SndsBehaviour
from lab.snds_server import SndsServer
from monitor.collectors.collected import Collected
from monitor.collectors.snds import SndsCollector
from monitor.collectors.snds_parser import data_rows, parse_data
from monitor.collectors.snds_settings import SndsSettings
from monitor.health import OutcomeKind

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
MIB = 1_048_576


@pytest.fixture
def server() -> Iterator[SndsServer]:
    with serving(ManualClock(NOW)) as running:
        yield running


async def collect(server: SndsServer, **settings: Any) -> Collected:
    account = {"name": "main", "key": KEY, "base-url": server.url}
    collector = SndsCollector(SndsSettings.model_validate({"accounts": [account], **settings}))
    try:
        return await collector.collect([IP], NOW)
    finally:
        await collector.aclose()


HOSTILE = [
    (SndsBehaviour.SIGN_IN, "web page"),
    (SndsBehaviour.ERROR, "HTTP 500"),
    (SndsBehaviour.EMPTY, "nothing at all"),
    (SndsBehaviour.MISSING, "HTTP 404"),
    (SndsBehaviour.NO_CONTENT, "HTTP 204"),
    (SndsBehaviour.REDIRECT, "sent us elsewhere"),
    (SndsBehaviour.TRUNCATED, "could not be read"),
    (SndsBehaviour.CUT, "cut short"),
    (SndsBehaviour.WRONG_ENCODING, "UTF-8"),
    (SndsBehaviour.HUGE, "more than 4194304 bytes"),
    (SndsBehaviour.BOMB, "more than 4194304 bytes"),
    (SndsBehaviour.SLOW, "did not finish within"),
]


def test_every_way_to_misbehave_is_tried() -> None:
    assert {behaviour for behaviour, _ in HOSTILE} == set(SndsBehaviour) - {SndsBehaviour.NORMAL}


@pytest.mark.parametrize(("behaviour", "words"), HOSTILE, ids=[b.name for b, _ in HOSTILE])
async def test_it_is_told_and_everything_is_unknown(
    server: SndsServer, behaviour: SndsBehaviour, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    server.behaviour = behaviour
    with caplog.at_level(logging.DEBUG):
        collected = await collect(
            server,
            max_body=4 * MIB,
            timeout=timedelta(seconds=0.5 if behaviour is SndsBehaviour.SLOW else 20),
        )
    assert {(r.metric, r.status, r.quality) for r in collected.readings} == {
        ("ip-status", Status.UNKNOWN, Quality.ERROR)
    }
    (outcome,) = collected.outcomes
    assert outcome.kind is OutcomeKind.FAILED
    assert words in outcome.reason
    assert collected.activity == []
    assert KEY not in repr(collected) + caplog.text


@pytest.mark.parametrize("behaviour", [SndsBehaviour.HUGE, SndsBehaviour.BOMB])
async def test_a_hundred_megabytes_cost_no_more_than_the_limit(
    server: SndsServer, behaviour: SndsBehaviour
) -> None:
    server.behaviour = behaviour
    tracemalloc.start()
    try:
        await collect(server, max_body=4 * MIB, timeout="60s")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * MIB, f"{peak / MIB:.0f} MiB"


async def test_a_circle_of_redirects_is_not_entered(server: SndsServer) -> None:
    server.behaviour = SndsBehaviour.REDIRECT
    await collect(server)
    assert len(server.asked) == 3, "two days, then the status"


async def test_a_server_that_drips_is_left_after_the_timeout_and_the_loop_goes_on(server: SndsServer) -> None:
    server.behaviour = SndsBehaviour.SLOW
    clock, turns = SystemClock(), 0
    begun = clock.monotonic_ns()
    task = asyncio.create_task(collect(server, timeout=timedelta(seconds=0.3)))
    while not task.done():
        await asyncio.sleep(0.01)
        turns += 1
    assert clock.monotonic_ns() - begun < 10 * 10**9, "three requests of 0.3 s"
    assert turns > 20


def test_an_answer_about_a_million_strangers_is_read_row_by_row() -> None:
    body = b"198.51.100.1,,,,,,,,,,,,,\r\n" * 100_000
    tracemalloc.start()
    try:
        count = sum(1 for _ in data_rows(body))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 100_000
    assert peak < len(body) + 4 * MIB, f"{peak / MIB:.0f} MiB for {len(body) / MIB:.0f}"


def test_json_is_read_up_to_a_size_that_its_objects_fit_into_memory() -> None:
    most = b"[" + b"{}," * (4 * MIB // 3 - 1) + b"{}]"
    tracemalloc.start()
    try:
        for body in (most, most * 4):
            with pytest.raises(SignalError):
                parse_data(body)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 160 * MIB, f"{peak / MIB:.0f} MiB"
