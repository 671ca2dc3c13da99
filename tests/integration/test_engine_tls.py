"""TLS through the whole engine: opportunistic, remembered failures, required, verified, and accounted for."""

import asyncio
import smtplib
from ipaddress import ip_address
from pathlib import Path

import pytest
from certificates import Pair, pair
from small_engine import DOMAIN, accounted, engine, mailbox, name_server, send, until
from smtp_scripts import TEXT

from core.clock import SystemClock
from core.errors import OperatorError
from engine.delivery.encryption import CLEAR_FOR
from engine.service import check
from engine.settings import EngineSettings
from engine.tls import Certificate
from lab.zones import Zones

RECIPIENT = f"c@{DOMAIN}"


@pytest.fixture(name="files", scope="module")
def _files(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return pair(tmp_path_factory.mktemp("tls"), "mx.d.example")


class Broken:
    """A peer that offers STARTTLS and cannot; in the clear it takes mail. Counts both."""

    def __init__(self) -> None:
        self.tried = 0
        self.taken = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 broken\r\n")
        while line := (await reader.readline()).upper():
            if line.startswith(b"EHLO"):
                writer.write(b"250-broken\r\n250 STARTTLS\r\n")
            elif line.startswith(b"STARTTLS"):
                self.tried += 1
                writer.write(b"220 go\r\n220 no TLS here at all\r\n")
                break
            elif line.startswith(b"DATA"):
                writer.write(b"354 go\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                self.taken += 1
                writer.write(b"250 ok\r\n")
            else:
                writer.write(b"250 ok\r\n")
        writer.close()


class LeapingClock(SystemClock):
    """Real time, and hours on demand."""

    ahead = 0

    def monotonic_ns(self) -> int:
        return super().monotonic_ns() + self.ahead


async def test_mail_goes_out_inside_tls_where_it_is_offered_and_accounting_names_the_cipher(
    files: Pair, tmp_path: Path
) -> None:
    async with mailbox(Certificate(files.certificate, files.key)) as (port, taken):
        async with engine(tmp_path, {DOMAIN: port}) as run:
            await send(run, RECIPIENT)
            await until(lambda: bool(taken))
        (message,) = taken
        assert (message.tls, message.protocol) == ("TLSv1.3", "ESMTPS")
    (record,) = accounted(tmp_path, "delivered")
    assert record["dlvTlsProtocol"] == "TLSv1.3"
    assert record["dlvTlsCipher"] == message.cipher


async def test_use_starttls_false_sends_in_the_clear(files: Pair, tmp_path: Path) -> None:
    off = {"domains": {"*": {"use-starttls": False}}}
    async with (
        mailbox(Certificate(files.certificate, files.key)) as (port, taken),
        engine(tmp_path, {DOMAIN: port}, **off) as run,
    ):
        await send(run, RECIPIENT)
        await until(lambda: bool(taken))
        assert taken[0].protocol == "ESMTP"


async def test_a_handshake_that_fails_is_done_without_and_not_tried_again_for_an_hour(tmp_path: Path) -> None:
    broken, clock = Broken(), LeapingClock()
    server = await asyncio.start_server(broken.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    quick = {"domains": {"*": {"max-msg-per-connection": 1}}}
    async with server, engine(tmp_path, {DOMAIN: port}, clock, **quick) as run:
        for expected in (1, 2):
            await send(run, RECIPIENT)
            await until(lambda expected=expected: broken.taken == expected)  # type: ignore[misc]
            assert broken.tried == 1
        clock.ahead = int(CLEAR_FOR.total_seconds() * 1e9) + 10**9
        await send(run, RECIPIENT)
        await until(lambda: broken.taken == 3)
        assert broken.tried == 2


@pytest.mark.parametrize("directive", ["require-starttls", "tls-verify"])
async def test_mail_that_requires_tls_waits_and_never_leaves_in_the_clear(
    directive: str, tmp_path: Path
) -> None:
    required = {"domains": {DOMAIN: {directive: True, "retry-after": "1h"}}}
    async with mailbox() as (port, taken):
        async with engine(tmp_path, {DOMAIN: port}, **required) as run:
            await send(run, RECIPIENT)
            queue = f"{DOMAIN}/default"
            await until(lambda: any(q.name == queue and q.insight.errors for q in run.engine.queues))
            (queue_seen,) = [q for q in run.engine.queues if q.name == queue]
            assert queue_seen.insight.errors[-1].text == "450 4.7.4 TLS required but not offered"
            assert run.engine.spool.size().messages == 1
        assert taken == []
    (record,) = accounted(tmp_path, "queue-deferred")
    assert record["dsnStatus"] == "4.7.4"


async def test_tls_verify_takes_a_good_certificate_and_no_other(files: Pair, tmp_path: Path) -> None:
    wrong = pair(tmp_path, "mx.elsewhere.example")
    directives = {"domains": {"*": {"tls-verify": True, "retry-after": "1h"}}}
    zones = Zones()
    zones.set_address("mx.d.example", ip_address("127.0.0.1"))
    async with (
        mailbox(Certificate(files.certificate, files.key)) as (good, taken),
        mailbox(Certificate(wrong.certificate, wrong.key)) as (bad, untaken),
        name_server(zones) as resolver,
        engine(
            tmp_path,
            {},
            resolver=resolver,
            routes={
                DOMAIN: {"hosts": [f"mx.d.example:{good}"]},
                "bad.example": {"hosts": [f"mx.d.example:{bad}"]},
            },
            **{"tls-trust": str(files.certificate)},
            **directives,
        ) as run,
    ):
        await send(run, RECIPIENT)
        await send(run, "c@bad.example")
        await until(lambda: bool(taken))
        await until(lambda: any(q.domain == "bad.example" and q.insight.errors for q in run.engine.queues))
        (queue,) = [q for q in run.engine.queues if q.domain == "bad.example"]
        assert queue.insight.errors[-1].text.startswith(
            "450 4.7.5 TLS handshake failed: certificate verification failed"
        )
    assert untaken == []


def files_below(folder: Path) -> list[tuple[Path, bytes]]:
    return [(path, path.read_bytes()) for path in folder.rglob("*") if path.is_file()]


async def test_the_user_who_logged_in_is_accounted_for_and_the_password_is_nowhere(
    files: Pair, tmp_path: Path
) -> None:
    canary = "hunter2-canary"
    doors = {
        "tls": {"certificate": str(files.certificate), "key": str(files.key)},
        "submitters": [{"name": "ann", "password": canary}],
        "relay-from": ["192.0.2.0/24"],
    }
    async with mailbox() as (port, taken), engine(tmp_path, {DOMAIN: port}, **doors) as run:

        def submit() -> None:
            with smtplib.SMTP(*run.smtp[0], timeout=10, local_hostname="app.example") as smtp:
                context = files.client()
                context.check_hostname = False
                smtp.starttls(context=context)
                smtp.login("ann", canary)
                smtp.sendmail("a@b.example", [RECIPIENT], TEXT)

        await asyncio.to_thread(submit)
        await until(lambda: bool(taken))
    assert b"with ESMTPSA" in taken[0].content
    (record,) = accounted(tmp_path, "received")
    assert record["rcvSmtpUser"] == "ann"
    assert [path for path, octets in files_below(tmp_path) if canary.encode() in octets] == []


def test_submitters_without_tls_are_refused_with_what_to_write() -> None:
    alone = {"submitters": [{"name": "ann", "password": "x"}]}
    with pytest.raises(OperatorError, match=r"set engine\.tls, or clear-login-on-loopback"):
        check(EngineSettings.model_validate(alone))
    check(EngineSettings.model_validate({**alone, "clear-login-on-loopback": True}))


def test_a_certificate_without_its_key_is_refused() -> None:
    with pytest.raises(OperatorError, match="a certificate needs its key"):
        check(EngineSettings.model_validate({"tls": {"certificate": "/etc/tls.pem"}}))
