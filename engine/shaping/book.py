"""Every bound on every queue and scope: which limiters enforce it, and the chain that explains it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from core.address import SourceIp
from core.lease import Directive, Lease, Origin, Scope
from core.limit import LimitChain, LimitTerm, chain
from core.provider import EVERY
from core.rate import UNLIMITED, Rate
from engine.directives import SourceIpRates, rate_for
from engine.queue.queue import Lane, Parent, Queue
from engine.settings import ProviderSettings, WarmUpSettings
from engine.shaping.leases import LeaseBook, LeaseState, standing
from engine.shaping.limiter import Limiter
from engine.shaping.limiters import Limiters

MESSAGES = Directive.SOURCE_IP_MAX_MSG_RATE
CONNECTS = Directive.SOURCE_IP_MAX_CONNECT_RATE
_QUEUE_DIRECTIVE = {MESSAGES: "max-msg-rate", CONNECTS: "max-connect-rate"}


@dataclass(frozen=True, slots=True)
class Bound:
    """One bound: the key of its limiter, and the term that explains it."""

    key: str
    term: LimitTerm


class ShapingBook:
    """Makes parents and lanes, gives them their limiters, and tells where each bound comes from."""

    def __init__(
        self,
        providers: Mapping[str, ProviderSettings],
        leases: LeaseBook,
        limiters: Limiters,
        warm_up: Sequence[WarmUpSettings] = (),
    ) -> None:
        self._warm_up = warm_up
        self._providers = providers
        self._leases = leases
        self._limiters = limiters
        self._parents: dict[tuple[str, str], Parent] = {}

    def parent(self, source: SourceIp, provider: str, now: int, wall: datetime) -> Parent:
        """Where all queues from one source IP to one provider meet."""
        key = (str(source.address), provider)
        parent = self._parents.get(key)
        if parent is None:
            parent = self._parents[key] = Parent(source, provider)
            self.reshape_parent(parent, now, wall)
        return parent

    def parents(self, scope: Scope | None = None) -> list[Parent]:
        """The parents that a scope covers, or all."""
        return [p for p in self._parents.values() if scope is None or _covers(scope, p)]

    def take_limits(
        self, providers: Mapping[str, ProviderSettings], warm_up: Sequence[WarmUpSettings]
    ) -> None:
        """Other limits of providers from now on; the caller reshapes parents and queues."""
        self._providers, self._warm_up = providers, warm_up

    def rebind(self, sources: Iterable[SourceIp]) -> None:
        """Where source IPs bind to may have changed."""
        known = {str(source.address): source for source in sources}
        for parent in self._parents.values():
            parent.source = known.get(parent.address, parent.source)

    def reshape_parent(self, parent: Parent, now: int, wall: datetime) -> None:
        """Give a parent the limiters that hold now; their state is kept."""
        parent.messages = self._limiters_of(self._parent_bounds(parent, MESSAGES, wall), now)
        parent.connects = self._limiters_of(self._parent_bounds(parent, CONNECTS, wall), now)

    def lane(self, queue: Queue, parent: Parent, now: int) -> Lane:
        """A new lane of a queue."""
        lane = Lane(queue, parent)
        self._reshape_lane(lane, now)
        return lane

    def reshape_queue(self, queue: Queue, now: int) -> None:
        """Give a queue's lanes the limiters of its mode."""
        for lane in queue.lanes:
            self._reshape_lane(lane, now)

    def scope_chain(self, scope: Scope, directive: Directive, wall: datetime) -> LimitChain:
        """Every term that bounds a source IP at a provider, over all its queues."""
        parent = Parent(SourceIp(address=scope.source_ip, bind=scope.source_ip), scope.provider)
        terms = [bound.term for bound in self._parent_bounds(parent, directive, wall)]
        return chain(str(scope), directive, terms or [_nothing_set(directive)])

    def lane_chain(self, lane: Lane, directive: Directive, wall: datetime) -> LimitChain:
        """Every term that bounds one queue on one source IP."""
        subject = f"{lane.queue.name} from {lane.parent.address}"
        bounds = [*_lane_bounds(lane, directive), *self._parent_bounds(lane.parent, directive, wall)]
        return chain(subject, directive, [b.term for b in bounds] or [_nothing_set(directive)])

    def operator_limit(self, scope: Scope, directive: Directive) -> Rate:
        """What the configuration alone allows a scope."""
        parent = Parent(SourceIp(address=scope.source_ip, bind=scope.source_ip), scope.provider)
        limit = UNLIMITED
        for bound in self._configured(parent, directive):
            limit = limit.strictest(bound.term.value)
        return limit

    def _reshape_lane(self, lane: Lane, now: int) -> None:
        lane.messages = self._limiters_of(_lane_bounds(lane, MESSAGES), now)
        lane.connects = self._limiters_of(_lane_bounds(lane, CONNECTS), now)

    def _limiters_of(self, bounds: Iterable[Bound], now: int) -> tuple[Limiter, ...]:
        return tuple(
            self._limiters.take(b.key, b.term.value, now, full=b.term.origin is Origin.CONTROLLER)
            for b in bounds
            if not b.term.value.is_unlimited
        )

    def _parent_bounds(self, parent: Parent, directive: Directive, wall: datetime) -> Iterator[Bound]:
        yield from self._configured(parent, directive)
        if directive is MESSAGES:
            yield from warming(self._warm_up, parent, wall)
        for lease in self._leases.all():
            if lease.directive is directive and _covers(lease.scope, parent):
                yield from _leased(lease, wall)

    def _configured(self, parent: Parent, directive: Directive) -> Iterator[Bound]:
        for name in dict.fromkeys((parent.provider, EVERY)):
            said = self._providers.get(name)
            rate = rate_for(_provider_rates(said, directive), parent.source.address) if said else UNLIMITED
            if not rate.is_unlimited:
                key = f"{directive}|{parent.address}|{name}"
                yield Bound(key, _configured_term(directive, rate, f"provider {name}"))


def warming(plans: Sequence[WarmUpSettings], parent: Parent, wall: datetime) -> Iterator[Bound]:
    """What a source IP in warm-up may send today; what is above goes out through its siblings."""
    for plan in plans:
        if plan.source_ip != parent.source.address or plan.provider not in {parent.provider, EVERY}:
            continue
        day = (wall.date() - plan.started).days
        if not 0 <= day < len(plan.per_day):
            continue
        midnight = datetime.combine(wall.date(), time(), UTC)
        term = LimitTerm(
            directive="warm-up",
            value=Rate(plan.per_day[day], 86_400),
            origin=Origin.CONFIGURATION,
            set_by="operator",
            reason=f"day {day + 1} of {len(plan.per_day)} of its warm-up",
            since=midnight,
            until=midnight + timedelta(days=1),
            where="engine.warm-up",
        )
        yield Bound(f"warm-up|{parent.address}|{parent.provider}", term)


def _leased(lease: Lease, wall: datetime) -> Iterator[Bound]:
    now = standing(lease, wall)
    if now.state is LeaseState.ENDED:
        return
    ramping = " (expired and ramping: the controller is silent)" if now.state is LeaseState.RAMPING else ""
    term = LimitTerm(
        directive=lease.directive,
        value=now.rate,
        origin=lease.origin,
        set_by=lease.set_by,
        reason=lease.reason + ramping,
        since=lease.set_at,
        until=now.next_change,
        where=f"lease {lease.key}",
        lease_key=lease.key,
    )
    yield Bound(f"lease|{lease.key}", term)


def _lane_bounds(lane: Lane, directive: Directive) -> Iterator[Bound]:
    yield from _queue_bound(lane.queue, directive)
    queue, address = lane.queue, lane.parent.source.address
    name = hyphen_to_field(directive)
    rates: SourceIpRates = getattr(queue.settings, name) or ()
    rate = rate_for(rates, address)
    if not rate.is_unlimited:
        where = queue.origins.get(name, "")
        yield Bound(f"{directive}|{address}|{queue.name}", _configured_term(directive, rate, where))


def _queue_bound(queue: Queue, directive: Directive) -> Iterator[Bound]:
    name = _QUEUE_DIRECTIVE[directive]
    field = hyphen_to_field(name)
    rate: Rate = getattr(queue.settings, field) or UNLIMITED
    slower: Rate | None = getattr(queue.settings, f"backoff_{field}")
    key = f"{name}|{queue.name}"
    if queue.in_backoff and slower is not None:
        yield Bound(key, _backoff_term(queue, f"backoff-{name}", slower))
    elif not rate.is_unlimited:
        yield Bound(key, _configured_term(name, rate, queue.origins.get(field, "")))


def _backoff_term(queue: Queue, directive: str, rate: Rate) -> LimitTerm:
    cause = queue.backoff
    reason = f"{cause.pattern} matched: {cause.reply}" if cause else "the queue is in backoff mode"
    return LimitTerm(
        directive=directive,
        value=rate,
        origin=Origin.BACKOFF,
        set_by="engine",
        reason=reason,
        since=cause.since if cause else None,
        until=cause.until if cause else None,
        where=f"queue {queue.name}",
    )


def _configured_term(directive: str, rate: Rate, where: str) -> LimitTerm:
    return LimitTerm(
        directive=directive,
        value=rate,
        origin=Origin.CONFIGURATION,
        set_by="operator",
        reason="set in the configuration",
        where=where,
    )


def _nothing_set(directive: str) -> LimitTerm:
    return LimitTerm(
        directive=directive,
        value=UNLIMITED,
        origin=Origin.CONFIGURATION,
        set_by="default",
        reason="nothing limits it",
    )


def _provider_rates(said: ProviderSettings, directive: Directive) -> SourceIpRates:
    return said.source_ip_max_msg_rate if directive is MESSAGES else said.source_ip_max_connect_rate


def _covers(scope: Scope, parent: Parent) -> bool:
    return scope.source_ip == parent.source.address and scope.provider in {parent.provider, EVERY}


def hyphen_to_field(directive: str) -> str:
    """A directive's name as a settings field."""
    return str(directive).replace("-", "_")
