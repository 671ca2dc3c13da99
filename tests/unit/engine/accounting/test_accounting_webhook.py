"""The webhook: at least once, signed, bounded, and never in the way."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from core.clock import ManualClock
from core.signature import signature
from engine.accounting.records import Record
from engine.accounting.settings import RecordKind, WebhookSettings
from engine.accounting.webhook import Webhook, next_wait


class Receiver:
    """Answers with the statuses it is given, then 200, and keeps what it was sent."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.posts: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.posts.append(request)
        return httpx.Response(self.statuses.pop(0) if self.statuses else 200)


def hook(clock: ManualClock, folder: Path, receiver: Receiver, **more: Any) -> Webhook:
    settings = WebhookSettings(url="https://receiver.test/x", buffer=folder / "buffer", **more)
    return Webhook(settings, clock, httpx.MockTransport(receiver))


def records(clock: ManualClock, *rcpts: str) -> list[Record]:
    return [Record(RecordKind.DELIVERED, clock.now(), {"rcpt": rcpt}) for rcpt in rcpts]


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not happened():
            await asyncio.sleep(0.005)


async def test_batches_are_signed_json_lines(tmp_path: Path) -> None:
    clock, receiver = ManualClock(), Receiver()
    webhook = hook(clock, tmp_path, receiver, secret=SecretStr("sesame"), batch_size=2)
    webhook.open()
    webhook.put(records(clock, "a@x.test", "b@x.test", "c@x.test"), clock.now())
    await until(lambda: webhook.posted == 2 and webhook.batches() == [])
    await webhook.close()
    first = receiver.posts[0]
    assert [json.loads(line)["rcpt"] for line in first.content.splitlines()] == ["a@x.test", "b@x.test"]
    at, _, mac = first.headers["Tidegate-Signature"].removeprefix("t=").partition(",v1=")
    expected = hmac.new(b"sesame", f"{at}.".encode() + first.content, hashlib.sha256).hexdigest()
    assert mac == expected
    assert signature("sesame", int(at), first.content) == first.headers["Tidegate-Signature"]
    assert webhook.batches() == []


async def test_a_refused_batch_is_tried_again_after_growing_waits(tmp_path: Path) -> None:
    clock, receiver = ManualClock(), Receiver(500, 302, 429)
    webhook = hook(clock, tmp_path, receiver)
    webhook.open()
    webhook.put(records(clock, "a@x.test"), clock.now())
    for tries, wait in enumerate((1, 2, 4), 1):
        await until(lambda tries=tries: webhook.failed == tries)
        assert webhook.problem.startswith("the accounting webhook fails")
        await asyncio.sleep(0.01)
        assert len(receiver.posts) == tries
        clock.advance(wait)
    await until(lambda: webhook.posted == 1)
    assert webhook.problem == ""
    assert len({post.headers["Tidegate-Batch"] for post in receiver.posts}) == 1
    await webhook.close()


async def test_what_was_not_taken_is_posted_after_a_restart(tmp_path: Path) -> None:
    clock, receiver = ManualClock(), Receiver(503)
    first = hook(clock, tmp_path, receiver)
    first.open()
    first.put(records(clock, "a@x.test"), clock.now())
    await until(lambda: first.failed == 1)
    await first.close()
    (first.folder / "torn.part").write_text("half")
    second = hook(clock, tmp_path, receiver)
    second.open()
    await until(lambda: second.posted == 1)
    await second.close()
    assert not (first.folder / "torn.part").exists()


async def test_the_buffer_is_bounded_and_the_oldest_goes_first(tmp_path: Path) -> None:
    clock = ManualClock()
    webhook = hook(clock, tmp_path, Receiver(), max_buffer=65_536, batch_size=1)
    webhook.folder.mkdir(parents=True)
    webhook._loop = asyncio.get_running_loop()
    for place in range(10):
        webhook.put(records(clock, f"{place}{'x' * 10_000}@x.test"), clock.now())
        clock.advance(1)
    left = [json.loads(path.read_bytes())["rcpt"][0] for path in webhook.batches()]
    assert left == [str(place) for place in range(4, 10)]
    assert webhook.dropped == 4


async def test_a_batch_that_nobody_takes_is_given_up(tmp_path: Path) -> None:
    clock, receiver = ManualClock(), Receiver(*[400] * 3)
    webhook = hook(clock, tmp_path, receiver, give_up_after=timedelta(seconds=2))
    webhook.open()
    webhook.put(records(clock, "a@x.test"), clock.now())
    await until(lambda: webhook.failed == 1)
    await asyncio.sleep(0.01)
    clock.advance(5)
    await until(lambda: webhook.dropped == 1)
    await webhook.close()


def test_the_waits_double_up_to_the_longest() -> None:
    settings = WebhookSettings(url="http://x.test", max_retry_after=timedelta(seconds=30))
    waits = [next_wait(settings, failures).total_seconds() for failures in (1, 2, 3, 4, 5, 6, 7, 1000)]
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30]


@pytest.mark.parametrize("url", ["file:///etc/passwd", "receiver", "https://user:secret@x.test/"])
def test_only_web_addresses_without_credentials_are_taken(url: str) -> None:
    with pytest.raises(ValidationError):
        WebhookSettings(url=url)
