"""From the facts of a week to what the digest says. Pure. Dates are ISO 8601: the same in every language."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.incident import Incident, IncidentKind, Rule
from core.text import printable
from monitor.digest import automation, figures, per_ip
from monitor.digest.facts import Facts
from monitor.digest.settings import DigestSettings
from monitor.digest.views import DigestView, IncidentLine, IpLine, SourceLine
from monitor.health import SourceState
from monitor.notifications import wording

_UPCOMING = timedelta(days=7)
_SHOWN_UPCOMING = 8
_FINE = {SourceState.HEALTHY.value, SourceState.NEW.value}


Choose = Callable[[Sequence[IpLine]], Sequence[IpLine]]


def digest_view(
    facts: Facts, settings: DigestSettings, test: str = "", choose: Choose | None = None
) -> DigestView:
    """The whole digest. `choose` says which of the IPs in trouble are shown; else it is the worst."""
    return _Build(facts, settings).view(test, choose or (lambda lines: lines[: settings.rows]))


@dataclass(frozen=True, slots=True)
class _Build:
    facts: Facts
    settings: DigestSettings

    def view(self, test: str, choose: Choose) -> DigestView:
        week, troubled = self.facts.week, figures.troubled_per_day(self.facts)
        ill = per_ip.lines(self.facts)
        shown = per_ip.with_signals(choose(ill), self.facts)
        worst_first = sorted(self.facts.incidents, key=lambda i: (-i.severity.rank, i.number))
        attention = [i for i in worst_first if per_ip.is_open(i, self.facts)]
        names = tuple(f"{start.astimezone(week.zone):%m-%d}" for start, _ in self.facts.days)
        scopes = automation.scope_lines(self.facts)
        return DigestView(
            week=week.name,
            title=week.title if self.facts.is_over else f"{week.title}, so far",
            period=self._period(),
            verdict=self._verdict(ill, attention),
            is_clean=not self.facts.incidents and not self.facts.changes,
            attention=tuple(self._line(i) for i in attention),
            figures=figures.figures(self.facts),
            providers=figures.providers(self.facts),
            has_figures=figures.has_any(self.facts),
            incidents=tuple(self._line(i) for i in worst_first if not per_ip.is_open(i, self.facts)),
            automation=automation.summary(self.facts),
            scopes=tuple(scopes[: self.settings.rows]),
            ips=tuple(shown),
            clean_ips=len(per_ip.watched(self.facts)) - len(ill),
            left_out=len(ill) - len(shown),
            quality=self._quality(),
            sources=self._sources(),
            doors=self._doors(attention),
            upcoming=self._upcoming(),
            day_names=names,
            troubled_per_day=troubled,
            spark=figures.spark(troubled),
            chart_words="IPs in trouble: "
            + ", ".join(f"{d} {n}" for d, n in zip(names, troubled, strict=True)),
            zone=str(week.zone),
            is_over=self.facts.is_over,
            test=test,
        )

    def _period(self) -> str:
        zone = self.facts.week.zone
        first, last = (at.astimezone(zone) for at in (self.facts.week.start, self.facts.week.end))
        return f"{first:%Y-%m-%d} to {last - timedelta(hours=1):%Y-%m-%d}, {zone}"

    def _verdict(self, ill: list[IpLine], attention: list[Incident]) -> str:
        watched = len(per_ip.watched(self.facts))
        now_ill = len({i.ip for i in attention if i.ip})
        doors = [i for i in attention if i.rule is Rule.ACCESS]
        blind = [i for i in attention if i.kind is IncidentKind.SOURCE and i not in doors]
        if not watched:
            return "Nothing was watched: no source has answered about any IP yet."
        if not self.facts.incidents:
            return self._all_clean(watched)
        parts = [f"{watched - now_ill} clean", f"{now_ill} in trouble now"]
        over = len(ill) - now_ill
        if over > 0:
            parts.append(f"{over} recovered")
        scopes = automation.scope_lines(self.facts)
        held = [line for line in scopes if line.now not in {"lifted", "not applied"}]
        if held:
            parts.append(f"{wording.count(len(held), 'limit')} in force")
        if blind:
            parts.append(f"blind on {wording.count(len(blind), 'source')}")
        if doors:
            parts.append(f"access to {wording.count(len(doors), 'source')} ends")
        return ", ".join(parts) + "."

    def _all_clean(self, watched: int) -> str:
        clean = f"All {watched} IPs" if watched > 1 else "The IP"
        _, silent = figures.series(self.facts)
        checks = "every check answers" if not silent else f"{wording.count(silent, 'check')} unanswered"
        return f"{clean} clean {'all week' if self.facts.is_over else 'so far'}, {checks}."

    def _line(self, incident: Incident) -> IncidentLine:
        still = per_ip.is_open(incident, self.facts)
        end = self.facts.now if still else incident.resolved_at or self.facts.now
        return IncidentLine(
            label=incident.label,
            title=printable(incident.title, 120),
            severity=incident.severity.value,
            opened=self._when(incident.opened_at),
            duration=wording.span(end - incident.opened_at),
            is_open=still,
        )

    def _quality(self) -> str:
        lost = self.facts.undelivered
        undelivered = (
            f" {wording.count(lost, 'message')} could not be delivered: tidegate notify outbox."
            if lost
            else ""
        )
        count, unknown = figures.series(self.facts)
        if not count:
            return f"No reading at all: check that the collectors run.{undelivered}"
        share = f"{unknown / count * 100:.3g} %"
        silent = f"{unknown:,} of them ({share}) have no usable answer now."
        return f"{count:,} series watched; {silent}{undelivered}"

    def _sources(self) -> tuple[SourceLine, ...]:
        return tuple(
            SourceLine(
                name=printable(s.name, 80),
                state=s.state,
                last_success=self._when(s.last_success_at) if s.last_success_at else "never",
                said=printable(s.last_error or s.detail, 160),
            )
            for s in self.facts.sources
            if s.state not in _FINE
        )

    def _doors(self, attention: list[Incident]) -> tuple[str, ...]:
        """Links, sign-ins and attestations that end soon or have ended, each with what to do."""
        return tuple(printable(i.summary, 300) for i in attention if i.rule is Rule.ACCESS)

    def _upcoming(self) -> tuple[str, ...]:
        until = self.facts.now + _UPCOMING
        said = tuple(
            f"{printable(s.name, 80)}: {printable(s.detail, 160)}"
            for s in self.facts.sources
            if s.state in _FINE and s.detail
        )
        ends = automation.expiring(self.facts, until) + [
            (
                o.expires_at,
                f"an order of {printable(o.author, 60)} ends ({o.kind.value}; {printable(o.reason, 120)})",
            )
            for o in self.facts.orders
            if o.expires_at and o.expires_at < until
        ]
        dated = tuple(f"{self._when(at)}: {words}" for at, words in sorted(ends))
        left = len(dated) - _SHOWN_UPCOMING
        return said + dated[:_SHOWN_UPCOMING] + ((f"and {left} more",) if left > 0 else ())

    def _when(self, at: datetime) -> str:
        return f"{at.astimezone(self.facts.week.zone):%Y-%m-%d %H:%M}"
