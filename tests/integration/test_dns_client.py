"""Our DNS client against real sockets: losses, forgeries, truncation, dead servers, worn ports."""

import asyncio
import itertools
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import cast

import pytest
import scripted_dns
from scripted_dns import Reply, ScriptedDns

from monitor.collectors.settings import ResolverSettings
from monitor.dns import client as dns_client
from monitor.dns import message
from monitor.dns.client import DnsClient
from monitor.dns.message import RecordType
from monitor.dns.resolver import BuiltinResolver
from monitor.resolver import Answer, AnswerKind

NAME = "7.113.0.203.bl.test"
ASKED = message.question(NAME, RecordType.A)
Respond = Callable[[bytes], list[bytes]]


class Raw(asyncio.DatagramProtocol):
    """Answers each packet with whatever packets a function makes of it; remembers who asked."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond
        self.peers: list[tuple[str, int]] = []
        self.queries: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.peers.append(addr)
        self.queries.append(data)
        for packet in self._respond(data):
            self._transport.sendto(packet, addr)


@asynccontextmanager
async def raw(respond: Respond) -> AsyncIterator[tuple[Raw, tuple[str, int]]]:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(
        lambda: Raw(respond), local_addr=("127.0.0.1", 0)
    )
    try:
        yield protocol, transport.get_extra_info("sockname")
    finally:
        transport.close()


@asynccontextmanager
async def asking(
    *servers: tuple[str, int], patience: float = 3.0, window: int = 100
) -> AsyncIterator[DnsClient]:
    client = DnsClient(servers, patience=patience, window=window)
    try:
        yield client
    finally:
        await client.aclose()


def answer(query: bytes, *, identity: int | None = None, host: str = "127.0.0.2") -> bytes:
    head = message.HEADER.pack(message.identity(query) if identity is None else identity, 0x8180, 1, 1, 0, 0)
    address = bytes(int(part) for part in host.split("."))
    return head + query[12:] + b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + address


async def hosts(client: DnsClient, asked: bytes = ASKED) -> list[str] | None:
    found = await client.ask(asked)
    return None if found is None else [a.host for a in message.addresses(found)]


async def test_forged_answers_are_ignored_and_the_right_one_is_waited_for() -> None:
    other = message.question("8.113.0.203.bl.test", RecordType.A)

    def respond(query: bytes) -> list[bytes]:
        mine = message.identity(query)
        forged = [answer(query, identity=mine ^ bit, host="127.0.0.66") for bit in (1, 2, 0x8000)]
        stranger = message.HEADER.pack(mine, 0x8180, 1, 0, 0, 0) + other
        return [*forged, stranger, query, b"", b"\0" * 7, b"\xff" * 600, answer(query)]

    async with raw(respond) as (_, peer), asking(peer) as client:
        assert await hosts(client) == ["127.0.0.2"]


async def test_an_answer_from_somebody_else_is_ignored() -> None:
    async with raw(lambda _: []) as (server, peer), asking(peer, patience=0.6) as client:
        waiting = asyncio.create_task(hosts(client))
        while not server.peers:
            await asyncio.sleep(0.01)
        loop = asyncio.get_running_loop()
        forger, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
        forger.sendto(answer(server.queries[0], host="127.0.0.66"), server.peers[0])
        assert await waiting is None
        forger.close()


async def test_a_lost_question_is_asked_again() -> None:
    seen: list[bytes] = []

    def respond(query: bytes) -> list[bytes]:
        seen.append(query)
        return [answer(query)] if len(seen) == 3 else []

    async with raw(respond) as (server, peer), asking(peer) as client:
        assert await hosts(client) == ["127.0.0.2"]
    assert len(seen) == 3
    assert len({message.identity(query) for query in seen}) == 1
    assert len(set(server.peers)) == 1


async def test_a_late_answer_to_the_first_sending_counts() -> None:
    kept: list[bytes] = []

    def respond(query: bytes) -> list[bytes]:
        kept.append(query)
        return [answer(kept[0])] if len(kept) > 1 else []

    async with raw(respond) as (_, peer), asking(peer) as client:
        assert await hosts(client) == ["127.0.0.2"]


async def test_silence_ends_in_time() -> None:
    async with raw(lambda _: []) as (_, peer), asking(peer, patience=0.5) as client:
        started = asyncio.get_running_loop().time()
        assert await hosts(client) is None
        assert 0.4 < asyncio.get_running_loop().time() - started < 3


async def test_many_questions_share_few_sockets_and_random_ids() -> None:
    questions = [message.question(f"{n}.bl.test", RecordType.A) for n in range(2_000)]
    async with raw(lambda query: [answer(query)]) as (server, peer), asking(peer) as client:
        found = await asyncio.gather(*(hosts(client, one) for one in questions))
    assert found == [["127.0.0.2"]] * 2_000
    assert len(set(server.peers)) == dns_client.PORTS
    ids = [message.identity(query) for query in server.queries]
    in_order = sum(b == a + 1 for a, b in itertools.pairwise(ids))
    assert in_order < 20
    assert max(ids) - min(ids) > 60_000


async def test_ports_are_left_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns_client, "ROTATE_AFTER", 50)
    questions = [message.question(f"{n}.bl.test", RecordType.A) for n in range(2_000)]
    async with raw(lambda query: [answer(query)]) as (server, peer), asking(peer, window=20) as client:
        for start in range(0, 2_000, 20):
            found = await asyncio.gather(*(hosts(client, one) for one in questions[start : start + 20]))
            assert found == [["127.0.0.2"]] * 20
    assert len(set(server.peers)) > 3 * dns_client.PORTS


async def test_no_more_questions_are_open_than_the_window_holds() -> None:
    held: list[bytes] = []

    def respond(query: bytes) -> list[bytes]:
        held.append(query)
        return []

    async with raw(respond) as (server, peer), asking(peer, patience=30, window=7) as client:
        tasks = [
            asyncio.create_task(client.ask(message.question(f"{n}.bl.test", RecordType.A))) for n in range(50)
        ]
        while len(held) < 7:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        assert len({query[12:] for query in held}) == 7
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        server._respond = lambda query: [answer(query)]
        assert await hosts(client) == ["127.0.0.2"]


async def test_a_silent_server_is_left_for_the_next() -> None:
    async with (
        raw(lambda _: []) as (dead, first),
        raw(lambda query: [answer(query)]) as (alive, second),
        asking(first, second) as client,
    ):
        assert await hosts(client) == ["127.0.0.2"]
        for _ in range(5):
            assert await hosts(client) == ["127.0.0.2"]
    assert len(alive.queries) == 6
    assert len(dead.queries) <= 3


async def test_a_server_that_fails_is_not_the_last_word() -> None:
    def failing(query: bytes) -> list[bytes]:
        return [message.HEADER.pack(message.identity(query), 0x8182, 1, 0, 0, 0) + query[12:]]

    async with (
        raw(failing) as (_, first),
        raw(lambda query: [answer(query)]) as (_, second),
        asking(first, second) as client,
    ):
        assert await hosts(client) == ["127.0.0.2"]
    async with raw(failing) as (_, first), asking(first) as client:
        found = await client.ask(ASKED)
        assert found is not None
        assert found.rcode == message.Rcode.SERVFAIL


async def test_questions_that_wait_when_the_client_is_closed_end_in_silence() -> None:
    async with raw(lambda _: []) as (server, peer), asking(peer, patience=30) as client:
        waiting = asyncio.create_task(client.ask(ASKED))
        while not server.queries:
            await asyncio.sleep(0.01)
        await client.aclose()
        assert await waiting is None


def settings(*servers: ScriptedDns, seconds: float = 1) -> ResolverSettings:
    return ResolverSettings(
        nameservers=[f"127.0.0.1:{dns.port}" for dns in servers], timeout=timedelta(seconds=seconds), tries=1
    )


@pytest.fixture
async def dns() -> AsyncIterator[ScriptedDns]:
    async with scripted_dns.serving() as server:
        yield server


async def test_what_does_not_fit_is_fetched_over_tcp(dns: ScriptedDns) -> None:
    dns.names[NAME] = ("127.0.0.2",)
    dns.truncate.add(NAME)
    resolver = BuiltinResolver(settings(dns))
    assert await resolver.addresses(NAME) == Answer(AnswerKind.ADDRESSES, ("127.0.0.2",), 300)
    await resolver.aclose()
    assert dns.over_tcp == [NAME]


async def test_a_tcp_server_that_hangs_up_is_silence(dns: ScriptedDns) -> None:
    dns.names[NAME] = ("127.0.0.2",)
    dns.truncate.add(NAME)
    dns.hang_up = True
    resolver = BuiltinResolver(settings(dns))
    assert (await resolver.addresses(NAME)).kind is AnswerKind.TIMEOUT
    await resolver.aclose()


async def test_ten_thousand_txt_strings_cost_little_and_say_little(dns: ScriptedDns) -> None:
    dns.names[NAME] = ("127.0.0.2",)
    dns.strings[NAME] = ["hello"] * 10_000
    resolver = BuiltinResolver(settings(dns, seconds=5))
    (text,) = await resolver.texts(NAME)
    await resolver.aclose()
    assert text == ("hello" * 1_000)[: message.MAX_TEXT]
    assert dns.over_tcp == [NAME]


async def test_no_such_name_tells_how_long_it_may_be_kept(dns: ScriptedDns) -> None:
    dns.soa_seconds = 900
    resolver = BuiltinResolver(settings(dns))
    assert await resolver.addresses(NAME) == Answer(AnswerKind.NXDOMAIN, ttl=900)
    await resolver.aclose()


@pytest.mark.parametrize(
    ("scripted", "kind"),
    [
        (Reply.SERVFAIL, AnswerKind.SERVFAIL),
        (Reply.REFUSED, AnswerKind.REFUSED),
        (Reply.NODATA, AnswerKind.NODATA),
        (Reply.SILENCE, AnswerKind.TIMEOUT),
    ],
)
async def test_failures_keep_their_names(dns: ScriptedDns, scripted: Reply, kind: AnswerKind) -> None:
    dns.names[NAME] = scripted
    resolver = BuiltinResolver(settings(dns, seconds=0.4))
    assert await resolver.addresses(NAME) == Answer(kind)
    await resolver.aclose()


async def test_a_name_that_cannot_be_asked_is_an_answer_of_no_use(dns: ScriptedDns) -> None:
    resolver = BuiltinResolver(settings(dns))
    assert await resolver.addresses(f"{'a' * 64}.test") == Answer(AnswerKind.OTHER)
    assert await resolver.texts("a..test") == ()
    await resolver.aclose()
    assert dns.asked == []
