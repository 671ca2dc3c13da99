"""The dead man's switch: an outside service is told that all is well, and raises the alarm when it is not.

Words of Healthchecks: the address itself means well, `/fail` after it means not (https://healthchecks.io/docs/http_api/).
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import httpx
from pydantic import SecretStr
from sqlalchemy import Engine

from core.clock import Clock
from core.text import printable
from monitor.notifications.channels import post
from monitor.notifications.channels.post import Post
from monitor.notifications.courier import Postponed, Refused
from monitor.notifications.settings import HeartbeatSettings
from storage import database, outbox
from storage.outbox import StoredMail

log = logging.getLogger(__name__)

STUCK_AFTER: Final = timedelta(minutes=30)
_PATIENCE: Final = timedelta(seconds=15)


class Beat(StrEnum):
    """What the outside is told."""

    WELL = "messages get out"
    FAIL = "messages do not get out"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One beat, and why."""

    beat: Beat
    reason: str = ""


def verdict(pending: Sequence[StoredMail], dead: Sequence[StoredMail], now: datetime) -> Verdict:
    """Whether people can be reached. What waits for its hour has not been tried and is well."""
    stuck = [m for m in pending if m.last_error and now - m.created_at > STUCK_AFTER]
    lost = [m for m in dead if m.finished_at is not None and now - m.finished_at < timedelta(days=1)]
    for name, found in (("not sent", stuck), ("given up", lost)):
        if found:
            return Verdict(
                Beat.FAIL, f"{len(found)} {name}, the oldest: {printable(found[0].last_error, 200)}"
            )
    return Verdict(Beat.WELL)


class Heart:
    """Beats once per interval, from the loop that also collects: if that stops, so does this."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        settings: HeartbeatSettings,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._url = settings.url or SecretStr("")
        self._transport = transport
        self._complaint = ""

    async def beat(self) -> Verdict:
        """Look at the outbox and tell. Never raises for what the other side did."""
        with database.reading(self._engine) as session:
            found = verdict(outbox.pending(session), outbox.dead(session), self._clock.now())
        url = self._url.get_secret_value().rstrip("/") + ("/fail" if found.beat is Beat.FAIL else "")
        plain = {"Content-Type": "text/plain; charset=utf-8"}
        complaint = ""
        try:
            await post.send(Post(url, found.reason.encode(), plain), _PATIENCE, self._transport)
        except (Refused, Postponed) as error:
            complaint = str(error)
        if complaint and complaint != self._complaint:
            log.warning("The heartbeat is not heard: %s", complaint, extra={"event": "heartbeat.failed"})
        self._complaint = complaint
        return found
