"""The outbox's mails over real SMTP to a real receiver on loopback."""

import asyncio
import socket
from collections.abc import Iterator
from datetime import timedelta

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from core.clock import ManualClock
from monitor.notifications.rehearsal import rehearse
from monitor.notifications.samples import Scenario
from monitor.notifications.sender import Delivered, Sender
from monitor.notifications.settings import NotificationSettings, SmtpSettings, StartTls
from monitor.notifications.smtp import SmtpCourier
from storage import database, outbox
from storage.outbox import ClaimedMail, OutboxMail
from tests.unit.monitor.watching import (
    START,
    Rig,
    clean,
    listed,
    message,
    monitor_settings,
    rig,
    text_of,
)  # fmt: skip


class Receiver:
    """Takes mail, or answers what the test wants to RCPT and DATA."""

    def __init__(self) -> None:
        self.mails: list[Envelope] = []
        self.rcpt_reply = "250 OK"
        self.data_reply = "250 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's names
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.rcpt_reply.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.rcpt_reply

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.data_reply.startswith("250"):
            self.mails.append(envelope)
        return self.data_reply


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def port(receiver: Receiver, unused_port: int) -> Iterator[int]:
    controller = Controller(receiver, hostname="127.0.0.1", port=unused_port)
    controller.start()
    yield unused_port
    controller.stop()


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def told(port: int, **more: object) -> NotificationSettings:
    smtp = SmtpSettings(host="127.0.0.1", port=port, starttls=StartTls.NEVER, timeout=timedelta(seconds=5))
    return monitor_settings(smtp=smtp, **more).notifications


def sender_of(monitor: Rig, settings: NotificationSettings) -> Sender:
    return Sender(monitor.engine, monitor.clock, settings)


def put(monitor: Rig, key: str = "k") -> None:
    mime = (
        b"From: a@b\r\nTo: ops@example.com\r\nMessage-ID: <" + key.encode() + b"@x>\r\n\r\n.dot\r\nhello\r\n"
    )
    with database.session(monitor.engine) as session:
        mail = OutboxMail(
            idempotency_key=key, kind="test", recipients=("ops@example.com",), subject="s", mime=mime,
            created_at=monitor.clock.now(),
        )  # fmt: skip
        outbox.put(session, mail)


async def test_listing_update_and_end_arrive_as_one_thread(receiver: Receiver, port: int) -> None:
    with rig(monitor_settings(smtp=told(port).smtp)) as monitor:
        sender = sender_of(monitor, told(port))
        monitor.take(clean(monitor.clock.now()))
        for wait in (3600, 30):
            monitor.clock.advance(wait)
            monitor.take(listed(monitor.clock.now()))
        monitor.later(seconds=61)
        await sender.deliver()
        monitor.clock.advance(3600)
        now = monitor.clock.now()
        monitor.take(
            listed(now, codes={"127.0.0.3": "SBL CSS"}).model_copy(
                update={"detail": "listed: SBL CSS [127.0.0.3]"}
            )
        )
        monitor.later(minutes=20)
        await sender.deliver()
        for _ in range(7):
            monitor.clock.advance(3600)
            monitor.take(clean(monitor.clock.now()))
        monitor.later(seconds=61)
        assert await sender.deliver() == Delivered(sent=1)
    first, update, resolved = (message(bytes(e.content or b"")) for e in receiver.mails)
    assert [m["X-Tidegate-State"] for m in (first, update, resolved)] == ["firing", "update", "resolved"]
    assert update["References"] == resolved["References"] == first["Message-ID"]
    assert update["Subject"] == resolved["Subject"] == f"Re: {first['Subject']}"
    assert "SBL CSS" in text_of(update)
    assert receiver.mails[0].mail_from == "tidegate@mta.example"


async def test_a_host_that_is_away_gets_the_mail_later(receiver: Receiver, unused_port: int) -> None:
    with rig() as monitor:
        put(monitor)
        sender = sender_of(monitor, told(unused_port))
        assert await sender.deliver() == Delivered(failed=1)
        assert await sender.deliver() == Delivered()
        controller = Controller(receiver, hostname="127.0.0.1", port=unused_port)
        controller.start()
        try:
            monitor.clock.advance(31)
            assert await sender.deliver() == Delivered(sent=1)
        finally:
            controller.stop()
    assert len(receiver.mails) == 1


@pytest.mark.parametrize("where", ["rcpt_reply", "data_reply"])
async def test_a_4xx_is_tried_again_and_a_5xx_is_given_up(receiver: Receiver, port: int, where: str) -> None:
    with rig() as monitor:
        sender = sender_of(monitor, told(port))
        put(monitor, "one")
        setattr(receiver, where, "451 4.3.0 come back")
        assert await sender.deliver() == Delivered(failed=1)
        setattr(receiver, where, "550 5.1.1 never")
        monitor.clock.advance(31)
        assert await sender.deliver() == Delivered(dead=1)
        with database.reading(monitor.engine) as session:
            [given_up] = outbox.dead(session)
        assert "5.1.1 never" in given_up.last_error


async def test_a_crash_between_250_and_the_mark_repeats_the_same_message_id(
    receiver: Receiver, port: int
) -> None:
    settings = told(port)
    with rig() as monitor:
        put(monitor)
        with database.session(monitor.engine) as session:
            [claimed] = outbox.claim(session, monitor.clock.now(), settings.claim_for)
        assert isinstance(claimed, ClaimedMail)
        await SmtpCourier(settings.smtp, "a@b").carry(claimed)
        # here the process dies: nothing is marked
        sender = sender_of(monitor, settings)
        assert await sender.deliver() == Delivered(), "the dead one's claim holds"
        monitor.clock.advance(settings.claim_for.total_seconds() + 1)
        assert await sender.deliver() == Delivered(sent=1)
    first, second = receiver.mails
    assert first.content == second.content
    assert message(bytes(second.content or b""))["Message-ID"] == "<k@x>"


async def test_lines_that_begin_with_a_dot_arrive_as_they_are(receiver: Receiver, port: int) -> None:
    with rig() as monitor:
        put(monitor)
        await sender_of(monitor, told(port)).deliver()
    assert bytes(receiver.mails[0].content or b"").endswith(b"\r\n.dot\r\nhello\r\n")


@pytest.mark.parametrize("scenario", list(Scenario))
async def test_a_rehearsal_takes_the_real_way(receiver: Receiver, port: int, scenario: Scenario) -> None:
    settings = told(port)
    with rig() as monitor:
        rehearse(monitor.engine, scenario, START, settings, monitor.settings.digest)
        assert await sender_of(monitor, settings).deliver() == Delivered(sent=1)
    assert message(bytes(receiver.mails[0].content or b""))["X-Tidegate-Test"] == "yes"


async def test_two_senders_never_send_a_mail_twice(receiver: Receiver, port: int) -> None:
    with rig() as monitor:
        for number in range(10):
            put(monitor, f"k{number}")
        both = [sender_of(monitor, told(port)) for _ in range(2)]
        await asyncio.gather(*(sender.deliver() for sender in both))
    assert len(receiver.mails) == 10


async def test_the_loop_waits_on_the_clock(receiver: Receiver, port: int) -> None:
    with rig() as monitor:
        clock: ManualClock = monitor.clock
        running = asyncio.create_task(sender_of(monitor, told(port)).run(every=5))
        await asyncio.sleep(0)
        put(monitor)
        clock.advance(5)
        async with asyncio.timeout(5):
            while not receiver.mails:
                await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
