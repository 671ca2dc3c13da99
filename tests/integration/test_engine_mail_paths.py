"""What becomes of mail in the engine when peers, names and paths are out of the ordinary."""

import asyncio
import socket
import time
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import aiosmtplib
import pytest
from answering import answering
from small_engine import DOMAIN, accounted, engine, mailbox, name_server, send, until
from smtp_scripts import TEXT

from core.clock import ScaledClock
from engine.outbound import Timeouts
from lab.ports import free_port
from lab.zones import Zones

RECIPIENT = f"c@{DOMAIN}"


class Forgetful:
    """A peer that takes the first `drops` messages whole and hangs up before it says so."""

    def __init__(self, drops: int) -> None:
        self.drops = drops
        self.taken: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 forgetful\r\n")
        while line := (await reader.readline()).upper():
            if line.startswith(b"DATA"):
                writer.write(b"354 go\r\n")
                self.taken.append(await reader.readuntil(b"\r\n.\r\n"))
                if len(self.taken) <= self.drops:
                    break
            writer.write(b"250 ok\r\n")
        writer.close()


async def test_a_peer_that_drops_after_the_final_dot_loses_nothing_and_costs_one_copy_a_drop(
    tmp_path: Path,
) -> None:
    forgetful = Forgetful(drops=2)
    server = await asyncio.start_server(forgetful.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    clock = ScaledClock(600, datetime(2026, 11, 23, tzinfo=UTC))
    async with server, engine(tmp_path, {DOMAIN: port}, clock) as run:
        await send(run, RECIPIENT)
        await until(lambda: run.engine.spool.size().messages == 0)
        await asyncio.sleep(0.1)
    assert len(forgetful.taken) == 3
    assert len(set(forgetful.taken)) == 1  # the same octets, trace and all: a peer can tell that it is a copy
    deferred = accounted(tmp_path, "deferred")
    assert [r["dsnDiag"] for r in deferred] == [
        "451 4.4.2 connection lost after the final dot, before the reply to it"
    ] * 2
    assert len(accounted(tmp_path, "delivered")) == 1


def test_the_reply_to_the_final_dot_is_awaited_for_ten_minutes() -> None:
    assert Timeouts().final_dot >= 600  # RFC 5321 section 4.5.3.2.6


async def test_our_own_reply_to_the_final_dot_comes_within_a_second(tmp_path: Path) -> None:
    async with mailbox() as (port, _), engine(tmp_path, {DOMAIN: port}) as run:
        began = time.perf_counter()
        await send(run, RECIPIENT)
        assert time.perf_counter() - began < 1  # RFC 1047


async def test_null_mx_bounces_at_once_and_nobody_is_asked(tmp_path: Path) -> None:
    zones = Zones()
    zones.add("nomail.example").records["", "MX"] = ("0 .",)
    zones.set_address("nomail.example", ip_address("127.0.0.1"))  # the implicit MX must not be taken
    async with (
        mailbox() as (port, taken),
        name_server(zones) as resolver,
        engine(tmp_path, {}, resolver=resolver, **{"smtp-port": port}) as run,
    ):
        await send(run, "c@nomail.example")
        await until(lambda: run.engine.accounting.records["bounced"] > 0)  # type: ignore[index]
        assert taken == []
    (record,) = accounted(tmp_path, "bounced")
    assert (record["dsnStatus"], record["rcpt"]) == ("5.1.10", "c@nomail.example")
    assert "null MX" in record["dsnDiag"]


async def test_a_domain_whose_mx_is_ourselves_goes_round_fifty_times_and_no_more(tmp_path: Path) -> None:
    own = free_port()
    async with engine(tmp_path, {"loop.example": own}, listen=[f"127.0.0.1:{own}"]) as run:
        await send(run, "c@loop.example")
        await until(lambda: run.engine.accounting.records["bounced"] > 0, 30)  # type: ignore[index]
    (record,) = (r for r in accounted(tmp_path, "bounced") if r["rcpt"] == "c@loop.example")
    assert record["dsnDiag"].startswith("554 5.4.6 Too many Received fields")
    assert len([r for r in accounted(tmp_path, "received") if r["rcpt"] == "c@loop.example"]) == 51


@pytest.mark.parametrize(("hops", "code"), [(50, 250), (51, 554)])
async def test_the_fifty_first_received_field_is_one_too_many(hops: int, code: int, tmp_path: Path) -> None:
    text = b"Received: from a by b; now\r\n" * hops + TEXT
    async with mailbox() as (port, _), engine(tmp_path, {DOMAIN: port}) as run:
        if code == 250:
            await send(run, RECIPIENT, content=text)
        else:
            with pytest.raises(aiosmtplib.SMTPDataError) as refused:
                await send(run, RECIPIENT, content=text)
            assert (refused.value.code, refused.value.message[:5]) == (554, "5.4.6")


async def test_mail_for_a_peer_that_is_never_there_is_returned_after_bounce_after(tmp_path: Path) -> None:
    clock = ScaledClock(3600, datetime(2026, 11, 23, tzinfo=UTC))
    dead = free_port()
    times = {"domains": {"*": {"retry-after": "10m", "bounce-after": "25m"}}}
    async with mailbox() as (port, taken):
        async with engine(tmp_path, {DOMAIN: dead, "b.example": port}, clock, **times) as run:
            await send(run, RECIPIENT)
            await until(lambda: bool(taken))
            await until(lambda: run.engine.spool.size().messages == 0)
        (notification,) = taken
    assert (notification.sender, notification.recipients) == ("", ("a@b.example",))
    assert b"4.4.7" in notification.content or b"5.4.7" in notification.content
    (record,) = accounted(tmp_path, "bounced")
    assert record["dsnDiag"].startswith("450 4.4.7 delivery time expired; the last error was: ")
    assert record["dsnDiag"].endswith("connection refused")
    assert accounted(tmp_path, "queue-deferred")[0]["timeLogged"] < record["timeLogged"]


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback")
async def test_mail_comes_in_and_goes_out_over_ipv6(tmp_path: Path) -> None:
    async with (
        mailbox(address="::1") as (port, taken),
        engine(
            tmp_path,
            {},
            listen=["[::1]:0"],
            routes={DOMAIN: {"hosts": [f"[::1]:{port}"]}},
            **{"virtual-mtas": {"default": {"source-ips": ["::1"]}}},
        ) as run,
    ):
        await send(run, RECIPIENT)
        await until(lambda: bool(taken))
        assert str(taken[0].peer) == "::1"
        assert b"([IPv6:::1])" in taken[0].content
    (record,) = accounted(tmp_path, "delivered")
    assert record["dlvSourceIp"] == "::1"


UTF8 = "Subject: Grüße\r\n\r\nSchöne Grüße\r\n".encode()


async def test_smtputf8_and_eight_bits_go_from_end_to_end(tmp_path: Path) -> None:
    async with mailbox() as (port, taken), engine(tmp_path, {DOMAIN: port}) as run:
        await send(run, f"grüße@{DOMAIN}", sender="jürgen@b.example", content=UTF8)
        await until(lambda: bool(taken))
    (message,) = taken
    assert (message.sender, message.recipients) == ("jürgen@b.example", (f"grüße@{DOMAIN}",))
    assert message.smtp_utf8
    assert message.eight_bit
    assert message.content.endswith(UTF8)
    assert b"with UTF8SMTP" in message.content


async def test_a_peer_without_smtputf8_gets_no_mangled_address(tmp_path: Path) -> None:
    async with answering(lambda _peer, _rcpt: "250 ok") as peer:
        async with engine(tmp_path, {DOMAIN: peer.port}) as run:
            await send(run, f"grüße@{DOMAIN}", content=UTF8)
            await until(lambda: run.engine.accounting.records["bounced"] > 0)  # type: ignore[index]
        assert peer.asked == []
    (record,) = (r for r in accounted(tmp_path, "bounced") if DOMAIN in r["rcpt"])
    assert record["dsnStatus"] == "5.6.7"
