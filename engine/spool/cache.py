"""The messages stored last, kept in memory: most are delivered before they would have to be read."""

from engine.spool.base import NewMessage

_OVERHEAD = 1024  # bytes of an envelope and its objects, roughly


class RecentMessages:
    """At most `limit` bytes; the oldest goes first. Contents above `largest` are not kept."""

    def __init__(self, limit: int, largest: int) -> None:
        self._limit = limit
        self._largest = largest
        self._held = 0
        self._messages: dict[int, NewMessage] = {}

    def get(self, message_id: int) -> NewMessage | None:
        return self._messages.get(message_id)

    def put(self, message_id: int, message: NewMessage) -> None:
        if len(message.content) > self._largest:
            return
        self._messages[message_id] = message
        self._held += len(message.content) + _OVERHEAD
        while self._held > self._limit:
            self.discard(next(iter(self._messages)))

    def discard(self, message_id: int) -> None:
        message = self._messages.pop(message_id, None)
        if message is not None:
            self._held -= len(message.content) + _OVERHEAD
