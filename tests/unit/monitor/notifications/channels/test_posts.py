"""Posting: what an answer means, and what never gets into an error."""

from datetime import timedelta

import httpx
import pytest
from pydantic import SecretStr

from core.clock import ManualClock
from monitor.notifications.channels.couriers import couriers
from monitor.notifications.channels.post import HttpCourier, Post, judge, send
from monitor.notifications.channels.settings import ChannelSettings, SlackSettings, WebhookSettings
from monitor.notifications.courier import Postponed, Refused
from monitor.notifications.settings import NotificationSettings
from tests.unit.monitor.notifications.bulletins import NOON, bulletin, claimed

PATIENCE = timedelta(seconds=2)


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_a_good_answer_is_one(status: int) -> None:
    judge(status, "", "ok")


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_wrong_message_is_refused_for_good(status: int) -> None:
    with pytest.raises(Refused, match=f"{status}: invalid event"):
        judge(status, "", "invalid event")


@pytest.mark.parametrize("status", [301, 401, 403, 404, 410, 429, 500, 503])
def test_what_may_pass_or_be_mended_is_tried_again(status: int) -> None:
    with pytest.raises(Postponed):
        judge(status, "", "")


@pytest.mark.parametrize(
    ("header", "wait"), [("30", 30), ("", 0), ("soon", 0), ("-1", 0), ("99999", 3_600), ("9" * 400, 0)]
)
def test_the_other_sides_wish_to_wait_is_kept_within_an_hour(header: str, wait: int) -> None:
    with pytest.raises(Postponed) as caught:
        judge(429, header, "slow down")
    assert caught.value.wait == timedelta(seconds=wait)


async def test_a_bulletin_is_posted_as_its_channel_words_it() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(202)

    courier = HttpCourier(
        lambda said, _now: Post("https://x.example/y", said.key.encode(), {"A": "b"}),
        ManualClock(NOON), PATIENCE, httpx.MockTransport(answer),
    )  # fmt: skip
    await courier.carry(claimed(bulletin()))
    [request] = seen
    assert (request.method, str(request.url), request.content) == (
        "POST", "https://x.example/y", bulletin().key.encode(),
    )  # fmt: skip
    assert (request.headers["Content-Type"], request.headers["A"]) == ("application/json", "b")


async def test_an_endless_answer_is_not_read_to_its_end() -> None:
    async def endless():  # type: ignore[no-untyped-def]  # noqa: ANN202 - a stream for httpx
        while True:
            yield b"x" * 1_000

    transport = httpx.MockTransport(lambda _request: httpx.Response(500, content=endless()))
    with pytest.raises(Postponed, match="500: xxx"):
        await send(Post("https://x.example", b""), PATIENCE, transport)


@pytest.mark.parametrize("url", ["https://user:s3cret@127.0.0.1:1/T/s3cret", "nonsense://s3cret", "s3cret"])
async def test_no_error_tells_the_address(url: str) -> None:
    with pytest.raises(Postponed) as caught:
        await send(Post(url, b""), PATIENCE)
    assert "s3cret" not in str(caught.value)


async def test_what_the_other_side_says_is_made_printable() -> None:
    transport = httpx.MockTransport(
        lambda _request: httpx.Response(400, content=b"no\x1b[31m\r\nX: y" + b"z" * 900)
    )
    with pytest.raises(Refused) as caught:
        await send(Post("https://x.example", b""), PATIENCE, transport)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) <= 200


def test_every_channel_of_the_configuration_has_a_courier() -> None:
    channels = ChannelSettings(
        webhooks={"hook": WebhookSettings(url=SecretStr("https://x.example"))},
        slack={"chat": SlackSettings(url=SecretStr("https://y.example"))},
    )
    assert set(couriers(NotificationSettings(channels=channels), ManualClock(NOON))) == {"", "hook", "chat"}
