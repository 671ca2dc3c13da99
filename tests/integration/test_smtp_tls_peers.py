"""Our outbound connection and peers that cheat about STARTTLS."""

import asyncio

import pytest
from certificates import Pair, pair
from smtp_scripts import TEXT, Script, scripted
from test_smtp_tls import RECIPIENT, dial

from engine.outbound import ConnectCause, ConnectFailed
from engine.smtp.client import TlsPolicy


@pytest.fixture(name="files", scope="module")
def _files(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return pair(tmp_path_factory.mktemp("tls"))


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
