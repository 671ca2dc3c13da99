"""Plans for what a form asks for, the command line's --dry-run. Records cannot be written here."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn

from core.errors import NotFoundError
from core.lease import Scope
from core.rate import Rate
from storage.orders import OrderKind
from tidegate.acts import deeds, limit_plans, limits, plan, queues, records
from tidegate.acts.deeds import Deed, Place, Terms
from tidegate.acts.plan import Plan
from tidegate.acts.records import Records
from tidegate.web.doing import ON_QUEUES, Asked, known
from tidegate.web.sessions import Session
from tidegate.web.site import Site
from tidegate.web.views.acts import ActKind

_Planner = Callable[[Site, Records, Asked], Plan]


async def plan_of(site: Site, who: Session, kind: ActKind, asked: Asked) -> Plan:
    """What the act would do. Raises OperatorError and PeerError as the act itself would."""
    kept = replace(site.records_of(who.name), open=_refuse)
    return await asyncio.to_thread(_PLANNERS[kind], site, kept, asked)


def _refuse() -> NoReturn:
    raise AssertionError("a plan writes nothing")


def _hold(site: Site, kept: Records, asked: Asked) -> Plan:
    return _given(site, kept, deeds.hold(_place(site, asked), asked.terms), asked.terms)


def _override(site: Site, kept: Records, asked: Asked) -> Plan:
    signal = asked.text("signal")
    subject = deeds.subject(kept, signal)
    return _given(site, kept, deeds.override(_place(site, asked), signal, subject, asked.terms), asked.terms)


def _pin(site: Site, kept: Records, asked: Asked) -> Plan:
    return _rate(site, kept, known(site, asked.scope), Rate.parse(asked.text("rate")), asked.terms)


def _extend(site: Site, kept: Records, asked: Asked) -> Plan:
    key, terms = asked.text("key"), asked.terms
    found = limits.leases_of(site.engine.client, key, None)
    if not found:
        raise NotFoundError(f"there is no lease {key} any more")
    return _rate(site, kept, limits.scope_in(found[0]), Rate.parse(str(found[0]["value"])), terms)


def _rate(site: Site, kept: Records, scope: Scope, rate: Rate, terms: Terms) -> Plan:
    client = site.engine.client
    limits.refuse_strangers(client, scope)
    lease = limits.lease_for(scope, rate, terms, kept.author, limits.engine_time(client))
    return limit_plans.pin(client, kept, lease, terms)


def _release(site: Site, kept: Records, asked: Asked) -> Plan:
    return limit_plans.release(site.engine.client, kept, asked.text("key"), None, asked.terms)


def _withdraw(site: Site, kept: Records, asked: Asked) -> Plan:
    found = [deeds.order_of(kept, asked.number)]
    words = ("withdraw", str(asked.number))
    return plan.of_withdrawal(site.engine.client, found, kept.now, asked.reason, words)


def _approve(site: Site, kept: Records, asked: Asked) -> Plan:
    asking, terms = deeds.question(kept, asked.number), asked.terms
    given = [deeds.approve(asking, terms)]
    return plan.of_deeds(site.engine.client, kept, given, terms, plan.answer("approve", asking.id, terms))


def _deny(site: Site, kept: Records, asked: Asked) -> Plan:
    asking, terms = deeds.question(kept, asked.number), asked.terms
    given = deeds.deny(asking, terms)
    return plan.of_deeds(site.engine.client, kept, given, terms, plan.answer("deny", asking.id, terms))


def _freeze(site: Site, kept: Records, asked: Asked) -> Plan:
    return _given(site, kept, deeds.freeze(None, asked.terms), asked.terms)


def _stop(site: Site, kept: Records, asked: Asked) -> Plan:
    terms = Terms(asked.reason)
    return _given(site, kept, deeds.stop(terms), terms)


def _mode(site: Site, kept: Records, asked: Asked) -> Plan:
    return _given(site, kept, deeds.set_mode(Place(None), asked.text("mode"), asked.terms), asked.terms)


def _thaw(site: Site, kept: Records, asked: Asked) -> Plan:
    return _ended(site, kept, OrderKind.FREEZE, asked, ("thaw",))


def _start(site: Site, kept: Records, asked: Asked) -> Plan:
    return _ended(site, kept, OrderKind.STOP, asked, ("kill-switch", "off"))


def _ended(site: Site, kept: Records, kind: OrderKind, asked: Asked, words: tuple[str, ...]) -> Plan:
    found = deeds.standing_of(records.standing(kept), kind)
    return plan.of_withdrawal(site.engine.client, found, kept.now, asked.reason, words)


def _on_queue(act: ActKind) -> _Planner:
    def work(site: Site, _kept: Records, asked: Asked) -> Plan:
        name, reason = asked.text("queue"), asked.reason
        found = queues.named(site.engine.client, name, everything=False)
        return queues.planned(name, str(act), reason, found)

    return work


def _place(site: Site, asked: Asked) -> Place:
    scope = known(site, asked.scope)
    return Place(scope.source_ip, scope.provider)


def _given(site: Site, kept: Records, deed: Deed, terms: Terms) -> Plan:
    return plan.of_deeds(site.engine.client, kept, [deed], terms)


_PLANNERS: dict[ActKind, _Planner] = {
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
