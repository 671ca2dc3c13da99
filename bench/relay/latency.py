"""How long a message takes through an idle server: one at a time, from MAIL until its end is in the sink."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from bench.relay.contender import Contender, Site
from bench.relay.errors import BenchError
from bench.relay.ids import id_sink
from bench.relay.load import RECIPIENT, SENDER

_WARM_UP = 10
_PAUSE_SECONDS = 0.005
_PATIENCE_SECONDS = 30
_BODY = (b"X" * 78 + b"\r\n") * 51


async def latencies(contender: Contender, count: int, folder: Path) -> list[float]:
    """Milliseconds of each of `count` messages of 4 KiB, after a warm-up."""
    taken = []
    async with id_sink() as sink, contender.running(Site(folder, sink.port)) as relay:
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
        try:
            await _replied(reader)
            await _said(reader, writer, b"EHLO bench.test\r\n")
            for number in range(1, count + _WARM_UP + 1):
                await asyncio.sleep(_PAUSE_SECONDS)
                begun = time.perf_counter()
                await _sent(reader, writer, number)
                await sink.until(number, _PATIENCE_SECONDS)
                taken.append((sink.arrivals[-1].at - begun) * 1000)
        finally:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
    return taken[_WARM_UP:]


async def _sent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
    recipient = f"{number}{RECIPIENT}"
    head = f"From: <{SENDER}>\r\nTo: <{recipient}>\r\nMessage-Id: <{number}@bench.test>\r\n\r\n"
    await _said(reader, writer, f"MAIL FROM:<{SENDER}>\r\n".encode())
    await _said(reader, writer, f"RCPT TO:<{recipient}>\r\n".encode())
    await _said(reader, writer, b"DATA\r\n")
    await _said(reader, writer, head.encode() + _BODY + b".\r\n")


async def _said(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: bytes) -> None:
    writer.write(line)
    await _replied(reader)


async def _replied(reader: asyncio.StreamReader) -> None:
    while (line := await reader.readline())[3:4] == b"-":
        pass
    if line[:1] not in {b"2", b"3"}:
        raise BenchError(f"the server said {line!r}")


def percentile(values: Sequence[float], share: float) -> float:
    """The least value that `share` (0 to 1) of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * round(share * 100) // 100) - 1)]
