"""What operators do not want to hear about, and what they look after. Pure."""

from collections.abc import Callable, Iterable

from core.incident import Incident
from storage.orders import Order, OrderKind

About = Callable[[Incident], bool]


def silenced(standing: Iterable[Order]) -> About:
    """Whether an operator silenced an incident: itself, its problem, its rule, or all of an IP's."""
    return _ordered(standing, OrderKind.SILENCE)


def acknowledged(standing: Iterable[Order]) -> About:
    """Whether an operator said that somebody looks after an incident, in the same terms."""
    return _ordered(standing, OrderKind.ACKNOWLEDGE)


def _ordered(standing: Iterable[Order], kind: OrderKind) -> About:
    mine = [order for order in standing if order.kind is kind]

    def concerned(incident: Incident) -> bool:
        names = {"*", incident.label, incident.fingerprint, str(incident.rule)}
        return any(o.subject in names and o.concerns(incident.ip, incident.provider) for o in mine)

    return concerned
