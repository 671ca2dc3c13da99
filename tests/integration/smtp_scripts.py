"""Servers that follow a script, and connections to them; shared by the SMTP tests."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address

from core.address import IpAddress
from engine.outbound import OutboundConnection, Timeouts

TEXT = b"Subject: hello\r\n\r\nHello.\r\n.dotted\r\n"
BIG = TEXT + (b"." + b"x" * 75 + b"\r\n") * 130_000
QUICK = Timeouts(
    connect=2, greeting=2, ehlo=2, mail=2, rcpt=2, data_init=2, data_block=2, final_dot=2, quit=1
)
Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def scripted(script: Script) -> AsyncIterator[int]:
    """A server that follows a script, one connection at a time."""

    running: set[asyncio.Task[None]] = set()

    async def follow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await script(reader, writer)
        finally:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        running.add(asyncio.get_running_loop().create_task(follow(reader, writer)))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def connect(port: int, bind: str | None = None, timeouts: Timeouts = QUICK) -> OutboundConnection:
    address: IpAddress | None = ip_address(bind) if bind else None
    return await OutboundConnection.open(
        "127.0.0.1", port, bind=address, hostname="mta.example", timeouts=timeouts
    )


@asynccontextmanager
async def connected(
    port: int, bind: str | None = None, timeouts: Timeouts = QUICK
) -> AsyncIterator[OutboundConnection]:
    connection = await connect(port, bind, timeouts)
    try:
        yield connection
    finally:
        await connection.close()


async def busy(connection: OutboundConnection) -> None:
    """Wait until the connection takes nothing more."""
    while connection.usable:
        await asyncio.sleep(0)
