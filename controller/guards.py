"""Blast radius: slow signals may take only so much of the fleet away. Decides only.

A list that lists everything is a matter of time (control.md 0.6). The monitor quarantines such a zone; this
is the second wall: caps lower at most a quarter of the fleet's capacity within an hour and two fifths in all.
Beyond that only what mailbox providers themselves answer still cuts.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from controller.evidence import Effect, Signal
from controller.settings import GuardSettings
from controller.state import ScopeState
from controller.suspicion import is_approved
from core.address import IpAddress
from core.lease import Scope
from core.provider import EVERY


@dataclass(frozen=True, slots=True)
class Standing:
    """A scope before the guard: its state, its base in recipients an hour, and the caps that want to bite."""

    scope: Scope
    state: ScopeState
    base: float
    signals: tuple[Signal, ...]

    @property
    def lowering(self) -> list[Signal]:
        """The caps that would lower the present level."""
        last = self.state.last_cut_at
        return [
            s
            for s in self.signals
            if s.effect is Effect.CAP
            and s.value < self.state.level
            and (last is None or s.period_end >= last)
        ]

    @property
    def proposed(self) -> float:
        """The level that caps alone would account for, if those that lower the present one were let."""
        return min((self.held_by_caps, *(s.value for s in self.lowering)))

    @property
    def held_by_caps(self) -> float:
        """The level that caps alone account for."""
        return max(self.state.level, self.state.cap_level)

    @property
    def level_an_hour_ago(self) -> float:
        """Where the level stood before the caps of the last hour."""
        return max((cut.before for cut in self.state.cap_cuts), default=self.held_by_caps)


def admit(
    standings: Iterable[Standing],
    settings: GuardSettings,
    approved: frozenset[str] = frozenset(),
    elsewhere: float = 0.0,
) -> frozenset[IpAddress]:
    """The IPs whose new caps must wait. Worst first, so that the widest list gives way to the deepest cut.

    `approved` are the sources that a person lets act beyond the bounds, `elsewhere` is the capacity of the
    IPs that are not among the standings.
    """
    fleet: dict[IpAddress, list[Standing]] = defaultdict(list)
    for standing in standings:
        fleet[standing.scope.source_ip].append(standing)
    capacity = elsewhere + sum(_capacity(members) for members in fleet.values())
    now = {ip: _share(members, {s.scope: s.held_by_caps for s in members}) for ip, members in fleet.items()}
    gone = sum((1 - now[ip]) * _capacity(members) for ip, members in fleet.items())
    recent = sum(_recent(members) for members in fleet.values())
    capped = {ip for ip, level in now.items() if level < 1}
    waiting = []
    for ip, members in sorted(fleet.items(), key=lambda item: _urgency(*item)):
        wanted = _share(members, {s.scope: s.proposed for s in members})
        extra = (now[ip] - wanted) * _capacity(members)
        if extra <= 0:
            continue
        is_free = len(capped | {ip}) <= settings.free_ips or _is_approved(members, approved)
        fits = recent + extra <= settings.hourly * capacity and gone + extra <= settings.total * capacity
        if not (is_free or fits):
            waiting.append(ip)
            continue
        capped.add(ip)
        gone, recent = gone + extra, recent + extra
    return frozenset(waiting)


def withhold(standing: Standing, sources: Collection[str] | None = None) -> Standing:
    """The standing with caps that hold what is, and lower nothing; those of some sources, or all."""
    level = standing.state.level
    softened = (
        replace(s, value=max(s.value, level))
        if s.effect is Effect.CAP and (sources is None or s.source in sources)
        else s
        for s in standing.signals
    )
    return replace(standing, signals=tuple(sorted(s for s in softened if s.value < 1)))


def without_caps(standing: Standing) -> Standing:
    """The standing of a scope that slow signals do not bear on."""
    kept = tuple(s for s in standing.signals if s.effect is not Effect.CAP)
    return replace(standing, signals=kept)


def _is_approved(members: Sequence[Standing], approved: frozenset[str]) -> bool:
    return bool(approved) and all(is_approved(approved, s.source) for m in members for s in m.lowering)


def _capacity(members: Sequence[Standing]) -> float:
    return sum(s.base for s in members if s.scope.provider != EVERY)


def _share(members: Sequence[Standing], levels: Mapping[Scope, float]) -> float:
    """What part of an IP's capacity flows at these levels; a level on `*` bounds each provider's."""
    everywhere = min((levels[s.scope] for s in members if s.scope.provider == EVERY), default=1.0)
    capacity = _capacity(members)
    if capacity <= 0:
        return everywhere
    flowing = sum(min(levels[s.scope], everywhere) * s.base for s in members if s.scope.provider != EVERY)
    return flowing / capacity


def _recent(members: Sequence[Standing]) -> float:
    before = _share(members, {s.scope: s.level_an_hour_ago for s in members})
    after = _share(members, {s.scope: s.held_by_caps for s in members})
    return max(0.0, before - after) * _capacity(members)


def _urgency(ip: IpAddress, members: Sequence[Standing]) -> tuple[float, int, int]:
    return (min(s.proposed for s in members), ip.version, int(ip))
