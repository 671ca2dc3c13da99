"""From incidents and the engine's counts to signals about one scope: caps and factors, each with its reason.

Decides only. Slow signals are caps: levels that hold while their incident is open. Fast ones are factors.
What one signal means where is the table of control.md 2.2; what is not in it moves nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase

from controller.settings import CapSettings, ControllerSettings, CountSettings, ReplySettings
from core.cusum import Shift, cusum
from core.incident import Incident, IncidentKind, Rule, Severity
from core.lease import Scope
from core.proportion import wilson_lower
from core.provider import EVERY, MICROSOFT
from core.reading import Source
from core.statistics import ScopeMinute
from core.text import printable
from storage.scopes import ScopeHour

GOOGLE = "google"
SNDS = "snds"
_EVERY_LIST = frozenset({"", "every-zone"})
"""Metrics of blindness that are about no single list (monitor.detection.blind)."""
SNDS_SOURCES = frozenset({Source.SNDS_DATA, Source.SNDS_STATUS})


MEASURED = ("replies-blocked", "replies-deferred", "complaints", "hard-bounces")
"""The rules that rest on the engine's own counts."""


class Effect(StrEnum):
    """How a signal bears on a rate."""

    CAP = "holds the level down while it lasts"
    REPLY = "cuts the level; compounds after the dwell"
    COUNT = "cuts the level; compounds after the daily dwell"


@dataclass(frozen=True, slots=True, order=True)
class Signal:
    """One reason to send less. `value` is a cap's level or a cut's factor; the smaller, the worse.

    `period_end` is when the activity behind it ended. `source` is who said it: when that goes blind, nothing
    that it once held down may rise.
    """

    value: float
    rule: str
    id: str
    effect: Effect
    period_end: datetime
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known about a scope at one moment.

    `delivered` counts recipients accepted since the last move of the level, `queued` those that wait,
    `best_hour` the most recipients accepted in one hour of the last day.
    """

    signals: tuple[Signal, ...] = ()
    blind: frozenset[str] = frozenset()
    delivered: int = 0
    queued: int = 0
    best_hour: int | None = None


def from_incidents(
    incidents: Iterable[Incident],
    scope: Scope,
    overridden: Sequence[str],
    now: datetime,
    settings: CapSettings,
) -> list[Signal]:
    """The caps that open incidents put on a scope. `overridden`: patterns of rules, fingerprints, sources."""
    found = []
    for incident in incidents:
        if incident.kind is not IncidentKind.IP or incident.ip != scope.source_ip:
            continue
        names = (incident.rule, incident.fingerprint, source_name(incident.source, incident.metric))
        if any(fnmatchcase(name, p) for name in names for p in overridden):
            continue
        level = cap(incident, scope.provider, settings)
        if level is not None and level < 1:
            found.append(_cap_signal(incident, level, now))
    return found


def cap(incident: Incident, provider: str, settings: CapSettings) -> float | None:
    """The level to which an incident caps its IP at a provider, None where it does not.

    Rules that make exceptions speak about providers one by one; rules without exceptions about `*` alone.
    """
    rule = _CAPS.get(incident.rule)
    return rule(incident, provider, settings) if rule else None


def _dnsbl(incident: Incident, provider: str, settings: CapSettings) -> float | None:
    if provider == EVERY:
        return None
    if incident.tier == 1:
        return settings.dnsbl_tier_1_google if provider == GOOGLE else settings.dnsbl_tier_1
    if incident.tier == 2 and provider not in settings.dnsbl_tier_2_exempt:
        return settings.dnsbl_tier_2
    return None


def _trap_hits(incident: Incident, provider: str, settings: CapSettings) -> float | None:
    if provider == EVERY:
        return settings.trap_hits_everywhere
    if provider != MICROSOFT:
        return None
    critical = incident.severity is Severity.CRITICAL
    return settings.trap_hits_critical if critical else settings.trap_hits_warning


def _score_low(incident: Incident, provider: str, settings: CapSettings) -> float | None:
    # below 80 is a warning that is only told; below 70 acts
    acts = provider == EVERY and incident.severity is Severity.CRITICAL
    return settings.sender_score_low if acts else None


def _alert(incident: Incident, provider: str, settings: CapSettings) -> float | None:
    if provider != incident.provider:
        return None
    levels = {Severity.CRITICAL: settings.alert_critical, Severity.WARNING: settings.alert_warning}
    return levels.get(incident.severity)


def _at(place: str, name: str) -> Callable[[Incident, str, CapSettings], float | None]:
    def level(_incident: Incident, provider: str, settings: CapSettings) -> float | None:
        return float(getattr(settings, name)) if provider == place else None

    return level


_CAPS: dict[Rule, Callable[[Incident, str, CapSettings], float | None]] = {
    Rule.DNSBL_LISTED: _dnsbl,
    Rule.SNDS_RED: _at(MICROSOFT, "snds_red"),
    Rule.SNDS_NON_GREEN: _at(MICROSOFT, "snds_non_green"),
    Rule.SNDS_BLOCKED: _at(MICROSOFT, "snds_blocked"),
    Rule.SNDS_JUNKED: _at(MICROSOFT, "snds_junked"),
    Rule.SNDS_COMPLAINTS: _at(MICROSOFT, "snds_complaints"),
    Rule.SNDS_TRAP_HITS: _trap_hits,
    Rule.SENDER_SCORE_DROP: _at(EVERY, "sender_score_drop"),
    Rule.SENDER_SCORE_LOW: _score_low,
    Rule.ALERT: _alert,
}


def source_name(source: Source, metric: str) -> str:
    """Who said it, as far as going blind goes: SNDS as a whole, each DNS list by itself."""
    if source in SNDS_SOURCES:
        return SNDS
    return f"{source}:{metric}" if source is Source.DNSBL else str(source)


def blind_sources(incidents: Iterable[Incident]) -> frozenset[str]:
    """The sources that open incidents call blind; one about the resolver means every DNS list."""
    return frozenset(
        source_name(i.source, "*" if i.metric in _EVERY_LIST else i.metric)
        for i in incidents
        if i.rule is Rule.BLIND
    )


def is_blind(source: str, blind: frozenset[str]) -> bool:
    return any(fnmatchcase(source, pattern) for pattern in blind)


def _cap_signal(incident: Incident, level: float, now: datetime) -> Signal:
    # a DNS list or an alert says what holds now, as long as its incident is open; SNDS and scores speak of
    # days gone by
    is_current = incident.source in {Source.DNSBL, Source.ALERT}
    return Signal(
        value=level,
        rule=str(incident.rule),
        id=incident.label,
        effect=Effect.CAP,
        period_end=max(now, incident.evidence_end) if is_current else incident.evidence_end,
        text=f"{printable(incident.title, 160)} ({incident.label})",
        source=source_name(incident.source, incident.metric),
    )


def from_replies(
    minutes: Iterable[ScopeMinute],
    scope: Scope,
    since: datetime | None,
    now: datetime,
    settings: ReplySettings,
) -> list[Signal]:
    """The cut that a provider's own replies call for, the worst alone: of the last hour, or of a burst.

    Only minutes that began after `since` (the last tightening) count: what was sent before it says nothing
    about the level since.
    """
    begin = now - settings.window
    counted = [m for m in minutes if begin <= m.minute <= now and (since is None or m.minute > since)]
    burst = [m for m in counted if m.minute >= now - settings.burst_window]
    found = [
        *_reply_signals(counted, scope, now, settings, settings.min_events, _marks(settings)),
        *_reply_signals(burst, scope, now, settings, settings.burst_events, _marks(settings)[:2]),
    ]
    return [min(found)] if found else []


def _marks(settings: ReplySettings) -> list[tuple[str, float, float]]:
    """Which replies, more than what share, what factor: the worst first."""
    return [
        ("blocked", settings.block_threshold, settings.block_factor),
        ("deferred for reputation", settings.heavy_threshold, settings.heavy_factor),
        ("deferred for reputation", settings.deferral_threshold, settings.deferral_factor),
    ]


def _reply_signals(
    counted: Sequence[ScopeMinute],
    scope: Scope,
    now: datetime,
    settings: ReplySettings,
    least: int,
    marks: Sequence[tuple[str, float, float]],
) -> Iterable[Signal]:
    answered = sum(m.delivered + m.deferred + m.bounced for m in counted)
    events = {
        "blocked": sum(m.blocked for m in counted),
        "deferred for reputation": sum(m.reputation_deferred for m in counted),
    }
    end = max((m.minute for m in counted), default=now)
    for what, threshold, factor in marks:
        count = events[what]
        if count < least or wilson_lower(count, max(answered, count), settings.z) <= threshold:
            continue
        text = f"{scope.provider} {what} {count} of {answered} recipients: surely more than {threshold:.0%}"
        quote = printable(max(counted, key=lambda m: (bool(m.last_reply), m.minute)).last_reply, 160)
        yield _reply_signal(scope, factor, what, end, f"{text}; “{quote}”" if quote else text)


def _reply_signal(scope: Scope, factor: float, what: str, end: datetime, text: str) -> Signal:
    rule = "replies-blocked" if what == "blocked" else "replies-deferred"
    name = f"replies:{scope.source_ip}:{scope.provider}:{end:%Y-%m-%dT%H:%MZ}"
    return Signal(factor, rule, name, Effect.REPLY, end, text, "replies")


def from_counts(
    hours: Iterable[ScopeHour], scope: Scope, since: datetime | None, now: datetime, settings: CountSettings
) -> list[Signal]:
    """The cut that complaints (at a provider) or hard bounces (for `*`) call for.

    Cohorts are hours of sending, complaints booked to the hour of the message they complain about: else a
    throttle would raise the rate that it is judged by. Hours that began before `since` are stale.
    """
    begin = max(now - settings.memory, since or now - settings.memory)
    cohorts = sorted((h for h in hours if begin <= h.hour <= now), key=lambda h: h.hour)
    if not cohorts:
        return []
    if scope.provider == EVERY:
        events, trials = [h.hard_bounced for h in cohorts], [h.delivered + h.hard_bounced for h in cohorts]
        rule, what, factor = "hard-bounces", "hard bounces", settings.bounce_factor
        shift = Shift(settings.bounce_good, settings.bounce_bad)
    else:
        events, trials = [h.complaints for h in cohorts], [h.delivered for h in cohorts]
        rule, what, factor = "complaints", "complaints", settings.complaint_factor
        shift = Shift(settings.complaint_good, settings.complaint_bad)
    if cusum(zip(events, trials, strict=True), shift) < settings.threshold:
        return []
    end = cohorts[-1].hour + timedelta(hours=1)
    text = f"{sum(events)} {what} for {sum(trials)} recipients since {cohorts[0].hour:%d %b %H:%M} UTC"
    name = f"{rule}:{scope.source_ip}:{scope.provider}:{end:%Y-%m-%dT%H:%MZ}"
    return [Signal(factor, rule, name, Effect.COUNT, end, text, rule)]


@dataclass(frozen=True, slots=True)
class Counts:
    """What the engine counted for one scope."""

    minutes: Sequence[ScopeMinute] = ()
    hours: Sequence[ScopeHour] = ()


def gather(
    scope: Scope,
    incidents: Sequence[Incident],
    counts: Counts,
    overridden: Sequence[str],
    since: datetime | None,
    now: datetime,
    settings: ControllerSettings,
) -> tuple[Signal, ...]:
    """All signals about a scope, worst first; the order and repetition of what comes in do not matter."""
    measured = from_counts(counts.hours, scope, since, now, settings.counts)
    if scope.provider != EVERY:
        measured += from_replies(counts.minutes, scope, since, now, settings.replies)
    allowed = [s for s in measured if not any(fnmatchcase(s.rule, p) for p in overridden)]
    return tuple(sorted({*from_incidents(incidents, scope, overridden, now, settings.caps), *allowed}))
