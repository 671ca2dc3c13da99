"""Mistakes of one configuration, gathered so that a person sees all of them at once."""

from collections.abc import Iterable
from difflib import get_close_matches

from core.errors import ConfigError


class ConfigErrors(ConfigError):  # noqa: N818 - they are several
    """Every mistake that was found, in the order of the file. Its text has one line for each."""

    def __init__(self, errors: Iterable[ConfigError]) -> None:
        self.errors = tuple(sorted(errors, key=lambda e: (e.file, e.line or 0)))
        first = self.errors[0]
        super().__init__(first.problem, remedy=first.remedy, file=first.file, line=first.line, key=first.key)

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean X?`, or nothing when no known word is close."""
    close = get_close_matches(word.lower(), sorted(known), n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else ""


def shown(value: object, limit: int = 60) -> str:
    """A value from the file as a message quotes it, cut to `limit` characters."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
