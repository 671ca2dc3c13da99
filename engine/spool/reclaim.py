"""Decides which segment to delete or to rewrite next. Values in, a step and its reason out.

A segment may go when nothing in it is needed: no live message, no settled mark whose message may still lie
in an older segment (it would come back to life at the next start), no retry state of a live message.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from engine.spool.index import Index, Segment
from engine.spool.records import Mark, SettledMark

_YOUNG = 2
"""Segments just closed still die by themselves: most mail is delivered within seconds."""


class Reason(Enum):
    """Why a segment goes."""

    DEAD = "nothing in it is needed"
    WASTE = "at least half of it is not needed; the rest is written again"


@dataclass(frozen=True, slots=True)
class Step:
    """Delete the segment; if `reason` is WASTE, after copying what is needed."""

    sequence: int
    reason: Reason


def next_step(segments: Iterable[Segment]) -> Step | None:
    """The best thing to do now. The newest segment is never touched: it carries the next id."""
    ordered = sorted(segments, key=lambda segment: segment.sequence)
    # only its successor says where an untrimmed segment ends
    pinned = {after.sequence for before, after in pairwise(ordered) if not before.trimmed}
    closed = [segment for segment in ordered[:-1] if segment.sequence not in pinned]
    for segment in closed:
        if segment.live == 0 and not _marks_needed(segment, ordered):
            return Step(segment.sequence, Reason.DEAD)
    wasteful = [segment for segment in closed if _wasteful(segment, ordered[-1])]
    if not wasteful:
        return None
    best = min(wasteful, key=lambda segment: segment.kept_bytes / max(1, segment.length))
    return Step(best.sequence, Reason.WASTE)


def _wasteful(segment: Segment, newest: Segment) -> bool:
    young = segment.sequence >= newest.sequence - _YOUNG
    return segment.mostly_waste and not segment.damaged and not young


def _marks_needed(segment: Segment, ordered: Sequence[Segment]) -> bool:
    """As far as the spans tell; they err on the side of keeping."""
    for other in ordered:
        if other.sequence < segment.sequence and _meets(other, segment, settled=True):
            return True
        if other.live and _meets(other, segment, settled=False):
            return True
    return False


def _meets(holder: Segment, segment: Segment, *, settled: bool) -> bool:
    marks = segment.settled if settled else segment.postponed
    return marks.overlaps(holder.originals) or marks.overlaps(holder.copies)


def mark_needed(mark: Mark, segment: Segment, index: Index) -> bool:
    """Whether a mark found in `segment` must be written again before the segment goes."""
    if isinstance(mark, SettledMark):
        return any(
            other.may_hold(mark.message_id)
            for other in index.segments.values()
            if other.sequence < segment.sequence
        )
    return bool(index.pending(mark.message_id) >> mark.recipient & 1)
