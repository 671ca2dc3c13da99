"""Bodies of HTTP answers from strangers: unpacked here, so that what counts is what they unpack to."""

import logging
import zlib
from collections.abc import AsyncIterator
from typing import Final

import httpx

from core.errors import SignalError

ACCEPTED: Final = {"Accept-Encoding": "gzip"}
"""Sent with every request: one packing, which is unpacked step by step."""

_STEP: Final = 65_536
_GZIP: Final = 16 + zlib.MAX_WBITS


class _NoUrls(logging.Filter):
    """httpx logs every request's URL at INFO, keys and all; httpcore whole headers at DEBUG."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING


_NO_URLS = _NoUrls()
# each by name: a filter does not see what a logger below its own hands up
_TALKATIVE: Final = (
    "httpx",
    *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")),
)


def keep_urls_out_of_logs() -> None:
    """From here on httpx and httpcore log no requests in this process. Harmless to repeat."""
    for name in _TALKATIVE:
        logging.getLogger(name).addFilter(_NO_URLS)


async def read(answer: httpx.Response, limit: int, who: str) -> bytes:
    """The whole body of a streamed answer, unpacked, `limit` bytes at most. Raises SignalError.

    httpx would unpack each chunk whole: a megabyte from the wire may become a gigabyte at once.
    """
    packing = answer.headers.get("content-encoding", "").strip().lower()
    if packing not in {"", "identity", "gzip", "x-gzip"}:
        raise SignalError(f"{who} answered in a packing that was not asked for")
    body = bytearray()
    steps = _plain(answer) if packing in {"", "identity"} else _unpacked(answer, who)
    async for piece in steps:
        body += piece
        if len(body) > limit:
            raise SignalError(f"{who} answered more than {limit} bytes")
    return bytes(body)


def _plain(answer: httpx.Response) -> AsyncIterator[bytes]:
    return answer.aiter_raw(_STEP)


async def _unpacked(answer: httpx.Response, who: str) -> AsyncIterator[bytes]:
    unpacker = zlib.decompressobj(_GZIP)
    try:
        async for chunk in answer.aiter_raw(_STEP):
            waiting = chunk
            while waiting:
                yield unpacker.decompress(waiting, _STEP)
                waiting = unpacker.unconsumed_tail
    except zlib.error:
        raise SignalError(f"{who} could not be read: it is not packed as it says") from None
    yield unpacker.flush()
    if not unpacker.eof:
        raise SignalError(f"{who}'s answer is cut short")
