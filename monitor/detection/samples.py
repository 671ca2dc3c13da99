"""Readings put in order, and the run rules over them. Knows no source."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.incident import Severity
from core.reading import Quality, Reading, Status
from monitor.detection.finding import FindingState

Samples = Sequence[Reading]
Judge = Callable[[Samples], Severity | None]
"""Looks at the samples up to one of them; the severity when its rule fires there."""


def ordered(history: Iterable[Reading]) -> list[Reading]:
    """One reading per period, oldest first: what was observed last about a period stands, then the worse.

    This is what makes the folds blind to the order in which readings arrived, and to duplicates. Unknown
    replaces nothing. A report that comes again with a longer period is one report: of two periods that
    overlap by more than half of the shorter, one stands.
    """
    chosen: dict[tuple[datetime, datetime], Reading] = {}
    for reading in history:
        key = (reading.period_end, reading.period_start)
        if key not in chosen or _weight(reading) > _weight(chosen[key]):
            chosen[key] = reading
    found: list[Reading] = []
    for reading in (chosen[key] for key in sorted(chosen)):
        if found and _one_report(found[-1], reading):
            found[-1] = max(found[-1], reading, key=_weight)
        else:
            found.append(reading)
    return found


def _one_report(a: Reading, b: Reading) -> bool:
    shorter = min(a.period_end - a.period_start, b.period_end - b.period_start)
    shared = min(a.period_end, b.period_end) - max(a.period_start, b.period_start)
    return 2 * shared > shorter > timedelta(0)


def valid(samples: Iterable[Reading]) -> list[Reading]:
    """The samples that say something: UNKNOWN never starts or clears anything."""
    return [s for s in samples if s.status is not Status.UNKNOWN and s.quality is Quality.OK]


def within(samples: Samples, count: int, period: timedelta) -> Samples:
    """The newest `count` samples that lie within twice as many periods of the last (control.md 1.2)."""
    if not samples:
        return ()
    horizon = samples[-1].period_end - 2 * count * period
    return [s for s in samples[-count:] if s.period_end > horizon]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a rule stands after the last sample. `trigger` is the newest sample that made it fire."""

    state: FindingState
    severity: Severity
    started: Reading
    trigger: Reading
    newest: Reading
    baseline: bool


def stand(
    samples: Samples, fires: Judge, clean: Callable[[Reading], bool], clear_after: int
) -> Standing | None:
    """Walk valid samples, oldest first. None: nothing was ever wrong, and nothing is known to be right.

    It becomes ACTIVE where `fires`, CLEARING at the first clean sample, CLEAR after
    `clear_after` of them in a row.
    """
    standing: Standing | None = None
    cleans = 0
    for place, sample in enumerate(samples):
        cleans = cleans + 1 if clean(sample) else 0
        severity = fires(samples[: place + 1])
        if severity is not None and not cleans:
            standing = _fire(standing, severity, sample, baseline=not any(map(clean, samples[:place])))
        elif standing is None:
            continue
        else:
            standing = _advance(standing, sample, cleans, clear_after)
    return standing or (_all_clean(samples) if cleans >= clear_after else None)


def _fire(before: Standing | None, severity: Severity, sample: Reading, *, baseline: bool) -> Standing:
    if before is None or before.state is FindingState.CLEAR:
        return Standing(FindingState.ACTIVE, severity, sample, sample, sample, baseline)
    return Standing(FindingState.ACTIVE, severity, before.started, sample, sample, before.baseline)


def _advance(before: Standing, sample: Reading, cleans: int, clear_after: int) -> Standing:
    if before.state is FindingState.CLEAR or cleans >= clear_after:
        state = FindingState.CLEAR
    else:
        state = FindingState.CLEARING if cleans else FindingState.ACTIVE
    return Standing(state, before.severity, before.started, before.trigger, sample, before.baseline)


def _all_clean(samples: Samples) -> Standing:
    last = samples[-1]
    return Standing(FindingState.CLEAR, Severity.INFO, last, last, last, baseline=False)


def _weight(reading: Reading) -> tuple[bool, datetime, int, str, float, str]:
    value = float("-inf") if reading.value is None else reading.value
    known = reading.status is not Status.UNKNOWN
    return (
        known,
        reading.observed_at,
        list(Status).index(reading.status),
        reading.quality,
        value,
        reading.detail,
    )
