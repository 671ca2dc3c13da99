"""Does what a form asks for: the same acts as the command line's, in the name of who is signed in."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from core.duration import parse_duration
from core.errors import NotFoundError, OperatorError
from core.lease import Scope
from core.rate import Rate
from storage.orders import Order, OrderKind
from tidegate.acts import deeds, limits, places, records
from tidegate.acts.deeds import Deed, Place, Terms
from tidegate.acts.records import Records
from tidegate.web.sessions import Session
from tidegate.web.site import Site
from tidegate.web.views.acts import ActKind

_LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Asked:
    """The fields of a form, read with a clear error for what is missing."""

    fields: Mapping[str, str]

    def text(self, name: str) -> str:
        """Raises OperatorError when it is not given."""
        found = self.fields.get(name, "").strip()
        if not found:
            raise OperatorError(f"{name} is not given")
        return found

    @property
    def reason(self) -> str:
        found = self.fields.get("reason", "").strip()
        if not found:
            raise OperatorError("say why: the reason is kept in the audit and shown wherever the limit is")
        return found[:_LONGEST_REASON]

    @property
    def lasts(self) -> timedelta:
        found = parse_duration(self.text("for"))
        if not found:
            raise OperatorError("write for how long, like 2h")
        return found

    @property
    def terms(self) -> Terms:
        return Terms(self.reason, self.lasts)

    @property
    def scope(self) -> Scope:
        return limits.scope_of(self.text("ip"), self.fields.get("provider", "").strip() or None)

    @property
    def number(self) -> int:
        found = self.text("order")
        if not found.isdecimal() or len(found) > 12:
            raise OperatorError(f"{found!r} is no order's number")
        return int(found)


async def do(site: Site, who: Session, kind: ActKind, asked: Asked) -> str:
    """Do it; what was done, in words. Raises OperatorError and PeerError."""
    return await _DOERS[kind](site, who.name, asked)


async def _hold(site: Site, author: str, asked: Asked) -> str:
    scope = known(site, asked.scope)
    return await _give(site, author, deeds.hold(Place(scope.source_ip, scope.provider), asked.terms))


async def _override(site: Site, author: str, asked: Asked) -> str:
    scope, signal, terms = known(site, asked.scope), asked.text("signal"), asked.terms
    place = Place(scope.source_ip, scope.provider)

    def work(kept: Records) -> str:
        return _told(kept, deeds.override(place, signal, deeds.subject(kept, signal), terms))

    return await site.write(author, work)


async def _pin(site: Site, author: str, asked: Asked) -> str:
    scope, rate, terms = known(site, asked.scope), Rate.parse(asked.text("rate")), asked.terms
    return await _set_rate(site, author, scope, rate, terms)


async def _extend(site: Site, author: str, asked: Asked) -> str:
    key, terms = asked.text("key"), asked.terms
    found = await site.engine.do(lambda engine: limits.leases_of(engine, key, None))
    if not found:
        raise NotFoundError(f"there is no lease {key} any more")
    scope, rate = limits.scope_in(found[0]), Rate.parse(str(found[0]["value"]))
    return await _set_rate(site, author, scope, rate, terms)


async def _set_rate(site: Site, author: str, scope: Scope, rate: Rate, terms: Terms) -> str:
    client = site.engine.client

    def work(kept: Records) -> str:
        limits.refuse_strangers(client, scope)
        lease = limits.lease_for(scope, rate, terms, author, limits.engine_time(client))
        done = limits.pin(client, kept, lease, terms)
        records.note(kept, "lease.set", lease.key, after=str(rate), reason=terms.reason)
        return _with_undo(done.text, done.undo)

    return await site.write(author, work)


async def _release(site: Site, author: str, asked: Asked) -> str:
    key, terms = asked.text("key"), asked.terms

    def work(kept: Records) -> str:
        done = limits.release(site.engine.client, kept, key, None, terms)
        return _with_undo(done.text.replace("\n", ". "), done.undo)

    return await site.write(author, work)


async def _withdraw(site: Site, author: str, asked: Asked) -> str:
    number, reason = asked.number, asked.reason

    def work(kept: Records) -> str:
        deeds.order_of(kept, number)
        return _taken_back(records.withdraw(kept, [number], reason))

    return await site.write(author, work)


async def _approve(site: Site, author: str, asked: Asked) -> str:
    return await _answer(site, author, asked, lambda asking, terms: [deeds.approve(asking, terms)])


async def _deny(site: Site, author: str, asked: Asked) -> str:
    return await _answer(site, author, asked, deeds.deny)


async def _answer(site: Site, author: str, asked: Asked, decide: Callable[[Order, Terms], list[Deed]]) -> str:
    number, terms = asked.number, asked.terms

    def work(kept: Records) -> str:
        given = decide(deeds.question(kept, number), terms)
        found = records.replace(kept, number, [deed.wish for deed in given])
        return _with_undo(given[0].text, deeds.undo(found[0]))

    return await site.write(author, work)


async def _freeze(site: Site, author: str, asked: Asked) -> str:
    return await _give(site, author, deeds.freeze(None, asked.terms))


async def _stop(site: Site, author: str, asked: Asked) -> str:
    return await _give(site, author, deeds.stop(Terms(asked.reason)))


async def _mode(site: Site, author: str, asked: Asked) -> str:
    return await _give(site, author, deeds.set_mode(Place(None), asked.text("mode"), asked.terms))


async def _thaw(site: Site, author: str, asked: Asked) -> str:
    return await _end(site, author, OrderKind.FREEZE, asked.reason)


async def _start(site: Site, author: str, asked: Asked) -> str:
    return await _end(site, author, OrderKind.STOP, asked.reason)


async def _end(site: Site, author: str, kind: OrderKind, reason: str) -> str:
    def work(kept: Records) -> str:
        found = deeds.standing_of(records.standing(kept), kind)
        return _taken_back(records.withdraw(kept, [order.id for order in found], reason))

    return await site.write(author, work)


def _on_queue(act: ActKind) -> Callable[[Site, str, Asked], Awaitable[str]]:
    async def work(site: Site, author: str, asked: Asked) -> str:
        name, reason = asked.text("queue"), asked.reason
        domain, _, vmta = name.rpartition("/")
        said = f"{reason} ({author})"

        def tell(kept: Records) -> str:
            engine = site.engine.client
            if act in {ActKind.BACKOFF, ActKind.NORMAL}:
                engine.queue_mode(domain, vmta, str(act), said)
            else:
                engine.queue_act(domain, vmta, str(act), said)
            records.note(kept, f"queue.{act}", name, reason=reason)
            return f"{name}: {ON_QUEUES[act]}."

        return await site.write(author, tell)

    return work


async def _give(site: Site, author: str, deed: Deed) -> str:
    return await site.write(author, lambda kept: _told(kept, deed))


def _told(kept: Records, deed: Deed) -> str:
    order = records.write_down(kept, deed.wish)
    return _with_undo(f"Order {order.id}: {deed.text}", deed.undo or deeds.undo(order))


def _taken_back(found: list[Order]) -> str:
    return "; ".join(f"Withdrew order {one.id}: {one.kind}, given by {one.author}" for one in found) + "."


def _with_undo(text: str, undo: str) -> str:
    return f"{text} Undo: {undo}" if undo else text


def known(site: Site, scope: Scope) -> Scope:
    """The scope, if the configuration knows its IP and provider. Raises NotFoundError."""
    providers = site.config.engine.provider_map()
    places.refuse_strangers(
        site.config.source_ips, providers, scope.source_ip, scope.provider, "the configuration"
    )
    return scope


ON_QUEUES = {
    ActKind.PAUSE: "paused until it is resumed",
    ActKind.RESUME: "sends again",
    ActKind.RETRY: "is tried now",
    ActKind.BACKOFF: "is in backoff",
    ActKind.NORMAL: "is in normal mode",
}
_DOERS: dict[ActKind, Callable[[Site, str, Asked], Awaitable[str]]] = {
    ActKind.HOLD: _hold,
    ActKind.RELEASE: _release,
    ActKind.EXTEND: _extend,
    ActKind.PIN: _pin,
    ActKind.OVERRIDE: _override,
    ActKind.WITHDRAW: _withdraw,
    ActKind.APPROVE: _approve,
    ActKind.DENY: _deny,
    **{act: _on_queue(act) for act in ON_QUEUES},
    ActKind.FREEZE: _freeze,
    ActKind.THAW: _thaw,
    ActKind.STOP: _stop,
    ActKind.START: _start,
    ActKind.MODE: _mode,
}
