"""STARTTLS and AUTH over real sockets: our listener, our outbound connection, smtplib, and peers that cheat."""

import asyncio
import logging
import smtplib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path

import pytest
from certificates import Pair, pair
from smtp_scripts import BIG, QUICK, TEXT, Script, scripted

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
        assert b"250" not in await reader.read()
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


# Our outbound connection and peers that cheat


def peer(*answers: bytes, offer: bool = True) -> Script:
    """Greets, offers STARTTLS, and answers each further command with the next answer."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx.example ESMTP\r\n")
        await reader.readline()
        writer.write(b"250-mx.example\r\n250 STARTTLS\r\n" if offer else b"250 mx.example\r\n")
        for answer in answers:
            if not await reader.readline():
                return
            writer.write(answer)
        await reader.read(100)

    return script


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (peer(b"220 go\r\nnot TLS at all\r\n"), "TLS handshake failed"),
        (peer(b"220 go\r\n"), "TLS handshake failed"),
        (peer(b""), "while waiting for the reply to STARTTLS"),
    ],
)
async def test_a_handshake_that_fails_is_no_connection_and_says_why(script: Script, why: str) -> None:
    async with scripted(script) as port:
        with pytest.raises(ConnectFailed, match=why) as failed:
            await dial(port, TlsPolicy.OPPORTUNISTIC)
    assert failed.value.cause is ConnectCause.TLS
    assert failed.value.reply is not None
    assert failed.value.reply.is_transient


async def test_with_tls_required_a_peer_that_does_not_offer_it_gets_no_mail_in_the_clear() -> None:
    heard = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx.example ESMTP\r\n")
        heard.append(await reader.readline())
        writer.write(b"250 mx.example\r\n")
        heard.append(await reader.read())

    async with scripted(script) as port:
        with pytest.raises(ConnectFailed, match=r"450 4\.7\.4 TLS required but not offered") as failed:
            await dial(port, TlsPolicy.REQUIRED)
        await asyncio.sleep(0)
    assert failed.value.cause is ConnectCause.TLS
    assert heard[0] == b"EHLO mta.example\r\n"
    assert heard[1:] in ([], [b""])


async def test_replies_injected_before_tls_are_not_taken_for_the_peers(files: Pair) -> None:
    """The attacker answers EHLO, MAIL and RCPT in the clear behind the go-ahead; the peer refuses inside."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx.example ESMTP\r\n")
        await reader.readline()
        writer.write(b"250-mx.example\r\n250 STARTTLS\r\n")
        await reader.readline()
        writer.write(b"220 go\r\n250-evil\r\n250 PIPELINING\r\n250 ok\r\n250 ok\r\n354 go\r\n250 stolen\r\n")
        await writer.start_tls(files.server())
        await reader.readline()
        writer.write(b"250 mx.example\r\n")
        await reader.readline()
        writer.write(b"550 5.7.1 no\r\n")
        await reader.read(100)

    async with scripted(script) as port:
        connection = None
        try:
            # Octets in front of the peer's handshake usually break it; where they do not, they count for nothing.
            connection = await dial(port, TlsPolicy.OPPORTUNISTIC)
        except ConnectFailed as failed:
            assert failed.cause is ConnectCause.TLS  # noqa: PT017 - both ends are good ends
        if connection is not None:
            assert dict(connection.extensions) == {}
            result = await connection.deliver("a@b.example", RECIPIENT, TEXT)
            assert result.outcomes[0].reply.text == "550 5.7.1 no"
            await connection.close()
