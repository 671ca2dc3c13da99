"""What the digest says, before it is HTML, text or JSON: one object for all three."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of the week beside the week before. "no data" where nothing is known: never 0."""

    what: str
    this_week: str
    last_week: str
    change: str


@dataclass(frozen=True, slots=True)
class ProviderLine:
    """What one provider did with the week's mail; shares of the recipients attempted there."""

    provider: str
    attempted: str
    delivered: str
    put_off: str
    refused: str


@dataclass(frozen=True, slots=True)
class IncidentLine:
    """One incident of the week."""

    label: str
    title: str
    severity: str
    opened: str
    duration: str
    is_open: bool


@dataclass(frozen=True, slots=True)
class ScopeLine:
    """What the automation did on one scope."""

    ip: str
    scope: str
    changes: int
    lowest: str
    now: str
    stood: str
    by: str


@dataclass(frozen=True, slots=True)
class IpLine:
    """One IP. `days` holds the worst severity of each day: 0 clean, 1 notice, 2 warning, 3 critical."""

    ip: str
    state: str
    incidents: int
    days: tuple[int, ...]
    spark: str
    signals: str
    attempted: str
    turned_away: str


@dataclass(frozen=True, slots=True)
class SourceLine:
    """One source of signals that needs a look."""

    name: str
    state: str
    last_success: str
    said: str


@dataclass(frozen=True, slots=True)
class DigestView:
    """The week, most important first."""

    week: str
    title: str
    period: str
    verdict: str
    is_clean: bool
    attention: tuple[IncidentLine, ...]
    figures: tuple[Figure, ...]
    providers: tuple[ProviderLine, ...]
    has_figures: bool
    incidents: tuple[IncidentLine, ...]
    automation: str
    scopes: tuple[ScopeLine, ...]
    ips: tuple[IpLine, ...]
    clean_ips: int
    left_out: int
    quality: str
    sources: tuple[SourceLine, ...]
    doors: tuple[str, ...]
    upcoming: tuple[str, ...]
    day_names: tuple[str, ...]
    troubled_per_day: tuple[int, ...]
    spark: str
    chart_words: str
    zone: str
    is_over: bool = True
    test: str = ""
