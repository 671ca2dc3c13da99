"""What the scheduler wants done; the deliverer does it and reports back."""

from dataclasses import dataclass

from engine.queue.queue import Connection, Queue


@dataclass(frozen=True, slots=True)
class Resolve:
    """Find the route of a queue, then call `routed` or `unroutable`."""

    queue: Queue


@dataclass(frozen=True, slots=True)
class Open:
    """Open a connection, then call `opened` or `open_failed`."""

    connection: Connection


@dataclass(frozen=True, slots=True)
class Send:
    """Send the connection's batch, then call `finished`."""

    connection: Connection


@dataclass(frozen=True, slots=True)
class Close:
    """Close an idle connection."""

    connection: Connection


@dataclass(frozen=True, slots=True)
class EndBackoff:
    """The queue's backoff-to-normal-after has passed."""

    queue: Queue


@dataclass(frozen=True, slots=True)
class Reenable:
    """The time is over for which a source IP was disabled in a queue."""

    queue: Queue
    address: str


Command = Resolve | Open | Send | Close | EndBackoff | Reenable
