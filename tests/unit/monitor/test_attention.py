"""Who is watched closely."""

from datetime import timedelta
from typing import Any

from core.lease import Scope
from monitor.attention import attention
from monitor.collectors.rota import Attention
from storage import database, scopes
from storage.scopes import ScopeHour
from tests.unit.monitor.watching import IP, OTHER_IP, START, Rig, clean, listed, rig

QUIET = OTHER_IP + 1
FLEET = [IP, OTHER_IP, QUIET]


def watched(monitor: Rig, *hours: tuple[Any, float, int]) -> Attention:
    with database.session(monitor.engine) as session:
        scopes.record_hours(
            session,
            [
                ScopeHour(
                    scope=Scope(source_ip=ip, provider=provider),
                    hour=START - timedelta(hours=ago),
                    attempted=count,
                )
                for ip, ago, count in hours
                for provider in ("microsoft", "google")
            ],
        )
        return attention(session, FLEET, START, busy_from=100)


def test_without_statistics_nobody_is_quiet() -> None:
    with rig() as monitor:
        found = watched(monitor)
        assert not any(found.is_quiet(place) for place in range(3))


def test_who_sent_enough_in_the_last_day_to_all_providers_together_is_busy() -> None:
    with rig() as monitor:
        assert watched(monitor, (IP, 2, 50), (OTHER_IP, 2, 49), (QUIET, 30, 500)).busy == {0}


def test_an_open_incident_makes_an_ip_troubled() -> None:
    with rig() as monitor:
        monitor.take(clean(START - timedelta(hours=1), OTHER_IP))
        monitor.take(listed(START, OTHER_IP))
        monitor.take(listed(START + timedelta(seconds=30), OTHER_IP))
        found = watched(monitor, (IP, 1, 100))
        assert found.troubled == {1}
        assert [found.is_quiet(place) for place in range(3)] == [False, False, True]
