"""Conversations with the mail programs that everybody else uses, TLS and AUTH included."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiosmtplib
import pytest
from certificates import Pair, pair
from small_engine import DOMAIN, accounted, engine, mailbox, send, until
from smtp_scripts import TEXT
from system_peers import exim, postfix, run, smtp_sink, tool

from engine.service import Running
from engine.smtp.message import ReceivedMessage

pytestmark = pytest.mark.system

USER, PASSWORD = "ann", "open sesame"
RECIPIENT = f"c@{DOMAIN}"
DOT = b"Subject: dots\r\n\r\n.leading\r\n..two\r\n.\r\nend\r\n"


@pytest.fixture(name="files", scope="module")
def _files(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return pair(tmp_path_factory.mktemp("tls"), "mta.example")


@asynccontextmanager
async def submission(folder: Path, files: Pair) -> AsyncIterator[tuple[Running, list[ReceivedMessage]]]:
    """An engine that offers TLS, lets only those who log in relay, and delivers to a mailbox."""
    doors = {
        "tls": {"certificate": str(files.certificate), "key": str(files.key)},
        "submitters": [{"name": USER, "password": PASSWORD}],
        "relay-from": ["192.0.2.0/24"],
    }
    async with mailbox() as (port, taken), engine(folder, {DOMAIN: port}, **doors) as run_:
        yield run_, taken


def bodies(messages: list[bytes]) -> list[bytes]:
    """The texts, in order and with LF: a mailbox keeps those, and Postfix adds header fields of its own."""
    return sorted(text.replace(b"\r\n", b"\n").partition(b"\n\n")[2] for text in messages)


# Submitters


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
async def test_swaks_submits_over_tls_with_auth(mechanism: str, files: Pair, tmp_path: Path) -> None:
    swaks = tool("swaks", "swaks libnet-ssleay-perl")
    async with submission(tmp_path, files) as (engine_, taken):
        host, port = engine_.smtp[0]
        code, said = await run(
            swaks, "--server", f"{host}:{port}", "--from", "a@b.example", "--to", RECIPIENT, "--tls",
            "--auth", mechanism, "--auth-user", USER, "--auth-password", PASSWORD, "--ehlo", "swaks.example",
        )  # fmt: skip
        assert code == 0, said
        assert "235 2.7.0" in said
        await until(lambda: bool(taken))
        assert b"This is a test mailing" in taken[0].content
        assert b"from swaks.example" in taken[0].content
        assert b"with ESMTPSA" in taken[0].content


async def test_swaks_is_refused_with_a_wrong_password_and_in_the_clear(files: Pair, tmp_path: Path) -> None:
    swaks = tool("swaks", "swaks libnet-ssleay-perl")
    async with submission(tmp_path, files) as (engine_, taken):
        host, port = engine_.smtp[0]
        common = (swaks, "--server", f"{host}:{port}", "--from", "a@b.example", "--to", RECIPIENT)
        login = ("--auth", "PLAIN", "--auth-user", USER, "--auth-password")
        code, said = await run(*common, "--tls", *login, "wrong")
        assert (code, "535 5.7.8" in said) == (28, True), said
        code, said = await run(*common, *login, PASSWORD)
        assert code == 28, said  # swaks: no AUTH offered
        code, said = await run(*common)
        assert (code, "550 5.7.1 Relaying denied" in said) == (24, True), said
        assert taken == []


async def test_curl_submits_over_verified_tls_with_auth(files: Pair, tmp_path: Path) -> None:
    curl = tool("curl", "curl")
    async with submission(tmp_path, files) as (engine_, taken):
        _, port = engine_.smtp[0]
        (tmp_path / "mail").write_bytes(DOT)
        code, said = await run(
            curl, "--silent", "--show-error", f"smtp://mta.example:{port}/curl.example", "--connect-to",
            f"mta.example:{port}:127.0.0.1:{port}", "--ssl-reqd", "--cacert", str(files.certificate),
            "--user", f"{USER}:{PASSWORD}", "--mail-from", "a@b.example", "--mail-rcpt", RECIPIENT,
            "--upload-file", str(tmp_path / "mail"), "--noproxy", "*",
        )  # fmt: skip
        assert code == 0, said
        await until(lambda: bool(taken))
        assert taken[0].content.endswith(DOT)


async def test_smtp_source_offers_two_hundred_messages_over_twenty_sessions(tmp_path: Path) -> None:
    source = tool("smtp-source", "postfix")
    async with mailbox() as (port, taken), engine(tmp_path, {DOMAIN: port}) as engine_:
        host, own = engine_.smtp[0]
        code, said = await run(
            source, "-s", "20", "-m", "200", "-l", "3000", "-f", "a@b.example", "-t", RECIPIENT,
            f"inet:{host}:{own}",
        )  # fmt: skip
        assert code == 0, said
        await until(lambda: len(taken) == 200)


async def test_postfix_submits_over_tls_with_auth(files: Pair, tmp_path: Path) -> None:
    async with submission(tmp_path, files) as (engine_, taken):
        async with postfix(files, engine_.smtp[0][1], USER, PASSWORD) as peer:
            await aiosmtplib.send(
                DOT, sender="a@b.example", recipients=[RECIPIENT, f"d@{DOMAIN}"],
                hostname="127.0.0.1", port=peer.port, start_tls=False,
            )  # fmt: skip
            try:
                await until(lambda: sum(len(m.recipients) for m in taken) == 2)
            except TimeoutError:
                pytest.fail(peer.logged())
            assert set(bodies([m.content for m in taken])) == set(bodies([DOT]))
            assert all(b"from mx.postfix.example" in m.content for m in taken)
            assert "status=sent (250 2.0.0 queued as" in peer.logged()
            assert "TLS connection established to 127.0.0.1" in peer.logged()
    assert {record["rcvSmtpUser"] for record in accounted(tmp_path, "received")} == {USER}


# Receiving peers


async def test_postfix_receives_over_tls(files: Pair, tmp_path: Path) -> None:
    async with postfix(files) as peer, engine(tmp_path, {"postfix.example": peer.port}) as engine_:
        for content in (TEXT, DOT):
            await send(engine_, "c@postfix.example", content=content)
        try:
            await until(lambda: len(peer.messages()) == 2)
        except TimeoutError:
            pytest.fail(peer.logged())
        assert all(re.search(rb"using TLSv1\.\d with cipher", kept) for kept in peer.messages())
        assert bodies(peer.messages()) == bodies([TEXT, DOT])
    delivered = accounted(tmp_path, "delivered")
    assert {record["dlvTlsProtocol"] for record in delivered} == {"TLSv1.3"}
    assert {record["dsnStatus"] for record in delivered} == {"2.0.0"}


async def test_postfix_refuses_to_relay_and_its_words_are_booked_verbatim(
    files: Pair, tmp_path: Path
) -> None:
    async with postfix(files) as peer, engine(tmp_path, {"elsewhere.example": peer.port}) as engine_:
        await send(engine_, "c@elsewhere.example")
        await until(lambda: "Relay access denied" in peer.logged())
    (record,) = (r for r in accounted(tmp_path, "bounced") if r["rcpt"] == "c@elsewhere.example")
    assert record["dsnDiag"] == "554 5.7.1 <c@elsewhere.example>: Relay access denied"


async def test_exim_receives_over_tls_and_refuses_what_it_does_not_host(files: Pair, tmp_path: Path) -> None:
    async with exim(files) as peer:
        ports = {"exim.example": peer.port, "elsewhere.example": peer.port}
        async with engine(tmp_path, ports) as engine_:
            for content in (TEXT, DOT):
                await send(engine_, "c@exim.example", content=content)
            await send(engine_, "c@elsewhere.example")
            try:
                await until(lambda: len(peer.messages()) == 2)
            except TimeoutError:
                pytest.fail(peer.logged())
            assert bodies(peer.messages()) == bodies([TEXT, DOT])
            assert all(b"with esmtps" in kept for kept in peer.messages())
            await until(lambda: "relay not permitted" in peer.logged())
    assert {record["dlvTlsProtocol"] for record in accounted(tmp_path, "delivered")} == {"TLSv1.3"}
    (bounced,) = (r for r in accounted(tmp_path, "bounced") if r["rcpt"] == "c@elsewhere.example")
    assert "550 relay not permitted" in bounced["dsnDiag"]


async def test_smtp_sink_takes_fifty_messages(tmp_path: Path) -> None:
    async with smtp_sink() as peer, engine(tmp_path, {DOMAIN: peer.port}) as engine_:
        for number in range(50):
            await send(engine_, f"c{number}@{DOMAIN}")
        await until(lambda: len(peer.messages()) == 50)
        await until(lambda: engine_.engine.spool.size().messages == 0)
    assert len(accounted(tmp_path, "delivered")) == 50
