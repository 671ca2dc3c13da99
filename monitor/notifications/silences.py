"""What operators do not want to hear about. Pure."""

from collections.abc import Callable, Iterable

from core.incident import Incident
from storage.orders import Order, OrderKind


def of(standing: Iterable[Order]) -> Callable[[Incident], bool]:
    """Whether an operator silenced an incident: its problem, its rule, or all of an IP's."""
    silences = [order for order in standing if order.kind is OrderKind.SILENCE]

    def silenced(incident: Incident) -> bool:
        names = {"*", incident.fingerprint, str(incident.rule)}
        return any(o.subject in names and o.concerns(incident.ip, incident.provider) for o in silences)

    return silenced
