"""Server-sent events: what somebody follows as text, for as long as they listen."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from typing import Any, TypeVar

from fastapi.responses import StreamingResponse

_KEEP_ALIVE_SECONDS = 15.0
_Told = TypeVar("_Told")


def streamed(
    first: str, followed: AsyncGenerator[_Told], written: Callable[[_Told], str]
) -> StreamingResponse:
    """An answer that begins with `first` and goes on with what is `followed`, each one `written`."""
    return StreamingResponse(
        _kept_alive(first, followed, written),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store"},
    )


def event(kind: str, data: Mapping[str, Any], ident: str | None = None) -> str:
    """One event."""
    head = f"id: {ident}\n" if ident is not None else ""
    return f"{head}event: {kind}\ndata: {json.dumps(data, default=str)}\n\n"


async def _kept_alive(
    first: str, followed: AsyncGenerator[_Told], written: Callable[[_Told], str]
) -> AsyncIterator[str]:
    """What is told as it comes, and a comment now and then so that proxies keep the connection."""
    upcoming: asyncio.Task[_Told] | None = None
    try:
        yield first
        while True:
            upcoming = upcoming or asyncio.ensure_future(anext(followed))
            done, _ = await asyncio.wait({upcoming}, timeout=_KEEP_ALIVE_SECONDS)
            if not done:
                yield ": still here\n\n"
                continue
            told, upcoming = upcoming.result(), None
            yield written(told)
    except StopAsyncIteration:
        return
    finally:
        if upcoming is not None:
            upcoming.cancel()
        await asyncio.gather(*([upcoming] if upcoming else []), return_exceptions=True)
        await followed.aclose()
