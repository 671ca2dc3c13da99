"""The lab over real sockets: DNS asked by aiodns, SNDS by httpx, providers by smtplib."""

import asyncio
import smtplib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import date
from email.message import EmailMessage
from ipaddress import ip_address

import aiodns
import dnslib
import httpx
import pytest

from core.clock import ManualClock
from lab.dns import lookup
from lab.judge import Stage, Temper
from lab.ledger import acceptance, attempts, missing
from lab.mailbox import render
from lab.manners import GEEMAIL, OUTLANDISH, YAHOOLIGAN, with_temper
from lab.providers import ID_HEADER
from lab.snds import SndsRow, activity_period
from lab.traffic import Stream, Traffic
from lab.world import SNDS_KEY, Lab
from lab.zones import Behaviour

MARKETING, SIBLING = "127.0.1.7", "127.0.1.8"


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    providers = (with_temper(OUTLANDISH, Temper(), "sbl.lab.test"), GEEMAIL, YAHOOLIGAN)
    made = Lab(ManualClock(), providers=providers)
    made.zones.add_blocklist("sbl.lab.test")
    async with made:
        yield made


def submit(lab: Lab, ident: str, peer: str, recipients: int = 1) -> tuple[int, bytes]:
    """Offer one message to a provider from a source address; the reply that decided."""
    server = lab.providers[ident]
    with connected(server.provider.host, lab.smtp_port, peer) as client:
        client.ehlo("mta.lab.test")
        code, text = client.mail("news@sender.test")
        for n in range(recipients if code == 250 else 0):
            code, text = client.rcpt(f"ada{n}@{server.provider.domain}")
        return client.data(f"{ID_HEADER}: lab-1\r\n\r\nhello\r\n") if code == 250 else (code, text)


@contextmanager
def connected(host: str, port: int, peer: str) -> Iterator[smtplib.SMTP]:
    client = smtplib.SMTP(timeout=5, source_address=(peer, 0))
    client.connect(host, port)
    try:
        yield client
    finally:
        client.close()


async def test_dns_answers_mx_and_lists_to_a_real_resolver(lab: Lab) -> None:
    lab.zones.enlist("sbl.lab.test", ip_address("203.0.113.7"), text="SBL1 spam")
    resolver = aiodns.DNSResolver(
        nameservers=["127.0.0.1"], udp_port=lab.dns.port, tcp_port=lab.dns.port, timeout=2, tries=1
    )
    mx = await resolver.query("outlandish.test", "MX")
    listed = await resolver.query("7.113.0.203.sbl.lab.test", "A")
    reason = await resolver.query("7.113.0.203.sbl.lab.test", "TXT")
    assert [(r.priority, r.host) for r in mx] == [(10, "mx1.outlandish.test")]
    assert [(r.host, r.ttl) for r in listed] == [("127.0.0.2", 0)]
    assert reason[0].text == "SBL1 spam"
    await resolver.close()


async def test_a_delisting_is_seen_at_once_by_a_resolver_that_caches(lab: Lab) -> None:
    address = ip_address("203.0.113.7")
    resolver = aiodns.DNSResolver(
        nameservers=["127.0.0.1"], udp_port=lab.dns.port, tcp_port=lab.dns.port, timeout=2, tries=1
    )
    lab.zones.enlist("sbl.lab.test", address)
    await resolver.query("7.113.0.203.sbl.lab.test", "A")
    lab.zones.delist("sbl.lab.test", address)
    with pytest.raises(aiodns.error.DNSError) as caught:
        await resolver.query("7.113.0.203.sbl.lab.test", "A")
    assert caught.value.args[0] == 4  # ARES_ENOTFOUND
    lab.zones.enlist("sbl.lab.test", address)
    assert await resolver.query("7.113.0.203.sbl.lab.test", "A")
    await resolver.close()


async def test_dns_answers_over_tcp_on_the_same_port(lab: Lab) -> None:
    question = dnslib.DNSRecord.question("2.0.0.127.sbl.lab.test", "A")
    raw = await asyncio.to_thread(question.send, "127.0.0.1", lab.dns.port, tcp=True, timeout=5)
    assert str(dnslib.DNSRecord.parse(raw).rr[0].rdata) == "127.0.0.2"


@pytest.mark.parametrize(
    ("behaviour", "code", "values"),
    [
        (Behaviour.REFUSES, "NOERROR", ("127.255.255.254",)),
        (Behaviour.WILDCARD, "NOERROR", ("203.0.113.80",)),
        (Behaviour.SERVFAIL, "SERVFAIL", ()),
        (Behaviour.NODATA, "NOERROR", ()),
        (Behaviour.NORMAL, "NXDOMAIN", ()),
        (Behaviour.SILENT, "TIMEOUT", ()),
    ],
)
async def test_each_behaviour_looks_right_on_the_wire(
    lab: Lab, behaviour: Behaviour, code: str, values: tuple[str, ...]
) -> None:
    lab.zones.behave("sbl.lab.test", behaviour)
    found = await lookup("8.113.0.203.sbl.lab.test", server=("127.0.0.1", lab.dns.port), timeout=2.0)
    assert (found.code, found.values) == (code, values)


async def test_the_monitors_resolver_can_die_while_the_providers_still_look_up(lab: Lab) -> None:
    lab.resolver.answering = False
    name = "2.0.0.127.sbl.lab.test"
    dead = await lookup(name, server=("127.0.0.1", lab.resolver.port), timeout=0.2)
    alive = await lookup(name, server=("127.0.0.1", lab.dns.port))
    assert (dead.code, alive.code) == ("TIMEOUT", "NOERROR")


async def test_garbage_over_udp_is_ignored_and_the_server_lives_on(lab: Lab) -> None:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, remote_addr=("127.0.0.1", lab.dns.port)
    )
    transport.sendto(b"\x00")
    transport.sendto(b"not a question at all")
    found = await lookup("outlandish.test", "MX", server=("127.0.0.1", lab.dns.port))
    transport.close()
    assert found.code == "NOERROR"


async def test_snds_asks_for_the_key_over_http(lab: Lab) -> None:
    start, end = activity_period(date(2026, 11, 22))
    lab.book.publish(date(2026, 11, 22), [SndsRow(ip_address("203.0.113.7"), start, end, 9, 8, 7)])
    async with httpx.AsyncClient(base_url=lab.snds.url) as client:
        good = await client.get("/data.aspx", params={"key": SNDS_KEY})
        bad = await client.get("/data.aspx", params={"key": "guess"})
    assert good.text.startswith("203.0.113.7,11/22/2026 8:00 AM,11/23/2026 8:00 AM,9,8,7,GREEN")
    assert (bad.status_code, bad.text[0]) == (200, "<")
    assert len(lab.snds.asked) == 2


async def test_a_peer_is_known_by_the_address_that_the_world_sees(lab: Lab) -> None:
    code, _ = await asyncio.to_thread(submit, lab, "microsoft", MARKETING, recipients=2)
    assert code == 250
    seen = [(e.peer, e.address, e.stage, e.message) for e in lab.ledger.entries]
    assert seen == [
        (MARKETING, "203.0.113.7", Stage.RCPT, ""),
        (MARKETING, "203.0.113.7", Stage.RCPT, ""),
        (MARKETING, "203.0.113.7", Stage.DATA, "lab-1"),
        (MARKETING, "203.0.113.7", Stage.DATA, "lab-1"),
    ]


async def test_a_provider_refuses_the_listed_address_and_not_its_sibling(lab: Lab) -> None:
    lab.zones.enlist("sbl.lab.test", ip_address("203.0.113.7"))
    replies = [await asyncio.to_thread(submit, lab, "microsoft", MARKETING) for _ in range(30)]
    siblings = [await asyncio.to_thread(submit, lab, "microsoft", SIBLING) for _ in range(10)]
    refused = [text.decode() for code, text in replies if code == 451]
    assert 5 <= len(refused) <= 25  # a score of 40 defers half
    assert "4.7.650 The mail server [203.0.113.7]" in refused[0]
    assert all(code == 250 for code, _ in siblings)
    assert acceptance(attempts(lab.ledger.entries, address="203.0.113.8")) == 1.0


@pytest.mark.parametrize(
    ("ident", "score", "code", "words"),
    [
        ("yahoo", 12.0, 421, "[TSS04] Messages from 203.0.113.7 temporarily deferred"),
        ("google", 12.0, 421, "very low reputation of the sending IP address [203.0.113.7]"),
        ("microsoft", 5.0, 550, "block list (S3140)"),
        ("yahoo", 5.0, 553, "[BL21]"),
    ],
)
async def test_each_provider_refuses_in_its_own_words(
    lab: Lab, ident: str, score: float, code: int, words: str
) -> None:
    lab.providers[ident].hold_in("203.0.113.7", score)
    replies = [await asyncio.to_thread(submit, lab, ident, MARKETING) for _ in range(12)]
    said = [text.decode() for answer, text in replies if answer == code]
    assert said
    assert words in said[0]


async def test_an_hourly_allowance_holds_for_each_address_and_the_hour_is_the_labs() -> None:
    clock = ManualClock()
    strict = with_temper(YAHOOLIGAN, Temper(hourly_allowance=3))
    async with Lab(clock, providers=(strict,)) as lab:
        codes = [(await asyncio.to_thread(submit, lab, "yahoo", MARKETING))[0] for _ in range(5)]
        other = (await asyncio.to_thread(submit, lab, "yahoo", SIBLING))[0]
        clock.advance(3601)
        later = (await asyncio.to_thread(submit, lab, "yahoo", MARKETING))[0]
    assert codes == [250, 250, 250, 421, 421]
    assert (other, later) == (250, 250)


async def test_a_421_ends_the_connection(lab: Lab) -> None:
    lab.providers["yahoo"].hold_in("203.0.113.7", 10.0)

    def refused() -> int:
        with connected("127.0.2.3", lab.smtp_port, MARKETING) as client:
            client.ehlo("mta.lab.test")
            code, _ = client.mail("news@sender.test")
            assert client.sock is not None
            assert client.sock.recv(1) == b""
            return code

    assert await asyncio.to_thread(refused) == 421


async def test_the_mailbox_keeps_mail_threads_it_and_shows_it(lab: Lab) -> None:
    def mail(ident: str, references: str = "") -> EmailMessage:
        message = EmailMessage()
        message["From"], message["To"] = "tidegate@lab.test", "ops@lab.test"
        message["Subject"], message["Message-ID"] = f"[Tidegate] {ident}", f"<{ident}@lab.test>"
        if references:
            message["References"] = references
        message.set_content("203.0.113.7 is listed\x1b[31m\n")
        message.add_alternative("<p>listed</p>", subtype="html")
        return message

    def send() -> None:
        with smtplib.SMTP("127.0.0.1", lab.mailbox.port, timeout=5) as client:
            client.send_message(mail("one"))
            client.send_message(mail("two", "<one@lab.test>"))
            client.send_message(mail("three"))

    sending = asyncio.create_task(asyncio.to_thread(send))
    two = await lab.mailbox.wait_for(lambda m: "two" in m.subject, 5)
    await sending
    one, three = lab.mailbox.mails[0], lab.mailbox.mails[2]
    assert two.answers(one)
    assert not three.answers(one)
    assert two.html.strip() == "<p>listed</p>"
    assert "203.0.113.7 is listed [31m" in render(one)


async def test_waiting_for_mail_that_never_comes_times_out(lab: Lab) -> None:
    with pytest.raises(TimeoutError):
        await lab.mailbox.wait_for(lambda _: True, 0.05)


async def test_traffic_remembers_what_it_was_promised_and_the_ledger_agrees(lab: Lab) -> None:
    source = Traffic("127.0.2.2", lab.smtp_port, clock=lab.clock, connections=3)
    outcome = await source.send(Stream("geemail.test", "marketing"), 200, recipients=2)
    await source.close()
    assert len(outcome.acknowledged) == 200
    assert len(outcome.promised) == 400
    assert missing(lab.ledger.entries, outcome.promised) == set()


async def test_traffic_to_a_listener_that_is_away_is_unanswered_and_no_error(lab: Lab) -> None:
    outcome = await lab.traffic().send(Stream("geemail.test", "marketing"), 3)
    assert (len(outcome.unanswered), outcome.promised) == (3, set())
