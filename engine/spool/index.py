"""Where every unsettled message lies, and what each segment still holds. Values only, no I/O."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from engine.spool.places import Place, Places


@dataclass(slots=True)
class Span:
    """The smallest and largest of some message ids; empty at first."""

    first: int = 1 << 64
    last: int = -1

    def add(self, message_id: int) -> None:
        if not self.first <= message_id <= self.last:
            self.first = min(self.first, message_id)
            self.last = max(self.last, message_id)

    def include(self, other: "Span") -> None:
        self.first = min(self.first, other.first)
        self.last = max(self.last, other.last)

    def __contains__(self, message_id: int) -> bool:
        return self.first <= message_id <= self.last

    def overlaps(self, other: "Span") -> bool:
        return self.first <= other.last and other.first <= self.last


@dataclass(slots=True)
class Segment:
    """The books of one segment. `length` is what counts of it, `live_bytes` what must be kept.

    Its messages' ids are in two spans, since a few old copies would make one span cover everything.
    `closed`: takes no more records. `trimmed` is False while bytes beyond `length` could not be cut off.
    `noticed`: the reclaimer was told that it is mostly waste.
    """

    sequence: int
    length: int = 0
    live: int = 0
    live_bytes: int = 0
    mark_bytes: int = 0
    originals: Span = field(default_factory=Span)
    copies: Span = field(default_factory=Span)
    settled: Span = field(default_factory=Span)
    postponed: Span = field(default_factory=Span)
    closed: bool = False
    trimmed: bool = True
    noticed: bool = False
    damaged: bool = False

    @property
    def kept_bytes(self) -> int:
        """At most so much would have to be written elsewhere to be rid of this segment."""
        return self.live_bytes + self.mark_bytes

    @property
    def mostly_waste(self) -> bool:
        return self.kept_bytes * 2 <= self.length

    def may_hold(self, message_id: int) -> bool:
        """Whether a record of the message may lie in it, dead or alive."""
        return message_id in self.originals or message_id in self.copies


class Index:
    """All messages with unsettled recipients, and all segments."""

    def __init__(self) -> None:
        self.segments: dict[int, Segment] = {}
        self._places = Places()
        self._masks: dict[int, int] = {}  # of messages with several recipients

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, message_id: int) -> bool:
        return message_id in self._places

    def __iter__(self) -> Iterator[int]:
        """Ids in order of arrival: what is known now and still there when its turn comes."""
        return iter(self._places)

    def segment(self, sequence: int) -> Segment:
        """The books of a segment, opened if new."""
        found = self.segments.get(sequence)
        if found is None:
            found = self.segments[sequence] = Segment(sequence)
        return found

    def place(self, message_id: int) -> Place | None:
        return self._places.get(message_id)

    def pending(self, message_id: int) -> int:
        """Which recipients are unsettled: bit n is recipient n. 0 for a message that is gone."""
        mask = self._masks.get(message_id)
        return mask if mask is not None else int(message_id in self._places)

    def put(self, message_id: int, place: Place, recipients: int, mask: int | None = None) -> None:
        """A message is stored, or a later copy of it is found. `mask`: who is pending, if not all."""
        if recipients > 1:
            self._masks[message_id] = (1 << recipients) - 1 if mask is None else mask
        self._lay(message_id, place)

    def move(self, message_id: int, place: Place) -> bool:
        """A copy is written: it counts from now on, unless the message is gone."""
        if message_id not in self._places:
            return False
        self._lay(message_id, place)
        return True

    def settle(self, message_id: int, recipient: int) -> Segment | None:
        """Strike off a pending recipient; the message's segment if this was its last one."""
        left = self.pending(message_id) & ~(1 << recipient)
        if left:
            self._masks[message_id] = left
            return None
        self._masks.pop(message_id, None)
        place = self._places.pop(message_id)
        return None if place is None else self._release(place)

    def _lay(self, message_id: int, place: Place) -> None:
        old = self._places.put(message_id, place)
        if old is not None:
            self._release(old)
        segment = self.segment(place.sequence)
        segment.live += 1
        segment.live_bytes += place.size

    def _release(self, place: Place) -> Segment:
        segment = self.segments[place.sequence]
        segment.live -= 1
        segment.live_bytes -= place.size
        return segment
