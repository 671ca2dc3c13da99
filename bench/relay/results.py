"""What the rounds came to."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

from bench.relay.check import Checked
from bench.relay.load import Load
from bench.relay.measure import Measured

Key = tuple[str, Load]


@dataclass(slots=True)
class Results:
    """Runs by contender and load (its number of messages left out), and why others do not count.

    `latencies` in milliseconds.
    """

    runs: dict[Key, list[Measured]] = field(default_factory=lambda: defaultdict(list))
    failures: dict[Key, list[str]] = field(default_factory=lambda: defaultdict(list))
    versions: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    checked: dict[str, Checked] = field(default_factory=dict)
    latencies: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, contender: str, measured: Measured) -> None:
        self.runs[contender, measured.load.of(0)].append(measured)

    def add_check(self, contender: str, checked: Checked) -> None:
        before = self.checked.get(contender)
        self.checked[contender] = before + checked if before else checked

    def fail(self, contender: str, load: Load, why: str) -> None:
        self.failures[contender, load.of(0)].append(why)

    def middle(self, contender: str, load: Load, figure: Callable[[Measured], float]) -> float | None:
        """The median over the rounds; None where no run counts."""
        runs = self.runs.get((contender, load.of(0)), [])
        return median(map(figure, runs)) if runs else None

    def spread(
        self, contender: str, load: Load, figure: Callable[[Measured], float]
    ) -> tuple[float, float] | None:
        """The least and the most of the rounds."""
        values = [figure(run) for run in self.runs.get((contender, load.of(0)), [])]
        return (min(values), max(values)) if values else None
