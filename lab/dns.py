"""An authoritative DNS server over UDP and TCP, and a client that asks it without a cache.

The server only turns `Zones` answers into wire format; `answering` False makes it a dead resolver.
"""

import asyncio
import struct
from dataclasses import dataclass

import dnslib

from lab.zones import Answer, Outcome, Zones

_RCODES = {
    Outcome.ANSWERED: dnslib.RCODE.NOERROR,
    Outcome.NODATA: dnslib.RCODE.NOERROR,
    Outcome.NXDOMAIN: dnslib.RCODE.NXDOMAIN,
    Outcome.SERVFAIL: dnslib.RCODE.SERVFAIL,
    Outcome.REFUSED: dnslib.RCODE.REFUSED,
}
_PORT_ATTEMPTS = 20


def respond(request: bytes, zones: Zones) -> bytes | None:
    """The reply to one request; None when the zone is dead or the request is not DNS."""
    try:
        question = dnslib.DNSRecord.parse(request)
        name, kind = str(question.q.qname), dnslib.QTYPE[question.q.qtype]
    except (dnslib.DNSError, struct.error, IndexError):
        return None
    answer = zones.ask(name, str(kind))
    if answer.outcome is Outcome.SILENT:
        return None
    return _wire(question, str(kind), answer)


def _wire(question: dnslib.DNSRecord, kind: str, answer: Answer) -> bytes:
    reply = question.reply(ra=0)
    reply.header.rcode = _RCODES[answer.outcome]
    reply.header.aa = int(answer.outcome is not Outcome.REFUSED)
    for value in answer.records:
        rdata = _rdata(kind, value)
        reply.add_answer(
            dnslib.RR(question.q.qname, getattr(dnslib.QTYPE, kind), ttl=answer.ttl, rdata=rdata)
        )
    if answer.outcome in {Outcome.NXDOMAIN, Outcome.NODATA}:
        reply.add_auth(_soa(answer))
    return bytes(reply.pack())


def _rdata(kind: str, value: str) -> dnslib.RD:
    if kind == "MX":
        preference, host = value.split()
        return dnslib.MX(host, int(preference))
    makers = {"A": dnslib.A, "AAAA": dnslib.AAAA, "TXT": dnslib.TXT, "CNAME": dnslib.CNAME}
    return makers[kind](value)


def _soa(answer: Answer) -> dnslib.RR:
    """The negative answer's lifetime is the SOA minimum (RFC 2308 section 5)."""
    times = (1, 3600, 600, 86_400, answer.negative_ttl)
    soa = dnslib.SOA(f"ns.{answer.zone}", f"hostmaster.{answer.zone}", times)
    return dnslib.RR(answer.zone, dnslib.QTYPE.SOA, ttl=answer.negative_ttl, rdata=soa)


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, server: "DnsServer") -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.DatagramTransport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = self._server.reply(data)
        if reply is not None:
            self._transport.sendto(reply, addr)


class DnsServer:
    """Serves `zones` on one address, the same port for UDP and TCP; port 0 picks one."""

    def __init__(self, zones: Zones, host: str = "127.0.0.1", port: int = 0) -> None:
        self.zones = zones
        self.host = host
        self.port = port
        self.answering = True
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None

    def reply(self, request: bytes) -> bytes | None:
        """What to send back, or nothing."""
        return respond(request, self.zones) if self.answering else None

    async def start(self) -> None:
        """Bind. Raises OSError when the port is taken."""
        for attempt in range(_PORT_ATTEMPTS):
            try:
                await self._bind()
            except OSError:
                # a free UDP port may be taken for TCP: with port 0 another one will do
                if self.port or attempt == _PORT_ATTEMPTS - 1:
                    raise
            else:
                return

    async def _bind(self) -> None:
        loop = asyncio.get_running_loop()
        udp, _ = await loop.create_datagram_endpoint(lambda: _Udp(self), (self.host, self.port))
        port = udp.get_extra_info("sockname")[1]
        try:
            self._tcp = await asyncio.start_server(self._serve, self.host, port)
        except OSError:
            udp.close()
            raise
        self._udp, self.port = udp, port

    async def stop(self) -> None:
        """Close both sockets."""
        if self._udp is not None:
            self._udp.close()
        if self._tcp is not None:
            self._tcp.close()
            await self._tcp.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                reply = self.reply(await reader.readexactly(length))
                if reply is not None:
                    writer.write(struct.pack("!H", len(reply)) + reply)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@dataclass(frozen=True, slots=True)
class Lookup:
    """What came back: the response code's name (`NOERROR`, `NXDOMAIN`…, `TIMEOUT`) and the values."""

    code: str
    values: tuple[str, ...] = ()


class _Once(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:  # noqa: ARG002
        if not self.reply.done():
            self.reply.set_result(data)


async def lookup(
    name: str,
    kind: str = "A",
    *,
    server: tuple[str, int],
    timeout: float = 1.0,  # noqa: ASYNC109
) -> Lookup:
    """Ask `server` once over UDP. `timeout` is in real seconds; running out of it is a code, not an error."""
    question = dnslib.DNSRecord.question(name, kind)
    loop = asyncio.get_running_loop()
    transport, once = await loop.create_datagram_endpoint(_Once, remote_addr=server)
    try:
        transport.sendto(question.pack())
        async with asyncio.timeout(timeout):
            reply = dnslib.DNSRecord.parse(await once.reply)
    except TimeoutError:
        return Lookup("TIMEOUT")
    finally:
        transport.close()
    values = tuple(str(rr.rdata).strip('"') for rr in reply.rr)
    return Lookup(str(dnslib.RCODE[reply.header.rcode]), values)
