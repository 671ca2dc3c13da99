"""STARTTLS and AUTH over real sockets: our listener, our outbound connection, smtplib, and peers that cheat."""

import asyncio
import base64
import logging
import smtplib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path

import pytest
from certificates import Pair, pair
from smtp_scripts import BIG, QUICK, TEXT

from engine.listener import Listener, ListenerSettings
from engine.outbound import ConnectCause, ConnectFailed, OutboundConnection
from engine.smtp.client import TlsPolicy
from engine.smtp.limits import ServerLimits
from engine.smtp.message import ReceivedMessage
from engine.smtp.reply import Reply
from engine.submitters import Submitter, Submitters
from engine.tls import Certificate, TlsWish, opportunistic_context

CANARY = "hunter2-canary"
RECIPIENT = ("c@d.example",)


@pytest.fixture(name="files", scope="module")
def _files(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return pair(tmp_path_factory.mktemp("tls"))


@asynccontextmanager
async def listening(
    files: Pair, received: list[ReceivedMessage], relay: str = "127.0.0.0/8", **more: object
) -> AsyncIterator[Listener]:
    async def accept(message: ReceivedMessage) -> Reply:
        received.append(message)
        return Reply(250, "2.0.0", ("Queued",))

    settings = ListenerSettings(
        (("127.0.0.1", 0),),
        (ip_network(relay),),
        ServerLimits("mx.example"),
        stop_grace=2,
        certificate=Certificate(files.certificate, files.key),
        submitters=Submitters([Submitter.model_validate({"name": "ann", "password": CANARY})]),
        login_delay=0.0,
        **more,  # type: ignore[arg-type]
    )
    listener = Listener(settings, accept)
    await listener.start()
    try:
        yield listener
    finally:
        await listener.stop()


async def dial(port: int, policy: TlsPolicy, context: ssl.SSLContext | None = None) -> OutboundConnection:
    wish = TlsWish(policy, context or opportunistic_context(), "mx.example")
    return await OutboundConnection.open(
        "127.0.0.1", port, bind=None, hostname="mta.example", timeouts=QUICK, tls=wish
    )


# Our two halves


async def over_tls(files: Pair) -> None:
    received: list[ReceivedMessage] = []
    async with listening(files, received) as listener:
        connection = await dial(listener.addresses[0][1], TlsPolicy.OPPORTUNISTIC)
        assert connection.tls_protocol == "TLSv1.3"
        assert connection.tls_cipher.startswith("TLS_")
        for content in (TEXT, BIG, TEXT):
            result = await connection.deliver("a@b.example", RECIPIENT, content)
            assert (result.outcomes[0].reply.code, result.usable) == (250, True)
        await connection.close()
    assert [m.content for m in received] == [TEXT, BIG, TEXT]
    assert {(m.tls, m.cipher, m.protocol) for m in received} == {("TLSv1.3", connection.tls_cipher, "ESMTPS")}


async def test_mail_of_ten_megabytes_travels_inside_tls_and_both_sides_know_the_cipher(files: Pair) -> None:
    await over_tls(files)


def test_the_other_event_loop_carries_tls_too(files: Pair) -> None:
    factory = pytest.importorskip("uvloop").new_event_loop
    for story in (over_tls, injected_into_the_listener, handshake_with_garbage):
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(story(files))


async def test_a_certificate_is_verified_against_the_name_where_that_is_asked(
    files: Pair, tmp_path: Path
) -> None:
    stranger = pair(tmp_path, "mx.example")
    elsewhere = pair(tmp_path, "mx.elsewhere.example", stem="elsewhere")
    async with listening(files, []) as listener:
        port = listener.addresses[0][1]
        good = await dial(port, TlsPolicy.REQUIRED, files.client())
        assert good.tls_protocol == "TLSv1.3"
        await good.close()
        with pytest.raises(ConnectFailed, match="certificate verification failed") as failed:
            await dial(port, TlsPolicy.REQUIRED, stranger.client())
        assert failed.value.cause is ConnectCause.TLS
    async with listening(elsewhere, []) as listener:
        with pytest.raises(ConnectFailed, match="certificate verification failed"):
            await dial(listener.addresses[0][1], TlsPolicy.REQUIRED, elsewhere.client())


async def test_a_renewed_certificate_is_taken_up_without_a_restart(tmp_path: Path) -> None:
    files = pair(tmp_path, "mx.example")
    async with listening(files, []) as listener:
        first = files.client()
        await (await dial(listener.addresses[0][1], TlsPolicy.REQUIRED, first)).close()
        renewed = pair(tmp_path, "mx.example")
        await (await dial(listener.addresses[0][1], TlsPolicy.REQUIRED, renewed.client())).close()
        with pytest.raises(ConnectFailed):
            await dial(listener.addresses[0][1], TlsPolicy.REQUIRED, first)
        renewed.key.write_text("half written")
        await (await dial(listener.addresses[0][1], TlsPolicy.REQUIRED, renewed.client())).close()


# The listener and clients that cheat


async def injected_into_the_listener(files: Pair) -> None:
    received: list[ReceivedMessage] = []
    async with listening(files, received) as listener:
        reader, writer = await asyncio.open_connection(*listener.addresses[0])
        await reader.readline()
        writer.write(b"EHLO x\r\n")
        while (await reader.readline())[3:4] == b"-":
            pass
        writer.write(b"STARTTLS\r\nMAIL FROM:<evil@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\nx\r\n.\r\n")
        assert (await reader.readline()).startswith(b"220 ")
        await writer.start_tls(files.client(), server_hostname="mx.example")
        writer.write(b"NOOP\r\nRCPT TO:<c@d.example>\r\n")
        assert (await reader.readline()).startswith(b"250 2.0.0 Ok")  # nothing was said before it
        assert (await reader.readline()).startswith(b"503 5.5.1 Say EHLO first")
        writer.close()
        await writer.wait_closed()
    assert received == []


async def test_commands_in_the_segment_of_starttls_do_not_survive_the_handshake(files: Pair) -> None:
    await injected_into_the_listener(files)


async def handshake_with_garbage(files: Pair) -> None:
    async with listening(files, []) as listener:
        reader, writer = await asyncio.open_connection(*listener.addresses[0])
        writer.write(b"EHLO x\r\nSTARTTLS\r\n")
        while not (await reader.readline()).startswith(b"220 2.0.0"):
            pass
        writer.write(b"MAIL FROM:<evil@b.example>\r\n" * 10)
        assert b"250" not in await _rest(reader)
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)
        assert listener.sessions == 0  # nobody is remembered


async def test_a_client_whose_handshake_is_garbage_is_parted_with(files: Pair) -> None:
    await handshake_with_garbage(files)


async def test_a_client_that_never_shakes_hands_is_cut_off_and_hears_no_clear_text(files: Pair) -> None:
    async with listening(files, [], idle_timeout=0.2) as listener:
        reader, writer = await asyncio.open_connection(*listener.addresses[0])
        writer.write(b"EHLO x\r\nSTARTTLS\r\n")
        while not (await reader.readline()).startswith(b"220 2.0.0"):
            pass
        async with asyncio.timeout(5):
            left = await asyncio.gather(reader.read(), return_exceptions=True)
        assert left[0] == b"" or isinstance(left[0], ConnectionError)
        assert listener.sessions == 0
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


# AUTH with smtplib


def submit(port: int, files: Pair, password: str, *, tls: bool = True) -> str:
    """Send one message as a stranger to `relay_from`; the code that decided."""
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as smtp:
        if tls:
            context = files.client()
            context.check_hostname = False
            smtp.starttls(context=context)
        smtp.login("ann", password)
        smtp.sendmail("a@b.example", RECIPIENT, TEXT)
    return "sent"


async def test_a_submitter_logs_in_over_tls_and_relays_from_anywhere(files: Pair) -> None:
    received: list[ReceivedMessage] = []
    async with listening(files, received, relay="192.0.2.0/24") as listener:
        port = listener.addresses[0][1]
        assert await asyncio.to_thread(submit, port, files, CANARY) == "sent"
        with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
            await asyncio.to_thread(submit, port, files, "wrong")
        assert refused.value.smtp_code in {535, 421}
        with pytest.raises(smtplib.SMTPNotSupportedError):
            await asyncio.to_thread(submit, port, files, CANARY, tls=False)
    (message,) = received
    assert (message.user, message.protocol) == ("ann", "ESMTPSA")


async def test_clear_text_logins_are_had_on_loopback_where_the_operator_says_so(files: Pair) -> None:
    async with listening(files, [], relay="192.0.2.0/24", clear_login_on_loopback=True) as listener:
        port = listener.addresses[0][1]
        assert await asyncio.to_thread(submit, port, files, CANARY, tls=False) == "sent"


async def test_whoever_keeps_guessing_is_no_longer_asked_and_no_log_has_a_password(
    files: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with listening(files, [], relay="192.0.2.0/24") as listener:
        port = listener.addresses[0][1]
        codes = []
        for _ in range(7):
            with pytest.raises((smtplib.SMTPAuthenticationError, smtplib.SMTPServerDisconnected)) as refused:
                await asyncio.to_thread(submit, port, files, f"wrong-{CANARY}")
            codes.append(getattr(refused.value, "smtp_code", 0))
        with pytest.raises(smtplib.SMTPException):  # the right one comes too late
            await asyncio.to_thread(submit, port, files, CANARY)
    assert set(codes) <= {535, 454, 421}
    logged = "".join(repr(vars(record)) for record in caplog.records)
    assert "listener.login_failed" in logged
    assert CANARY not in logged


async def test_stop_does_not_wait_for_a_handshake_that_never_comes(files: Pair) -> None:
    async with listening(files, []) as listener:
        reader, writer = await asyncio.open_connection(*listener.addresses[0])
        writer.write(b"EHLO x\r\nSTARTTLS\r\n")
        while not (await reader.readline()).startswith(b"220 2.0.0"):
            pass
        async with asyncio.timeout(4):  # the grace is two seconds
            await listener.stop()
            while listener.sessions:
                await asyncio.sleep(0)
        assert b"421" not in await asyncio.wait_for(_rest(reader), 2)
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def _rest(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionError:
        return b""


async def test_a_user_name_cannot_write_lines_or_escapes_into_the_log(
    files: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    async with listening(files, [], relay="192.0.2.0/24", clear_login_on_loopback=True) as listener:
        reader, writer = await asyncio.open_connection(*listener.addresses[0])
        user = base64.b64encode(b"\0eve\r\nERROR all is lost\x1b[2J\xe2\x80\xae\0x")
        writer.write(b"EHLO x\r\nAUTH PLAIN " + user + b"\r\nQUIT\r\n")
        heard = await reader.read()
        assert b"535 5.7.8" in heard
        assert b"eve" not in heard
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)
    (record,) = [r for r in caplog.records if getattr(r, "event", "") == "listener.login_failed"]
    assert record.user == "eve ERROR all is lost [2J"  # type: ignore[attr-defined]
