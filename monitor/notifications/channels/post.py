"""Posts what a channel has worded, and judges the answer."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import httpx

from core.clock import Clock
from core.text import printable
from monitor.notifications.bulletin import Bulletin
from monitor.notifications.courier import Postponed, Refused
from storage.outbox import ClaimedMail

_HOPELESS: Final = {400, 413, 415, 422}
"""It is the message that is wrong. Other refusals (401, 404, 410) can be mended in the configuration."""
_LONGEST_WAIT: Final = timedelta(hours=1)
_READ: Final = 2_000


@dataclass(frozen=True, slots=True)
class Post:
    """One HTTP request; JSON unless its headers say otherwise."""

    url: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    auth: tuple[str, str] | None = None


class HttpCourier:
    """One post per bulletin. `wording` is pure and makes the request."""

    def __init__(
        self,
        wording: Callable[[Bulletin, datetime], Post],
        clock: Clock,
        timeout: timedelta,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._wording = wording
        self._clock = clock
        self._timeout = timeout
        self._transport = transport

    async def carry(self, message: ClaimedMail) -> None:
        bulletin = Bulletin.model_validate_json(message.mime)
        await send(self._wording(bulletin, self._clock.now()), self._timeout, self._transport)


async def send(post: Post, patience: timedelta, transport: httpx.AsyncBaseTransport | None = None) -> None:
    """Post once. Raises Refused or Postponed."""
    headers = {"Content-Type": "application/json", "User-Agent": "Tidegate"} | post.headers
    auth = httpx.BasicAuth(*post.auth) if post.auth else None
    try:
        async with (
            httpx.AsyncClient(timeout=patience.total_seconds(), transport=transport, auth=auth) as client,
            client.stream("POST", post.url, content=post.body, headers=headers) as answer,
        ):
            judge(answer.status_code, answer.headers.get("Retry-After", ""), await _beginning(answer))
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise Postponed(printable(f"{type(error).__name__}: {error}", 200)) from error


def judge(status: int, retry_after: str, said: str) -> None:
    """What an answer means. Raises Refused or Postponed; returns when the message was taken."""
    if 200 <= status < 300:
        return
    words = printable(f"it answered {status}: {said}" if said.strip() else f"it answered {status}", 200)
    if status in _HOPELESS:
        raise Refused(words)
    seconds = int(retry_after) if retry_after.isdecimal() and len(retry_after) < 8 else 0
    raise Postponed(words, min(timedelta(seconds=seconds), _LONGEST_WAIT))


async def _beginning(answer: httpx.Response) -> str:
    """The first bytes: an endless answer is not read to its end."""
    async for chunk in answer.aiter_bytes(_READ):
        return chunk.decode("utf-8", "replace")
    return ""
