"""The key figures of the overview, and what each means."""

from dataclasses import dataclass
from datetime import timedelta

from core.incident import Severity
from core.lease import Origin
from tidegate.web.views.glance import Glance
from tidegate.web.views.parts import Tone

_DAY = timedelta(hours=24)
_MANY = 0.1
"""A larger share of deferred recipients is worth a colour."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A number, what it counts, what it means, and where there is more."""

    label: str
    value: str
    note: str
    address: str
    tone: Tone = Tone.OK


def figures(facts: Glance) -> tuple[Figure, ...]:
    """The key figures."""
    return (*_mail(facts), *_engine(facts), _incidents(facts), _sources(facts))


def _mail(facts: Glance) -> tuple[Figure, Figure]:
    recent = [counts for hour, counts in facts.hours if hour > facts.now - _DAY]
    attempted, delivered, deferred = (
        sum(counts[name] for counts in recent) for name in ("attempted", "delivered", "deferred")
    )
    tone = Tone.WARN if deferred > attempted * _MANY else Tone.OK
    return (
        Figure("accepted, 24 h", f"{delivered:,}", _share(delivered, attempted), "/ips?sort=volume"),
        Figure("deferred, 24 h", f"{deferred:,}", _share(deferred, attempted), "/queues?state=errors", tone),
    )


def _engine(facts: Glance) -> tuple[Figure, Figure]:
    """What the engine alone knows is a dash while it is away."""
    waiting, limits = "recipients waiting", "limits at run time"
    if facts.trouble:
        return (
            Figure(waiting, "–", "not known", "/queues", Tone.UNKNOWN),
            Figure(limits, "–", "not known", "/leases", Tone.UNKNOWN),
        )
    queues = facts.engine.get("queues", {})
    backoff, count = queues.get("backoff", 0), queues.get("recipients", 0)
    automatic = sum(one.get("origin") == Origin.CONTROLLER for one in facts.leases)
    said = f"{backoff} queue{'' if backoff == 1 else 's'} in backoff"
    tones = [Tone.WARN if number else Tone.OK for number in (backoff, len(facts.leases))]
    return (
        Figure(waiting, f"{count:,}", said, "/queues", tones[0]),
        Figure(limits, f"{len(facts.leases):,}", f"{automatic} automatic", "/leases", tones[1]),
    )


def _incidents(facts: Glance) -> Figure:
    found = facts.fleet.incidents
    critical = sum(one.severity is Severity.CRITICAL for one in found)
    tone = Tone.BAD if critical else Tone.WARN if found else Tone.OK
    return Figure("open incidents", f"{len(found):,}", f"{critical} critical", "/incidents", tone)


def _sources(facts: Glance) -> Figure:
    blind = len(facts.blind)
    value = f"{len(facts.sources) - blind} of {len(facts.sources)}"
    note = f"{blind} unknown now" if blind else "all answer"
    return Figure("sources", value, note, "/sources", Tone.UNKNOWN if blind else Tone.OK)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%} of {whole:,}" if whole else "no mail yet"
