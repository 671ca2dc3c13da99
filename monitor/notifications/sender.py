"""Carries messages from the outbox to whoever takes them.

At least once: a crash between the other side's 250 and our mark sends the same bytes again, with the same
Message-ID or key, which is how a reader's client can tell (reference: control.md 4.2).
"""

import asyncio
import itertools
import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from sqlalchemy import Engine

from core.clock import Clock
from core.text import printable
from monitor.notifications.channels.couriers import couriers
from monitor.notifications.courier import Courier, Postponed, Refused
from monitor.notifications.retry import Blame, GiveUp, Retry, after_failure
from monitor.notifications.settings import NotificationSettings
from storage import database, outbox
from storage.outbox import ClaimedMail

log = logging.getLogger(__name__)


class Fate(StrEnum):
    """What became of one message in one round."""

    SENT = "sent"
    FAILED = "failed"
    DEAD = "dead"
    LEFT = "its claim ran out before its turn"


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one round did."""

    sent: int = 0
    failed: int = 0
    dead: int = 0


class Sender:
    """The outbox's doer: claims, hands over, marks. A slow channel keeps no other waiting."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        settings: NotificationSettings,
        by_channel: Mapping[str, Courier] | None = None,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._settings = settings
        self._couriers = by_channel or couriers(settings, clock)

    async def deliver(self, limit: int = 20) -> Delivered:
        """Send what is due now, oldest first. Never raises for what the other side did."""
        with database.session(self._engine) as session:
            claimed = outbox.claim(session, self._clock.now(), self._settings.claim_for, limit)
        rounds = await asyncio.gather(*(self._carry_all(mine) for mine in _by_channel(claimed)))
        fates = Counter(itertools.chain.from_iterable(rounds))
        return Delivered(fates[Fate.SENT], fates[Fate.FAILED], fates[Fate.DEAD])

    async def run(self, every: float = 5.0) -> None:
        """Deliver for ever, every so many seconds of the clock, until cancelled."""
        while True:
            await self.deliver()
            mine = asyncio.current_task()
            if mine is not None and mine.cancelling():
                # the SMTP client can swallow a cancellation that meets it while it says goodbye
                raise asyncio.CancelledError
            await self._clock.sleep(every)

    async def _carry_all(self, messages: Iterable[ClaimedMail]) -> list[Fate]:
        return [await self._carry(message) for message in messages]

    async def _carry(self, message: ClaimedMail) -> Fate:
        if message.leased_until is not None and self._clock.now() >= message.leased_until:
            return Fate.LEFT  # another sender may have it by now
        courier = self._couriers.get(message.channel)
        if courier is None:
            return self._failed(message, Blame.UNKNOWN, f"the configuration has no channel {message.channel}")
        try:
            await courier.carry(message)
        except Refused as refusal:
            return self._failed(message, Blame.REFUSED, str(refusal))
        except Postponed as delay:
            return self._failed(message, Blame.PASSING, str(delay), delay.wait)
        except Exception as error:  # noqa: BLE001 - one channel's fault must not stop the others
            return self._failed(message, Blame.PASSING, f"{type(error).__name__}: {error}")
        with database.session(self._engine) as session:
            outbox.mark_sent(session, message, self._clock.now())
        log.info("sent to %s: %s", _whom(message), message.subject,
                 extra={"event": "notification.sent", "attempts": message.attempts})  # fmt: skip
        return Fate.SENT

    def _failed(self, message: ClaimedMail, blame: Blame, said: str, wait: timedelta = timedelta(0)) -> Fate:
        now, error = self._clock.now(), printable(said, 300)
        verdict = after_failure(message.attempts, blame, now, self._settings, wait)
        with database.session(self._engine) as session:
            match verdict:
                case Retry(at):
                    outbox.mark_failed(session, message, at, error)
                    log.warning(
                        "not sent to %s, will try again: %s (%s)",
                        _whom(message),
                        message.subject,
                        error,
                        extra={"event": "notification.failed", "attempts": message.attempts},
                    )
                    return Fate.FAILED
                case GiveUp(reason):
                    outbox.mark_dead(session, message, now, f"{reason}: {error}")
                    log.error("given up on %s: %s (%s: %s)", _whom(message), message.subject, reason, error,
                              extra={"event": "notification.dead", "attempts": message.attempts})  # fmt: skip
                    return Fate.DEAD


def _by_channel(messages: Iterable[ClaimedMail]) -> list[list[ClaimedMail]]:
    groups: dict[str, list[ClaimedMail]] = {}
    for message in messages:
        groups.setdefault(message.channel, []).append(message)
    return list(groups.values())


def _whom(message: ClaimedMail) -> str:
    return ", ".join(message.recipients)
