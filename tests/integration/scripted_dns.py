"""A DNS server on loopback, UDP and TCP on one port, that answers from a table and counts."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum
from typing import cast

import dnslib

Scripted = tuple[str, ...]
"""A records to answer."""


class Reply(Enum):
    """Answers that hold no record."""

    NXDOMAIN = "NXDOMAIN"
    NODATA = "NODATA"
    SERVFAIL = "SERVFAIL"
    REFUSED = "REFUSED"
    SILENCE = "SILENCE"


_RCODES = {
    Reply.NXDOMAIN: dnslib.RCODE.NXDOMAIN,
    Reply.NODATA: dnslib.RCODE.NOERROR,
    Reply.SERVFAIL: dnslib.RCODE.SERVFAIL,
    Reply.REFUSED: dnslib.RCODE.REFUSED,
}


class ScriptedDns:
    """`names` holds exact names, `suffixes` whole zones; everything else does not exist."""

    def __init__(self) -> None:
        self.names: dict[str, Scripted | Reply] = {}
        self.suffixes: dict[str, Scripted | Reply] = {}
        self.texts: dict[str, str] = {}
        self.strings: dict[str, list[str]] = {}
        self.hang_up = False
        self.asked: list[str] = []
        self.over_tcp: list[str] = []
        self.soa_seconds: int | None = None
        self.ttl = 300
        self.truncate: set[str] = set()
        self.delays: dict[str, float] = {}
        self.port = 0

    def healthy(self, *zones: str) -> None:
        """Zones that pass the self-test of RFC 5782."""
        for zone in zones:
            self.names[f"2.0.0.127.{zone}"] = ("127.0.0.2",)

    def list(self, ip: str, zone: str, *codes: str) -> None:
        """Let a zone answer these addresses for an IPv4 address."""
        self.names[f"{'.'.join(reversed(ip.split('.')))}.{zone}"] = codes

    def answer(self, packet: bytes, *, tcp: bool) -> bytes | None:
        request = dnslib.DNSRecord.parse(packet)
        name = str(request.q.qname).rstrip(".").lower()
        self.asked.append(name)
        if tcp:
            self.over_tcp.append(name)
        scripted = self._scripted(name)
        if scripted is Reply.SILENCE:
            return None
        reply = request.reply()
        if (name in self.truncate or name in self.strings) and not tcp:
            reply.header.tc = 1
        elif isinstance(scripted, Reply):
            reply.header.rcode = _RCODES[scripted]
            if self.soa_seconds is not None:
                soa = dnslib.SOA("ns.test", "root.test", (1, 1, 1, 1, self.soa_seconds))
                reply.add_auth(dnslib.RR("test", dnslib.QTYPE.SOA, ttl=self.soa_seconds, rdata=soa))
        elif request.q.qtype == dnslib.QTYPE.TXT:
            if name in self.strings:
                text = dnslib.TXT(self.strings[name])
                reply.add_answer(dnslib.RR(name, dnslib.QTYPE.TXT, ttl=self.ttl, rdata=text))
            if name in self.texts:
                text = dnslib.TXT(self.texts[name])
                reply.add_answer(dnslib.RR(name, dnslib.QTYPE.TXT, ttl=self.ttl, rdata=text))
        else:
            for address in scripted:
                record = dnslib.RR(name, dnslib.QTYPE.A, ttl=self.ttl, rdata=dnslib.A(address))
                reply.add_answer(record)
        return bytes(reply.pack())

    def _scripted(self, name: str) -> Scripted | Reply:
        if name in self.names:
            return self.names[name]
        endings = [zone for zone in self.suffixes if name.endswith(f".{zone}")]
        return self.suffixes[max(endings, key=len)] if endings else Reply.NXDOMAIN


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, dns: ScriptedDns) -> None:
        self._dns = dns

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # 3.11's selector transport is no DatagramTransport by inheritance
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = self._dns.answer(data, tcp=False)
        if reply is None:
            return
        name = str(dnslib.DNSRecord.parse(data).q.qname).rstrip(".").lower()
        loop = asyncio.get_running_loop()
        loop.call_later(self._dns.delays.get(name, 0), self._send, reply, addr)

    def _send(self, reply: bytes, addr: tuple[str, int]) -> None:
        if not self._transport.is_closing():
            self._transport.sendto(reply, addr)


@asynccontextmanager
async def serving() -> AsyncIterator[ScriptedDns]:
    """The server, for as long as the block lasts."""
    dns = ScriptedDns()

    async def over_tcp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                packet = await reader.readexactly(length)
                if dns.hang_up:
                    break
                reply = dns.answer(packet, tcp=True)
                if reply is not None:
                    writer.write(struct.pack("!H", len(reply)) + reply)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    tcp = await asyncio.start_server(over_tcp, "127.0.0.1", 0)
    dns.port = tcp.sockets[0].getsockname()[1]
    loop = asyncio.get_running_loop()
    udp, _ = await loop.create_datagram_endpoint(lambda: _Udp(dns), ("127.0.0.1", dns.port))
    try:
        yield dns
    finally:
        udp.close()
        tcp.close()
        await asyncio.sleep(0)
