"""From the controller's look at the engine to rounds for the monitor: what was replied, or silence."""

from typing import Final

from controller.reconciler import TickReport
from monitor.collectors.collected import Collected
from monitor.health import OutcomeKind, SourceOutcome
from monitor.replies.hours import ReplyHistory

ENGINE: Final = "engine"
_MOST: Final = 200
"""Readings in one transaction: a large fleet's hour must not keep others from the database for long."""


def rounds(report: TickReport, history: ReplyHistory) -> list[Collected]:
    """What there is to take in, in pieces; nothing when the engine was not asked."""
    if report.minutes is None:
        if report.is_fenced or not report.failure:
            return []
        return [Collected(ENGINE, [], [SourceOutcome(ENGINE, OutcomeKind.FAILED, report.failure)])]
    found = history.readings(report.minutes, report.at)
    pieces = [found[place : place + _MOST] for place in range(0, len(found), _MOST)] or [[]]
    answered = SourceOutcome(ENGINE, OutcomeKind.ANSWERED)
    return [Collected(ENGINE, piece, [] if n else [answered]) for n, piece in enumerate(pieces)]
