"""`smtp-pattern-list`: which remote replies do what to a queue, its source IP or its recipients.

PowerMTA's language (first match wins, case ignored) with two additions: a pattern may be for one provider
alone, and may need several matches in a time (`trigger: 5/10m`) before it acts.
"""

import re
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from core.clock import NANOSECONDS
from core.duration import parse_duration
from core.errors import DurationError, OperatorError
from core.rate import Rate
from engine.classification import provider_name, shipped_entries
from engine.settings import ReplyPattern

SHIPPED = "default"
"""The pattern list that is there without being written: the shipped catalogue of reputation replies."""


class PatternAction(StrEnum):
    """What a matching reply does, in PowerMTA's words."""

    BACKOFF = "mode=backoff"
    NORMAL = "mode=normal"
    DISABLE_SOURCE_IP = "disable-source-ip"
    SKIP_MX = "skip-mx"
    BOUNCE_QUEUE = "bounce-queue"
    BOUNCE_RCPT = "bounce-rcpt"
    DEFER_QUEUE = "defer-queue"


_TIMED = {
    "backoff-to-normal-after": PatternAction.BACKOFF,
    "reenable-after": PatternAction.DISABLE_SOURCE_IP,
}
_CONTRADICTIONS = (
    (PatternAction.BACKOFF, PatternAction.NORMAL),
    (PatternAction.SKIP_MX, PatternAction.BOUNCE_QUEUE),
)


@dataclass(frozen=True, slots=True)
class Pattern:
    """One compiled line; `text` is the expression as written, for Backoff Insight."""

    text: str
    expression: re.Pattern[str]
    actions: frozenset[PatternAction]
    provider: str | None = None
    trigger: Rate | None = None
    backoff_to_normal_after: timedelta | None = None
    reenable_after: timedelta | None = None


@dataclass(slots=True)
class Trigger:
    """Counts the matches of one pattern in one queue; fires at the N-th within the time, starts over."""

    rate: Rate
    _times: deque[int] = field(default_factory=deque)

    def hit(self, now: int) -> bool:
        """Whether this match, at monotonic `now` in ns, is the N-th."""
        self._times.append(now)
        while self._times and now - self._times[0] >= self.rate.seconds * NANOSECONDS:
            self._times.popleft()
        fires = len(self._times) >= (self.rate.count or 1)
        if fires:
            self._times.clear()
        return fires


class PatternList:
    """A named list of patterns."""

    def __init__(self, name: str, written: Iterable[ReplyPattern] = ()) -> None:
        self.name = name
        self.patterns = [compile_pattern(p, f"smtp-pattern-list {name}") for p in written]

    def match(self, reply: str, provider: str = "") -> Pattern | None:
        """The first pattern found in the reply text (`421 4.7.0 ...`)."""
        return next((p for p in self.patterns if _is_for(p, provider) and p.expression.search(reply)), None)

    def lint(self) -> list[str]:
        """Sentences about patterns that can never act because an earlier one takes all their replies."""
        return [
            f"smtp-pattern-list {self.name}: {later.text} never acts: {earlier.text} takes its replies"
            for place, later in enumerate(self.patterns)
            for earlier in self.patterns[:place]
            if _shadows(earlier, later)
        ]


def compile_pattern(written: ReplyPattern, where: str) -> Pattern:
    """Read one line. Raises OperatorError that names the list and the expression."""
    text = written.reply.strip()
    if len(text) < 3 or not (text.startswith("/") and text.endswith("/")):
        raise OperatorError(f"{where}: reply {text!r} must stand between slashes, like /TSS04/")
    try:
        expression = re.compile(text[1:-1], re.IGNORECASE)
    except re.error as error:
        raise OperatorError(f"{where}: {text} is not a regular expression: {error}") from error
    actions, times = _read_actions(written.actions, f"{where}: {text}")
    return Pattern(
        text,
        expression,
        actions,
        written.provider,
        written.trigger,
        times.get("backoff-to-normal-after"),
        times.get("reenable-after"),
    )


def _read_actions(
    written: tuple[str, ...], where: str
) -> tuple[frozenset[PatternAction], dict[str, timedelta]]:
    actions: set[PatternAction] = set()
    times: dict[str, timedelta] = {}
    for word in (part.strip() for text in written for part in text.split(",")):
        name, equals, value = word.partition("=")
        if equals and name in _TIMED:
            if name in times:
                raise OperatorError(f"{where}: {name} stands twice")
            times[name] = _time(value, f"{where}: {name}")
        else:
            actions.add(_action(word, where))
    _check_actions(actions, times, where)
    return frozenset(actions), times


def _check_actions(actions: set[PatternAction], times: dict[str, timedelta], where: str) -> None:
    if not actions:
        raise OperatorError(f"{where}: give an action, of {', '.join(PatternAction)}")
    for one, other in _CONTRADICTIONS:
        if one in actions and other in actions:
            raise OperatorError(f"{where}: {one} and {other} contradict each other; leave one out")
    for name in times:
        if _TIMED[name] not in actions:
            raise OperatorError(f"{where}: {name} needs {_TIMED[name]} in the same line")


def _action(word: str, where: str) -> PatternAction:
    try:
        return PatternAction(word)
    except ValueError:
        known = ", ".join([*PatternAction, *(f"{name}=TIME" for name in _TIMED)])
        raise OperatorError(f"{where}: unknown action {word!r}; write one of {known}") from None


def _time(text: str, where: str) -> timedelta:
    try:
        return parse_duration(text)
    except DurationError as error:
        raise OperatorError(f"{where}: {error}") from error


def _is_for(pattern: Pattern, provider: str) -> bool:
    return pattern.provider is None or pattern.provider == provider


_PLAIN = re.compile(r"[\w .,:;=@#-]+\Z")


def _shadows(earlier: Pattern, later: Pattern) -> bool:
    """Whether the earlier one surely takes every reply of the later one; says no where that is not plain."""
    if earlier.provider not in {None, later.provider} or earlier.trigger is not None:
        return False
    if earlier.text == later.text or earlier.text in {"/./", "/.*/", "/.+/"}:
        return True
    wanted = later.text[1:-1]
    return bool(_PLAIN.match(wanted)) and earlier.expression.search(wanted) is not None


_SHIPPED_ACTIONS = {
    "slow": (PatternAction.BACKOFF,),
    "backoff": (PatternAction.BACKOFF, PatternAction.DEFER_QUEUE),
    "suspend": (PatternAction.BACKOFF, PatternAction.DISABLE_SOURCE_IP, "reenable-after=2h"),
    "ip_blocked": (PatternAction.BACKOFF, PatternAction.DISABLE_SOURCE_IP, "reenable-after=1h"),
}


def shipped_patterns() -> list[ReplyPattern]:
    """The catalogue's replies whose subject is the source IP, as a pattern list."""
    return [
        _shipped(entry)
        for entry in shipped_entries()
        if entry["subject"] == "ip" and entry["action"] in _SHIPPED_ACTIONS
    ]


def _shipped(entry: dict[str, Any]) -> ReplyPattern:
    provider = provider_name(entry)
    trigger = str(entry["trigger"])
    return ReplyPattern(
        reply=f"/{str(entry['regex']).removeprefix('(?i)')}/",
        actions=tuple(str(action) for action in _SHIPPED_ACTIONS[entry["action"]]),
        provider=None if provider == "any" else provider,
        trigger=None if trigger == "1" else Rate.parse(trigger),
    )


def pattern_lists(written: Mapping[str, Iterable[ReplyPattern]]) -> dict[str, PatternList]:
    """The configured lists and the shipped one, which a list of the same name replaces."""
    lists = {SHIPPED: shipped_patterns(), **written}
    return {name: PatternList(name, lines) for name, lines in lists.items()}
