"""What the scheduler wants done; the deliverer does it and reports back."""

from typing import NamedTuple

from engine.queue.queue import Connection, Queue


class Resolve(NamedTuple):
    """Find the route of a queue, then call `routed` or `unroutable`."""

    queue: Queue


class Open(NamedTuple):
    """Open a connection, then call `opened` or `open_failed`."""

    connection: Connection


class Send(NamedTuple):
    """Send the connection's batch, then call `finished`."""

    connection: Connection


class Close(NamedTuple):
    """Close an idle connection."""

    connection: Connection


class EndBackoff(NamedTuple):
    """The queue's backoff-to-normal-after has passed."""

    queue: Queue


class Reenable(NamedTuple):
    """The time is over for which a source IP was disabled in a queue."""

    queue: Queue
    address: str


Command = Resolve | Open | Send | Close | EndBackoff | Reenable
