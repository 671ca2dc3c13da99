"""From the facts of a week to what the digest says. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from core.address import IpAddress
from core.incident import Incident, IncidentKind, IncidentState
from core.lease import Scope
from core.text import printable
from monitor.digest import figures
from monitor.digest.facts import Facts
from monitor.digest.settings import DigestSettings
from monitor.digest.views import DigestView, IncidentLine, IpLine, ScopeLine, SourceLine
from monitor.health import SourceState
from monitor.notifications import wording
from storage.leases import LeaseChange

_STATES = ("clean", "notice", "warning", "critical")
_UPCOMING = timedelta(days=7)
_FINE = {SourceState.HEALTHY.value, SourceState.NEW.value}


def digest_view(facts: Facts, settings: DigestSettings, test: str = "") -> DigestView:
    """The whole digest."""
    return _Build(facts, settings).view(test)


@dataclass(frozen=True, slots=True)
class _Build:
    facts: Facts
    settings: DigestSettings

    def view(self, test: str) -> DigestView:
        week, troubled = self.facts.week, figures.troubled_per_day(self.facts)
        lines = self._ips()
        ill = [line for line in lines if any(line.days)]
        worst_first = sorted(self.facts.incidents, key=lambda i: (-i.severity.rank, i.number))
        attention = [i for i in worst_first if self._is_open(i)]
        names = tuple(f"{start.astimezone(week.zone):%a}" for start, _ in week.days)
        return DigestView(
            week=week.name,
            title=week.title,
            period=self._period(),
            verdict=self._verdict(ill, attention),
            is_clean=not self.facts.incidents and not self.facts.changes,
            attention=tuple(self._line(i) for i in attention),
            figures=figures.figures(self.facts),
            has_mail=any(h.attempted for h in self.facts.hours),
            incidents=tuple(self._line(i) for i in worst_first if not self._is_open(i)),
            automation=self._automation(),
            scopes=self._scopes(),
            ips=tuple(ill[: self.settings.rows]),
            clean_ips=len(lines) - len(ill),
            left_out=max(0, len(ill) - self.settings.rows),
            quality=self._quality(),
            sources=self._sources(),
            upcoming=self._upcoming(),
            day_names=names,
            troubled_per_day=troubled,
            spark=figures.spark(troubled),
            chart_words="IPs in trouble: "
            + ", ".join(f"{d} {n}" for d, n in zip(names, troubled, strict=True)),
            zone=str(week.zone),
            test=test,
        )

    def _period(self) -> str:
        zone = self.facts.week.zone
        first, last = (at.astimezone(zone) for at in (self.facts.week.start, self.facts.week.end))
        return f"{first:%-d %b} to {last - timedelta(hours=1):%-d %b %Y}, {zone}"

    def _verdict(self, ill: list[IpLine], attention: list[Incident]) -> str:
        watched = len(self._known() | self.facts.watched)
        now_ill = len({i.ip for i in attention if i.ip})
        blind = [i for i in attention if i.kind is IncidentKind.SOURCE]
        if not watched:
            return "Nothing was watched: no source has answered about any IP yet."
        if not self.facts.incidents:
            clean = f"All {watched} IPs" if watched > 1 else "The IP"
            _, silent = figures.series(self.facts)
            checks = "every check answers" if not silent else f"{wording.count(silent, 'check')} unanswered"
            return f"{clean} clean all week, {checks}."
        parts = [f"{watched - now_ill} clean", f"{now_ill} in trouble now"]
        over = len(ill) - now_ill
        if over > 0:
            parts.append(f"{over} recovered")
        held = [line for line in self._scopes() if line.now not in {"lifted", "not applied"}]
        if held:
            parts.append(f"{wording.count(len(held), 'limit')} in force")
        if blind:
            parts.append(f"blind on {wording.count(len(blind), 'source')}")
        return ", ".join(parts) + "."

    def _is_open(self, incident: Incident) -> bool:
        return incident.state is IncidentState.OPEN or (
            incident.resolved_at is not None and incident.resolved_at >= self.facts.week.end
        )

    def _line(self, incident: Incident) -> IncidentLine:
        still = self._is_open(incident)
        end = self.facts.now if still else incident.resolved_at or self.facts.now
        return IncidentLine(
            label=incident.label,
            title=printable(incident.title, 120),
            severity=incident.severity.value,
            opened=self._when(incident.opened_at),
            duration=wording.span(end - incident.opened_at),
            is_open=still,
        )

    def _automation(self) -> str:
        done = [c for c in self.facts.changes if c.mode == "enforce"]
        advised = len(self.facts.changes) - len(done)
        cuts = sum(_is_cut(c) for c in done)
        lifted = sum(c.after is None for c in done)
        hands = len([c for c in done if not _is_automatic(c)])
        if not self.facts.changes:
            return "The automation changed nothing."
        parts = [f"{wording.count(cuts, 'cut')}, {len(done) - cuts - lifted} raised, {lifted} lifted"]
        if hands:
            parts.append(f"{hands} of them by hand")
        if advised:
            parts.append(f"{wording.count(advised, 'change')} advised and not applied")
        return "; ".join(parts) + "."

    def _scopes(self) -> tuple[ScopeLine, ...]:
        groups: dict[Scope, list[LeaseChange]] = {}
        for change in self.facts.changes:
            groups.setdefault(change.scope, []).append(change)
        lines = [_scope_line(scope, changes) for scope, changes in groups.items()]
        return tuple(sorted(lines, key=lambda line: (-line.changes, line.scope))[: self.settings.rows])

    def _ips(self) -> list[IpLine]:
        ips = self._known()
        # of those who were never in trouble as many as there is room for
        ips |= set(islice(sorted(self.facts.watched - ips, key=str), max(0, self.settings.rows - len(ips))))
        lines = [self._ip(ip) for ip in sorted(ips, key=lambda ip: (ip.version, int(ip)))]
        return sorted(lines, key=lambda line: (-max(line.days), -sum(line.days)))

    def _known(self) -> set[IpAddress]:
        return {r.ip for r in self.facts.readings} | {i.ip for i in self.facts.incidents if i.ip is not None}

    def _ip(self, ip: IpAddress) -> IpLine:
        mine = [i for i in self.facts.incidents if i.ip == ip]
        days = figures.days_of(ip, self.facts)
        worst = max((i.severity.rank + 1 for i in mine if self._is_open(i)), default=0)
        state = _STATES[worst] if worst else ("recovered" if any(days) else "clean")
        return IpLine(str(ip), state, len(mine), days, figures.spark(days, top=3))

    def _quality(self) -> str:
        count, unknown = figures.series(self.facts)
        if not count:
            return "No reading at all: check that the collectors run."
        share = f"{unknown / count * 100:.3g} %"
        return f"{count:,} series watched; {unknown:,} of them ({share}) have no usable answer now."

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

    def _upcoming(self) -> tuple[str, ...]:
        soon = [o for o in self.facts.orders if o.expires_at and o.expires_at < self.facts.now + _UPCOMING]
        said = tuple(
            f"{printable(s.name, 80)}: {printable(s.detail, 160)}"
            for s in self.facts.sources
            if s.state in _FINE and s.detail
        )
        return said + tuple(
            f"{self._when(o.expires_at)}: an order of {printable(o.author, 60)} ends ({o.kind.value}; "
            f"{printable(o.reason, 120)})"
            for o in soon
            if o.expires_at
        )

    def _when(self, at: datetime) -> str:
        return f"{at.astimezone(self.facts.week.zone):%a %-d %b %H:%M}"


def _is_automatic(change: LeaseChange) -> bool:
    return change.actor.startswith("controller")


def _is_cut(change: LeaseChange) -> bool:
    if change.after is None:
        return False
    return change.before is None or change.after.per_hour < change.before.per_hour


def _scope_line(scope: Scope, changes: list[LeaseChange]) -> ScopeLine:
    done = [c for c in changes if c.mode == "enforce"]
    rates = [c.after for c in done if c.after is not None]
    now = done[-1].after if done else None
    return ScopeLine(
        scope=f"{scope.source_ip} to {wording.provider(scope.provider)}",
        changes=len(changes),
        lowest=str(min(rates, key=lambda rate: rate.per_hour)) if rates else "none",
        now=("lifted" if now is None else str(now)) if done else "not applied",
        by=", ".join(dict.fromkeys(printable(c.actor, 60) for c in changes)),
    )
