"""What a mail says, before it is HTML or text. Built by `build`, shown by the templates, both parts alike."""

from dataclasses import dataclass, field

from core.incident import Severity
from core.reading import Status
from monitor.notifications.chart import Chart


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the before-and-now table. `about` is the IP where the mail is about several."""

    about: str
    what: str
    before: str
    now: str
    since: str
    tone: Status


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that the controller (or a person) did to a limit, or would do; `until` when it runs out."""

    at: str
    scope: str
    directive: str
    before: str
    after: str
    rule: str
    reason: str
    actor: str
    undo: str
    key: str
    until: str = ""


@dataclass(frozen=True, slots=True)
class Exhibit:
    """Evidence as it came: the source and named lines, verbatim but for control characters."""

    title: str
    lines: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Member:
    """One incident of the group that the mail is about."""

    label: str
    title: str
    severity: Severity
    state: str
    summary: str
    since: str


@dataclass(frozen=True, slots=True)
class Resolution:
    """What it came to: how long, at what cost, and how the rate rises again."""

    duration: str
    cost: tuple[str, ...]
    ramps: tuple[tuple[str, str], ...]
    ramp_note: str


@dataclass(frozen=True, slots=True)
class Command:
    """A command to copy, and what it does."""

    text: str
    purpose: str


@dataclass(frozen=True, slots=True)
class IncidentView:
    """One mail about incidents, in the order in which it is read."""

    heading: str
    badge: str
    tone: Severity
    is_over: bool
    verdict: str
    consequence: str
    summary: str
    news: tuple[tuple[str, str], ...]
    members: tuple[Member, ...]
    left_out: int
    rows: tuple[Row, ...]
    collapsed: str
    deeds: tuple[Deed, ...]
    deed_note: str
    exhibits: tuple[Exhibit, ...]
    steps: tuple[str, ...]
    commands: tuple[Command, ...]
    elsewhere: str
    why: str
    link: str = ""
    resolution: Resolution | None = None
    also_open: tuple[str, ...] = ()
    chart: Chart | None = None
    test: str = ""


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """One change that the controller would make. Plain words; rates in PowerMTA's grammar."""

    scope: str
    directive: str
    before: str
    after: str
    rule: str
    reason: str
    command: str


@dataclass(frozen=True, slots=True)
class PlanView:
    """What the controller would do, and how to do it by hand."""

    heading: str
    verdict: str
    intro: str
    changes: tuple[PlannedChange, ...]
    why: str
    test: str = ""
    tone: Severity = field(default=Severity.INFO)
