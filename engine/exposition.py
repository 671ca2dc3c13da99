"""Prometheus' text format, version 0.0.4: families of samples in, text out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

Labels = Mapping[str, str]
Sample = tuple[Labels, float]


class Kind(StrEnum):
    """What a family is."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: its name without the prefix, a sentence, and its samples."""

    name: str
    kind: Kind
    help: str
    samples: tuple[Sample, ...]


def counter(name: str, text: str, samples: Iterable[Sample]) -> Family:
    """A number that only grows; its name ends in _total."""
    if not name.endswith("_total"):
        raise ValueError(f"a counter's name ends in _total: {name}")
    return Family(name, Kind.COUNTER, text, tuple(samples))


def gauge(name: str, text: str, samples: Iterable[Sample] | float) -> Family:
    """A number that goes up and down."""
    given: Iterable[Sample] = [({}, samples)] if isinstance(samples, int | float) else samples
    return Family(name, Kind.GAUGE, text, tuple(given))


def histogram(
    name: str, text: str, bounds: Iterable[float], counts: Iterable[int], total: float
) -> tuple[Family, ...]:
    """`counts` per bucket (not summed up), the last for what is above every bound; `total` of all values."""
    samples: list[Sample] = []
    below = 0
    for bound, count in zip([*(f"{b:g}" for b in bounds), "+Inf"], counts, strict=True):
        below += count
        samples.append(({"le": bound}, below))
    return (
        Family(f"{name}_bucket", Kind.HISTOGRAM, text, tuple(samples)),
        Family(f"{name}_sum", Kind.HISTOGRAM, "", (({}, total),)),
        Family(f"{name}_count", Kind.HISTOGRAM, "", (({}, below),)),
    )


def render(families: Iterable[Family], prefix: str = "tidegate_") -> str:
    """The whole page."""
    lines: list[str] = []
    for family in families:
        name = prefix + family.name
        if family.help:
            base = name.removesuffix("_bucket") if family.kind is Kind.HISTOGRAM else name
            lines += [f"# HELP {base} {_escaped_help(family.help)}", f"# TYPE {base} {family.kind}"]
        lines += [f"{name}{_labels(labels)} {value:.17g}" for labels, value in family.samples]
    return "\n".join(lines) + "\n"


def _labels(labels: Labels) -> str:
    inside = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{inside}}}" if inside else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _escaped_help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")
