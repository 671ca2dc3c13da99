"""Who is watched closely: IPs with open incidents, and those that send."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session

from core.address import IpAddress
from monitor.collectors.rota import Attention
from storage import incidents, scopes

_RECENTLY: Final = timedelta(hours=24)


def attention(session: Session, fleet: Sequence[IpAddress], now: datetime, busy_from: int) -> Attention:
    """Places in the fleet. Where nothing is known about traffic, nobody is called quiet."""
    in_trouble = {i.ip for i in incidents.open_incidents(session)}
    sent = scopes.attempted_by_ip(session, now - _RECENTLY)
    troubled = frozenset(place for place, ip in enumerate(fleet) if ip in in_trouble)
    if not sent:
        return Attention(troubled)
    return Attention(troubled, frozenset(n for n, ip in enumerate(fleet) if sent.get(ip, 0) >= busy_from))
