"""`smtp-pattern-list`: which remote replies change a queue's mode. First match wins."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from core.errors import OperatorError
from engine.settings import ReplyPattern


class PatternAction(StrEnum):
    """What a matching reply does to the queue."""

    BACKOFF = "mode=backoff"
    NORMAL = "mode=normal"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled line of a pattern list; `text` is the expression as written, for Backoff Insight."""

    text: str
    expression: re.Pattern[str]
    action: PatternAction

    @classmethod
    def compile(cls, written: ReplyPattern, where: str) -> Self:
        """Read one line. Raises OperatorError that names the list and the expression."""
        text = written.reply.strip()
        if len(text) < 3 or not (text.startswith("/") and text.endswith("/")):
            raise OperatorError(f"{where}: reply {text!r} must stand between slashes, like /TSS04/")
        try:
            expression = re.compile(text[1:-1], re.IGNORECASE)
        except re.error as error:
            raise OperatorError(f"{where}: {text} is not a regular expression: {error}") from error
        return cls(text, expression, _single_action(written.actions, f"{where}: {text}"))


def _single_action(actions: tuple[str, ...], where: str) -> PatternAction:
    known = ", ".join(PatternAction)
    if len(actions) != 1:
        raise OperatorError(f"{where}: give one action, of {known}")
    try:
        return PatternAction(actions[0])
    except ValueError:
        raise OperatorError(f"{where}: unknown action {actions[0]!r}; write one of {known}") from None


class PatternList:
    """A named list of patterns."""

    def __init__(self, name: str, written: Iterable[ReplyPattern] = ()) -> None:
        self.name = name
        self._patterns = [Pattern.compile(p, f"smtp-pattern-list {name}") for p in written]

    def match(self, reply: str) -> Pattern | None:
        """The first pattern found in the reply text (`421 4.7.0 ...`)."""
        return next((p for p in self._patterns if p.expression.search(reply)), None)
