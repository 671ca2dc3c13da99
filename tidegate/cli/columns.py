"""Tables of which a person may choose the columns, by the names that stand in their headings."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tidegate.cli.exit_codes import UsageError
from tidegate.cli.output import fits, table

HELP: Final = "help"


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `also` are other names it answers to."""

    heading: str
    right: bool = False
    hidden: bool = False
    """Shown only where it is named."""
    spare: bool = False
    """Left out where a terminal is too narrow for all."""
    also: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The heading in lower case, without the signs that a shell or a reader trips over."""
        return plain(self.heading)


def plain(text: str) -> str:
    """`Last error` and `last_error` are `last-error`, `#rcpt` is `rcpt`."""
    return "-".join(text.lower().replace("_", " ").replace("#", "").replace(".", "").split())


class Sheet:
    """The columns of one table. Rows have a cell for each of them, the hidden ones too."""

    def __init__(self, *columns: Column) -> None:
        self.columns = columns
        self.names = tuple(one.name for one in columns)
        self.usual = tuple(n for n, one in enumerate(columns) if not one.hidden)

    def choose(self, words: str) -> tuple[int, ...]:
        """The places of the columns that `a,b,c` names. Raises UsageError for `help` and for a wrong name."""
        if words.strip() == HELP:
            raise UsageError(f"--columns takes, in any order: {self._listed()}")
        known = {name: n for n, one in enumerate(self.columns) for name in (one.name, *one.also)}
        wanted = [plain(word) for word in words.split(",")]
        for word, name in zip(words.split(","), wanted, strict=True):
            if name not in known:
                raise UsageError(self._stranger(word.strip(), known))
        return tuple(known[name] for name in wanted)

    def draw(self, rows: Sequence[Sequence[object]], chosen: Sequence[int] | None = None) -> str:
        """The table; as it is without a choice, less spare columns where a terminal has no room for them."""
        if chosen is not None:
            return self._table(rows, chosen)
        places = list(self.usual)
        left_out: list[str] = []
        for place in reversed([n for n in places if self.columns[n].spare]):
            if not sys.stdout.isatty() or fits(*self._cut(rows, places)):
                break
            places.remove(place)
            left_out.insert(0, self.names[place])
        drawn = self._table(rows, places)
        return f"{drawn}\n(no room for {', '.join(left_out)}; see --columns)" if left_out else drawn

    def _table(self, rows: Sequence[Sequence[object]], places: Sequence[int]) -> str:
        right = [at for at, place in enumerate(places) if self.columns[place].right]
        return table(*self._cut(rows, places), right=right)

    def _cut(
        self, rows: Sequence[Sequence[object]], places: Sequence[int]
    ) -> tuple[list[str], list[list[object]]]:
        headings = [self.columns[place].heading for place in places]
        return headings, [[row[place] for place in places] for row in rows]

    def _stranger(self, word: str, known: dict[str, int]) -> str:
        from tidegate.config.problems import did_you_mean  # noqa: PLC0415 - only for a mistake

        meant = did_you_mean(word, known)
        return f"--columns: there is no column {word!r}{meant and f' ({meant})'}; there are {self._listed()}"

    def _listed(self) -> str:
        usual = ", ".join(one.name for one in self.columns if not one.hidden)
        hidden = ", ".join(one.name for one in self.columns if one.hidden)
        return f"{usual}; shown only when named: {hidden}" if hidden else usual


@dataclass(frozen=True, slots=True)
class Grid:
    """The rows of one table, and the line below it."""

    rows: Sequence[Sequence[object]]
    foot: str = ""

    def drawn(self, sheet: Sheet, chosen: Sequence[int]) -> str:
        """Only the chosen columns, and the line below."""
        return "\n".join(filter(None, (sheet.draw(self.rows, chosen), self.foot)))
