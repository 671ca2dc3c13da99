"""Which recipients have waited for too long: bounce-after where no peer ever answers."""

import heapq
from datetime import datetime, timedelta
from typing import Final

from engine.queue.item import QueuedRecipient
from engine.queue.queue import Queue

_LOOK_EVERY: Final = timedelta(minutes=1)
"""A queue of a hundred thousand must not be walked through for each of its failed connections."""


def take_expired(queue: Queue, now: datetime) -> list[QueuedRecipient]:
    """Take those out of the queue whose message is older than `bounce-after`; looks once a minute."""
    allowed = queue.settings.bounce_after
    at = now.timestamp()
    if allowed is None or at < queue.expiry_due_at:
        return []
    queue.expiry_due_at = at + min(allowed, _LOOK_EVERY).total_seconds()
    oldest = at - allowed.total_seconds()
    expired = [r for r in queue.ready if r.message.received_at <= oldest]
    late = [entry[2] for entry in queue.waiting if entry[2].message.received_at <= oldest]
    if expired:
        kept = [r for r in queue.ready if r.message.received_at > oldest]
        queue.ready.clear()
        queue.ready.extend(kept)
    if late:
        queue.waiting[:] = [entry for entry in queue.waiting if entry[2].message.received_at > oldest]
        heapq.heapify(queue.waiting)
    return expired + late
