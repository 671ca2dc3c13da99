"""The dead man's switch: well, or not, and never silent for what the other side did."""

from datetime import timedelta

import httpx
import pytest
from pydantic import SecretStr

from monitor.notifications.heartbeat import Beat, Heart, Verdict
from monitor.notifications.settings import HeartbeatSettings
from storage import database, outbox
from storage.outbox import OutboxMail
from tests.unit.monitor.watching import START, Rig, rig

URL = "https://hc.example/ping/uuid"


async def beat(monitor: Rig, status: int = 200) -> tuple[Verdict, list[str]]:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(status)

    settings = HeartbeatSettings(url=SecretStr(URL))
    heart = Heart(monitor.engine, monitor.clock, settings, httpx.MockTransport(answer))
    return await heart.beat(), seen


def put(monitor: Rig, *, held: timedelta | None = None) -> None:
    mail = OutboxMail(
        idempotency_key="k", kind="new", recipients=("ops@example.com",), subject="s", mime=b"", created_at=START,
        not_before=None if held is None else START + held,
    )  # fmt: skip
    with database.session(monitor.engine) as session:
        outbox.put(session, mail)


def fail(monitor: Rig, *, dead: bool) -> None:
    with database.session(monitor.engine) as session:
        [claimed] = outbox.claim(session, START, timedelta(minutes=5))
        if dead:
            outbox.mark_dead(session, claimed, START, "550 no")
        else:
            outbox.mark_failed(session, claimed, START, "451 later")


async def test_all_is_well_while_messages_get_out() -> None:
    with rig() as monitor:
        assert await beat(monitor) == (Verdict(Beat.WELL), [URL])


async def test_a_message_that_waits_for_its_hour_is_no_trouble() -> None:
    with rig() as monitor:
        put(monitor, held=timedelta(hours=9))
        monitor.clock.advance(8 * 3600)
        assert (await beat(monitor))[1] == [URL]


@pytest.mark.parametrize(
    ("dead", "minutes", "address"), [(False, 29, URL), (False, 31, f"{URL}/fail"), (True, 1, f"{URL}/fail")]
)
async def test_messages_that_do_not_get_out_are_told(*, dead: bool, minutes: int, address: str) -> None:
    with rig() as monitor:
        put(monitor)
        fail(monitor, dead=dead)
        monitor.clock.advance(minutes * 60)
        verdict, seen = await beat(monitor)
    assert seen == [address]
    assert ("not sent" in verdict.reason or "given up" in verdict.reason) is (address != URL)


async def test_a_service_that_is_away_stops_nothing() -> None:
    with rig() as monitor:
        assert (await beat(monitor, status=503))[0].beat is Beat.WELL
