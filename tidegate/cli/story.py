"""Gathers what the controller knows about a scope, from its records and the engine, and tells the story."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pydantic import TypeAdapter

from controller import story
from controller.fleet import World
from controller.settings import ControllerSettings
from controller.state import ScopeReport, ScopeState
from core.address import IpAddress
from core.errors import TidegateError
from core.lease import Scope
from core.rate import Rate
from storage import health, incidents, leases, orders, scopes
from tidegate.acts.records import Records
from tidegate.cli.invocation import Invocation
from tidegate.cli.orders import records
from tidegate.client import EngineClient
from tidegate.config import peek
from tidegate.config.model import addresses_of

_STORY = TypeAdapter(story.Story)
_SHOWN = 8
_HOUR = timedelta(hours=1)


def gather(asked: Invocation, client: EngineClient, scope: Scope) -> dict[str, Any] | None:
    """The story as JSON values; None where the controller's records or settings are not to be had."""
    try:
        found = peek.sections(asked.config_path, "controller", "engine")
        kept = records(asked)
    except TidegateError:
        return None
    settings: ControllerSettings = found["controller"]
    protected = addresses_of(found["engine"], settings.protected_virtual_mtas)
    teller = Teller(kept, client, scope.source_ip, settings, protected)
    return {**teller.tell(scope), "changes": _changes(kept, scope)}


class Teller:
    """What is known about one IP, gathered once, for the stories of all its scopes."""

    def __init__(
        self,
        kept: Records,
        client: EngineClient,
        ip: IpAddress,
        settings: ControllerSettings,
        protected: frozenset[IpAddress],
    ) -> None:
        self._now, self._settings, self._states = kept.now, settings, _states(kept, ip)
        self._world = _world(kept, client, ip, settings, protected)
        self._leases = client.leases().get("leases", [])

    @property
    def scopes(self) -> list[Scope]:
        """The scopes of the IP that the engine reports."""
        return [report.scope for report in self._world.scopes]

    def tell(self, scope: Scope) -> dict[str, Any]:
        """One scope's story as JSON values, with the leases on it."""
        told = story.tell(self._world, self._states, scope, self._now, self._settings)
        document: dict[str, Any] = _STORY.dump_python(told, mode="json")
        place = {"source_ip": str(scope.source_ip), "provider": scope.provider}
        document["leases"] = [lease for lease in self._leases if lease["scope"] == place]
        return document


def reports(client: EngineClient, ip: IpAddress | None = None) -> list[ScopeReport]:
    """The scopes that an engine reports, of one IP if it is given."""
    rows = client.scopes(ip).get("scopes", [])
    return [_report(row) for row in rows if ip is None or row["source_ip"] == str(ip)]


def _report(row: Mapping[str, Any]) -> ScopeReport:
    return ScopeReport(
        scope=Scope.model_validate({"source_ip": row["source_ip"], "provider": row["provider"]}),
        operator_limit=Rate.parse(row.get("operator_limit", "unlimited")),
        operator_connect_limit=Rate.parse(row.get("operator_connect_limit", "unlimited")),
        queued=int(row.get("queued", 0)),
    )


def _states(kept: Records, ip: IpAddress) -> dict[Scope, ScopeState]:
    with kept.look() as session:
        documents = scopes.load_states(session)
    return {
        scope: ScopeState.model_validate(document)
        for scope, document in documents.items()
        if scope.source_ip == ip
    }


def _world(
    kept: Records,
    client: EngineClient,
    ip: IpAddress,
    settings: ControllerSettings,
    protected: frozenset[IpAddress],
) -> World:
    hour = kept.now.replace(minute=0, second=0, microsecond=0)
    minutes = [m for m in client.statistics(hour - 2 * _HOUR, ip) if m.source_ip == ip]
    with kept.look() as session:
        return World(
            scopes=reports(client, ip),
            incidents=incidents.open_incidents(session),
            minutes=minutes,
            hours=scopes.hours(session, kept.now - settings.base.window, ip),
            orders=orders.standing(session, kept.now),
            protected=protected,
            watched_at=health.last_attempt(session),
        )


def _changes(kept: Records, scope: Scope) -> list[dict[str, Any]]:
    """The newest changes of the scope, oldest first."""
    with kept.look() as session:
        history = leases.lease_history(session, kept.now - timedelta(days=14), scope.source_ip)
    mine = [change for change in history if change.scope == scope]
    return [change.model_dump(mode="json") for change in mine[-_SHOWN:]]
