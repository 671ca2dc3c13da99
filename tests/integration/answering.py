"""A mail server that answers each RCPT as a function says: who asks, for whom, how often before."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

Answer = Callable[[str, str], str]
"""(peer address, recipient) -> reply line."""


@dataclass(slots=True)
class Answering:
    """What it was asked and what it took, in order: (peer, recipient)."""

    answer: Answer
    asked: list[tuple[str, str]] = field(default_factory=list)
    taken: list[tuple[str, str]] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peername")[0]
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._talk(reader, writer, peer)
        writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: str) -> None:
        writer.write(b"220 answering\r\n")
        accepted: list[str] = []
        while line := (await reader.readline()).decode().rstrip():
            verb = line[:4].upper()
            reply = "250 ok"
            if verb == "RCPT":
                recipient = line.partition("<")[2].partition(">")[0]
                self.asked.append((peer, recipient))
                reply = self.answer(peer, recipient)
                if reply.startswith("250"):
                    accepted.append(recipient)
            elif verb == "DATA":
                writer.write(b"354 go\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                self.taken += [(peer, recipient) for recipient in accepted]
                accepted = []
            writer.write(f"{reply}\r\n".encode())
            if verb == "QUIT" or reply.startswith("421"):
                return


@asynccontextmanager
async def answering(answer: Answer, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Answering]:
    """Such a server for as long as the context is open."""
    peer = Answering(answer)
    server = await asyncio.start_server(peer.serve, host, port, limit=16_000_000)
    peer.port = server.sockets[0].getsockname()[1]
    async with server:
        yield peer
