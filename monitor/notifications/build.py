"""From facts to what the mail says. Pure: values in, a view out."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.incident import Incident, IncidentKind, IncidentState, Rule
from core.text import printable
from monitor.incidents.lifecycle import FLAPPING
from monitor.incidents.telling import Why
from monitor.notifications import advice, chart, deeds, wording
from monitor.notifications.facts import Facts, Move, is_about_ips
from monitor.notifications.settings import NotificationSettings
from monitor.notifications.views import Exhibit, IncidentView, Member, Row
from storage.incidents import EventKind

SHOWN_ROWS = 16
SHOWN_MEMBERS = 30
_HEADINGS = {
    Why.NEW: "New",
    Why.BASELINE: "First look",
    Why.UPDATE: "Update",
    Why.ESCALATED: "Worse",
    Why.REMINDER: "Reminder",
    Why.RESOLVED: "Resolved",
}
_HIDDEN = {
    "said",
    "before",
    "now",
    "value",
    "score",
    "period_stated",
    "scope",
    "severity",
    "last",
    "blocked_column",
    "zone_name",
    "delist_url",
    "lookup_url",
    "expiry",
    "why",
    "first-hit",
    FLAPPING,
    "tier",
    "ttl",
}
_COMES_AND_GOES = "It comes and goes: it is kept open, and quiet, until it holds still for 24 hours."
_NAMES = {"answer": "A record", "codes": "meaning", "reason": "TXT record", "zone": "list", "row": "SNDS row"}


def incident_view(facts: Facts, settings: NotificationSettings, test: str = "") -> IncidentView:
    """The whole mail."""
    return _Build(facts, settings).view(test)


@dataclass(frozen=True, slots=True)
class _Build:
    facts: Facts
    settings: NotificationSettings

    def view(self, test: str) -> IncidentView:
        mailing = self.facts.mailing
        over = mailing.why is Why.RESOLVED
        brief = over or mailing.why is Why.UPDATE
        done = deeds.of(self.facts, self.settings.time_zone)
        return IncidentView(
            heading=self._heading(),
            badge=_HEADINGS[mailing.why],
            tone=max((m.incident.severity for m in mailing.members), key=lambda s: s.rank),
            is_over=over,
            verdict=self._verdict(),
            consequence="" if brief else deeds.consequence(self.facts),
            summary="" if brief else self._summary(),
            news=self._news(),
            members=self._members(),
            left_out=max(0, len(mailing.members) - SHOWN_MEMBERS),
            rows=self._rows(),
            collapsed=self._collapsed(),
            deeds=done,
            deed_note=deeds.note(self.facts, done),
            exhibits=() if brief else self._exhibits(),
            steps=() if brief else advice.steps(self._topic, self._when(self._topic.opened_at), self._ips),
            commands=() if over else advice.commands(self._topic, deeds.standing_keys(self.facts, done)),
            elsewhere=self._elsewhere(),
            why=self._why(),
            link=self._link(),
            resolution=deeds.resolution(self.facts, self.settings.time_zone) if over else None,
            also_open=self._also_open(),
            chart=None
            if mailing.why is Why.BASELINE
            else chart.chart(self.facts, self._topic, self.settings.time_zone),
            test=test,
        )

    @property
    def _lead(self) -> Incident:
        return self.facts.mailing.lead.incident

    @property
    def _topic(self) -> Incident:
        return self.facts.topic

    @property
    def _ips(self) -> int:
        return len({m.incident.ip for m in self.facts.mailing.members})

    def _heading(self) -> str:
        if self.facts.mailing.why is Why.BASELINE:
            return "Baseline"
        return f"{self._lead.label} · {_HEADINGS[self.facts.mailing.why]}"

    def _verdict(self) -> str:
        title, age = is_so(self._topic.title), wording.span(self.facts.now - self._topic.opened_at)
        several = wording.count(self._ips, "IP")
        match self.facts.mailing.why:
            case Why.BASELINE:
                return f"{several} of {self.facts.watched} already had trouble at the first look."
            case Why.RESOLVED:
                return f"Over after {self._duration()}: {printable(self._topic.title, 120)}."
            case Why.REMINDER:
                return f"Still open after {age}: {title}."
            case Why.NEW:
                return (
                    f"{several} at once: {self._common() or title + ', and others'}."
                    if self._ips > 1
                    else f"{title}."
                )
            case _:
                return _sentence(self._latest_words() or title)

    def _common(self) -> str:
        """What is said about all of them alike: `listed on Spamhaus ZEN (SBL)`; empty if it differs."""
        said = {i.title.replace(f"{i.ip} ", "", 1) for i in (m.incident for m in self.facts.mailing.members)}
        return printable(said.pop(), 120) if len(said) == 1 else ""

    def _summary(self) -> str:
        # a listing says nothing that the table does not say; several incidents are listed one by one
        told = len(self.facts.mailing.members) > 1 or self._topic.rule is Rule.DNSBL_LISTED
        words = "" if told else _sentence(printable(self._topic.summary, 500))
        flaps = _COMES_AND_GOES if self._topic.evidence.get(FLAPPING) else ""
        return " ".join(filter(None, (words, flaps)))

    def _duration(self) -> str:
        opened = min(m.incident.opened_at for m in self.facts.mailing.members)
        ends = [m.incident.resolved_at or self.facts.now for m in self.facts.mailing.members]
        return wording.span(max(ends) - opened)

    def _latest_words(self) -> str:
        fresh = [(e.at, m, e) for m in self.facts.mailing.members for e in m.untold]
        if not fresh:
            return ""
        _, account, event = max(fresh, key=lambda f: f[0])
        words, subject = printable(event.text, 300), str(account.incident.ip or "Monitoring")
        return words if subject in words else f"{subject}: {words}"

    def _news(self) -> tuple[tuple[str, str], ...]:
        lines = [(e.at, m, e.kind, e.text) for m in self.facts.mailing.members for e in m.untold]
        lines.sort(key=lambda line: line[0])
        several = len(self.facts.mailing.members) > 1
        return tuple(
            (self._when(at), f"{m.incident.label + ': ' if several else ''}{_line(kind, text)}")
            for at, m, kind, text in lines[-SHOWN_MEMBERS:]
        )

    def _members(self) -> tuple[Member, ...]:
        shown = [m.incident for m in self.facts.mailing.members[:SHOWN_MEMBERS]]
        # what was said of one is not said again of the next
        summaries = {i.summary: i.number for i in reversed(shown)}
        return tuple(
            _member(i, is_first=summaries[i.summary] == i.number, since=self._when(i.opened_at))
            for i in shown
        )

    def _rows(self) -> tuple[Row, ...]:
        several = len({m.now.ip for m in self.facts.moves}) > 1
        return tuple(self._row(move, several=several) for move in self.facts.moves[:SHOWN_ROWS])

    def _row(self, move: Move, *, several: bool) -> Row:
        return Row(
            about=str(move.now.ip) if several else "",
            what=wording.label(move.now),
            before=wording.value(move.before) if move.before else "no data",
            now=wording.value(move.now),
            since=self._since(move),
            tone=move.now.status,
        )

    def _since(self, move: Move) -> str:
        daily = move.now.period_start != move.now.period_end
        at = move.now.period_start if daily else move.since
        local = at.astimezone(self.settings.time_zone)
        return f"{local:%-d %b}" if daily else f"{local:%-d %b %H:%M}"

    def _collapsed(self) -> str:
        parts = []
        if self.facts.clean:
            parts.append(f"{wording.count(self.facts.clean, 'other reading')} of the same IP are good")
        if self.facts.unknown:
            parts.append(f"{self.facts.unknown} not known")
        shown = len({m.now.ip for m in self.facts.moves})
        if shown < self._ips and is_about_ips(self.facts):
            parts.append(f"{shown} of {self._ips} IPs shown")
        left = len(self.facts.moves) - SHOWN_ROWS
        if left > 0:
            parts.append(f"{wording.count(left, 'row')} left out")
        return "; ".join(parts)

    def _exhibits(self) -> tuple[Exhibit, ...]:
        alike: dict[tuple[tuple[str, str], ...], list[Incident]] = {}
        for incident in (m.incident for m in self.facts.mailing.members if m.is_open):
            alike.setdefault(_lines(incident.evidence), []).append(incident)
        return tuple(Exhibit(_exhibited(mine), lines) for lines, mine in list(alike.items())[:5] if lines)

    def _elsewhere(self) -> str:
        mine = {m.incident.ip for m in self.facts.mailing.members}
        ill = {i.ip for i in self.facts.elsewhere if i.ip is not None} - mine
        blind = [i for i in self.facts.elsewhere if i.kind is IncidentKind.SOURCE]
        fallback = "every source answers" if is_about_ips(self.facts) else "every other source answers"
        fine = max(0, self.facts.watched - len(ill) - len({ip for ip in mine if ip}))
        parts = [f"{wording.count(fine, 'other IP')} OK" if fine or ill else "No other IP is watched"]
        if ill:
            parts.append(f"{wording.count(len(ill), 'other IP')} with open incidents")
        parts.append("; ".join(printable(i.title, 80) for i in blind) or fallback)
        return ", ".join(parts)

    def _also_open(self) -> tuple[str, ...]:
        mine = {m.incident.ip for m in self.facts.mailing.members} - {None}
        here = [i for i in self.facts.elsewhere if i.ip in mine]
        return tuple(f"{i.label} {printable(i.title, 120)} ({i.severity})" for i in here)

    def _why(self) -> str:
        reason = self.facts.mailing.why.value
        return (
            f"You get this mail because of {reason}."
            if reason.startswith(("a ", "the "))
            else (f"You get this mail because {reason}.")
        )

    def _link(self) -> str:
        base = self.settings.web_url.rstrip("/")
        return f"{base}/incidents/{self._lead.number}" if base else ""

    def _when(self, at: datetime) -> str:
        return wording.moment(at, self.settings.time_zone)


def _member(incident: Incident, *, is_first: bool, since: str) -> Member:
    return Member(
        label=incident.label,
        title=printable(incident.title, 120),
        severity=incident.severity,
        state="open" if incident.state is IncidentState.OPEN else "resolved",
        summary=printable(incident.summary, 300) if is_first else "",
        since=since,
    )


def _exhibited(alike: list[Incident]) -> str:
    title = f"{alike[0].label} {printable(alike[0].title, 120)}"
    return f"{title}, and {wording.count(len(alike) - 1, 'other')} alike" if len(alike) > 1 else title


def is_so(title: str) -> str:
    """A title as a sentence: `203.0.113.7 is listed on ...`, `Monitoring is blind on ...`."""
    if title.startswith("blind "):
        return f"Monitoring is {printable(title, 120)}"
    return printable(title, 120).replace(" listed on ", " is listed on ", 1)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _line(kind: EventKind, text: str) -> str:
    word = {EventKind.ACTION: "controller", EventKind.RESOLVED: "over"}.get(kind, kind.value)
    return f"{word}: {printable(text, 300)}"


def _lines(evidence: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (_NAMES.get(name, printable(name, 30).replace("_", " ")), _verbatim(value))
        for name, value in evidence.items()
        if name not in _HIDDEN and value not in (None, "", [], {})
    )


def _verbatim(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{printable(str(k), 80)}: {printable(str(v), 200)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(printable(str(v), 200) for v in value)
    return printable(str(value), 500)
