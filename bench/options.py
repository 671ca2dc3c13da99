"""What a benchmark is asked for."""

from dataclasses import dataclass
from enum import StrEnum


class Form(StrEnum):
    """SHORT is for machines that check and times nothing; FULL is the whole matrix."""

    SHORT = "short"
    USUAL = "usual"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Options:
    """`only` names the contenders to measure; empty is all, and only then is a report written.

    A run that others disturb is made again, `tries` times in all, and the least disturbed one counts.
    """

    form: Form = Form.USUAL
    only: tuple[str, ...] = ()
    tries: int = 1
