"""One line with performance data and exit codes 0, 1, 2, 3, as Nagios and Icinga want them.

https://nagios-plugins.org/doc/guidelines.html
"""

from collections.abc import Callable, Mapping
from enum import IntEnum

from core.errors import TidegateError
from core.text import printable
from tidegate.cli.output import emit


class State(IntEnum):
    """What the plugin API knows."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


Word = tuple[State, str, Mapping[str, int]]
"""The state, a sentence, and numbers."""


def say(look: Callable[[], Word], on_trouble: State) -> int:
    """Print the line; what cannot be looked at is `on_trouble`."""
    try:
        state, said, numbers = look()
    except TidegateError as error:
        state, said, numbers = on_trouble, str(error).splitlines()[0], {}
    data = " ".join(f"{name}={value}" for name, value in numbers.items())
    line = f"TIDEGATE {state.name} - {printable(said, 400).replace('|', '/')}"
    emit(f"{line} | {data}" if data else line)
    return int(state)
