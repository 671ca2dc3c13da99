"""Normal and backoff: the two modes of a queue, what moves it, and nothing else."""

from enum import StrEnum


class QueueMode(StrEnum):
    """PowerMTA's two modes."""

    NORMAL = "normal"
    BACKOFF = "backoff"


class ModeEvent(StrEnum):
    """What can move a queue between modes, as Backoff Insight words it."""

    BACKOFF_PATTERN = "a reply matched a backoff pattern"
    NORMAL_PATTERN = "a reply matched a normal pattern"
    DELIVERY = "a message was delivered (backoff-to-normal-after-delivery)"
    TIMER = "backoff-to-normal-after has passed"
    ALL_SOURCES_DISABLED = "every source IP is disabled (backoff-upon-all-sources-disabled)"
    SET_BACKOFF = "set to backoff by hand"
    SET_NORMAL = "set to normal by hand"


TRANSITIONS: dict[QueueMode, dict[ModeEvent, QueueMode]] = {
    QueueMode.NORMAL: {
        ModeEvent.BACKOFF_PATTERN: QueueMode.BACKOFF,
        ModeEvent.ALL_SOURCES_DISABLED: QueueMode.BACKOFF,
        ModeEvent.SET_BACKOFF: QueueMode.BACKOFF,
    },
    QueueMode.BACKOFF: {
        ModeEvent.NORMAL_PATTERN: QueueMode.NORMAL,
        ModeEvent.DELIVERY: QueueMode.NORMAL,
        ModeEvent.TIMER: QueueMode.NORMAL,
        ModeEvent.SET_NORMAL: QueueMode.NORMAL,
    },
}


def after(mode: QueueMode, event: ModeEvent) -> QueueMode:
    """The mode after an event; an event that means nothing in a mode leaves it."""
    return TRANSITIONS[mode].get(event, mode)
