"""Which segment goes next: a table of sentences."""

import pytest

from engine.spool.base import Settled
from engine.spool.index import Index, Segment, Span
from engine.spool.places import Place
from engine.spool.reclaim import Reason, Step, mark_needed, next_step
from engine.spool.records import PostponedMark, SettledMark


def segment(sequence: int, **books: object) -> Segment:
    """A closed one of 1000 bytes with ten dead messages of its own."""
    made = Segment(sequence, length=1000, closed=True, originals=Span(sequence * 10, sequence * 10 + 9))
    for name, value in books.items():
        setattr(made, name, value)
    return made


FULL = {"live": 10, "live_bytes": 900}
NEWEST = segment(9, **FULL)

CASES: list[tuple[str, list[Segment], Step | None]] = [
    ("nothing to do without segments", [], None),
    ("the newest stays, even when dead", [segment(9)], None),
    ("a dead segment goes", [segment(1), NEWEST], Step(1, Reason.DEAD)),
    ("a full segment stays", [segment(1, **FULL), NEWEST], None),
    (
        "marks about its own messages do not hold it",
        [segment(1, settled=Span(10, 19)), NEWEST],
        Step(1, Reason.DEAD),
    ),
    (
        "a settled mark stays while an older segment may hold its message",
        [segment(1, **FULL), segment(8, settled=Span(15, 89)), NEWEST],
        None,
    ),
    (
        "unless half of it is waste: then the mark is written again",
        [segment(1, **FULL), segment(2, settled=Span(15, 29), mark_bytes=40), NEWEST],
        Step(2, Reason.WASTE),
    ),
    (
        "an older copy counts like an original",
        [segment(1, copies=Span(3, 3), **FULL), segment(8, settled=Span(3, 3)), NEWEST],
        None,
    ),
    (
        "a settled mark does not care for later segments",
        [segment(2, settled=Span(90, 99)), segment(9, live=1), segment(10)],
        Step(2, Reason.DEAD),
    ),
    (
        "retry state stays while its message may live anywhere",
        [segment(8, postponed=Span(95, 95)), NEWEST],
        None,
    ),
    (
        "half live is rewritten",
        [segment(1, live=5, live_bytes=500), NEWEST],
        Step(1, Reason.WASTE),
    ),
    ("more than half live is not", [segment(1, live=5, live_bytes=501), NEWEST], None),
    ("marks count as live", [segment(1, live=5, live_bytes=450, mark_bytes=51), NEWEST], None),
    ("young segments may still die by themselves", [segment(7, live=1, live_bytes=9), NEWEST], None),
    (
        "the emptiest is rewritten first",
        [segment(1, live=5, live_bytes=400), segment(2, live=5, live_bytes=100), NEWEST],
        Step(2, Reason.WASTE),
    ),
    (
        "dead ones go before rewriting",
        [segment(1, live=5, live_bytes=400), segment(2), NEWEST],
        Step(2, Reason.DEAD),
    ),
    ("a damaged one is not rewritten", [segment(1, live=5, live_bytes=400, damaged=True), NEWEST], None),
    (
        "the successor of an untrimmed one stays",
        [segment(1, trimmed=False, **FULL), segment(2), NEWEST],
        None,
    ),
    (
        "but later ones may go",
        [segment(1, trimmed=False, **FULL), segment(2), segment(3), NEWEST],
        Step(3, Reason.DEAD),
    ),
    (
        "an untrimmed one itself may go",
        [segment(1, trimmed=False), segment(2), NEWEST],
        Step(1, Reason.DEAD),
    ),
]


@pytest.mark.parametrize(("sentence", "segments", "step"), CASES, ids=[case[0] for case in CASES])
def test_next_step(sentence: str, segments: list[Segment], step: Step | None) -> None:
    assert next_step(reversed(segments)) == step


def test_a_settled_mark_is_needed_only_for_older_segments() -> None:
    index = Index()
    for sequence in (1, 2, 3):
        index.segments[sequence] = segment(sequence)
    needed = [
        mark_needed(SettledMark(n, 0, Settled.DELIVERED), index.segments[2], index) for n in (5, 15, 25, 35)
    ]
    assert needed == [False, True, False, False]


def test_retry_state_is_needed_only_for_a_recipient_that_is_pending() -> None:
    index = Index()
    index.put(15, Place(1, 0, 100), recipients=2)
    index.settle(15, 0)
    marks = [
        PostponedMark(15, 0, 1, 1, 0, b""),
        PostponedMark(15, 1, 1, 1, 0, b""),
        PostponedMark(16, 0, 1, 1, 0, b""),
    ]
    assert [mark_needed(mark, index.segment(2), index) for mark in marks] == [False, True, False]


def test_the_books_follow_a_message_from_segment_to_segment() -> None:
    index = Index()
    index.put(1, Place(1, 50, 100), recipients=1)
    index.put(2, Place(1, 150, 200), recipients=3)
    assert index.move(2, Place(4, 0, 210))
    assert index.place(2) == Place(4, 0, 210)
    assert (index.segment(1).live, index.segment(1).live_bytes) == (1, 100)
    assert (index.segment(4).live, index.segment(4).live_bytes) == (1, 210)
    assert index.settle(1, 0) is index.segment(1)
    assert index.settle(2, 1) is None
    assert index.pending(2) == 0b101
    assert not index.move(1, Place(4, 210, 100))
    assert list(index) == [2]
