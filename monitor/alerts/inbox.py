"""Takes what other monitors post: reads it, bounds it, hands it to the watcher as one round of a source."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Engine

from core.address import IpAddress, SourceIp
from core.clock import Clock
from core.reading import Source
from monitor.alerts import body, evidence
from monitor.alerts.alert import Alert, AlertState, Context, Parsed, Refusal
from monitor.alerts.settings import AlertSettings
from monitor.collectors.collected import Collected
from monitor.health import OutcomeKind, SourceOutcome
from monitor.watcher import Watcher, WatchResult
from storage import database, incidents

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a body. `refusals` say what was not taken, and why."""

    alerts: tuple[Alert, ...]
    refusals: tuple[Refusal, ...]
    result: WatchResult


class Inbox:
    """Where alerts come in. `take` works on the database: call it where that may be done."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        watcher: Watcher,
        settings: AlertSettings,
        sources: Iterable[SourceIp],
        providers: Iterable[str],
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._watcher = watcher
        self._settings = settings
        self._addresses = addresses(sources)
        self._providers = frozenset(providers)

    def take(self, sender: str, raw: bytes) -> Taken:
        """Take the alerts of a body from `sender`. Raises UnusableAlert when the body is not JSON."""
        now = self._clock.now()
        context = Context(sender, now, self._addresses, self._providers, self._settings)
        parsed = self._bounded(body.read(body.decode(raw), context))
        if parsed.refusals:
            log.warning(
                "%d alerts of %s were not taken: %s",
                len(parsed.refusals), sender, parsed.refusals[0].detail,
                extra={"event": "alerts.refused", "sender": sender},
            )  # fmt: skip
        if not parsed.alerts:
            return Taken((), parsed.refusals, WatchResult())
        name = f"alerts:{sender}"
        heard = [evidence.reading(alert, now) for alert in parsed.alerts]
        outcomes = [SourceOutcome(name, OutcomeKind.ANSWERED)]
        result = self._watcher.take(Collected(name, heard, outcomes))
        return Taken(parsed.alerts, parsed.refusals, result)

    def _bounded(self, parsed: Parsed) -> Parsed:
        """At most so many alerts stand at once: who holds a token must not fill the database."""
        with database.reading(self._engine) as session:
            opened = incidents.open_incidents(session)
        standing = {(one.ip, one.metric) for one in opened if one.source is Source.ALERT}
        return bounded(parsed, standing, self._settings.most)


def bounded(parsed: Parsed, standing: set[tuple[IpAddress | None, str]], most: int) -> Parsed:
    """Without alerts that are neither known nor have room.

    Resolved ones that are not known are dropped: nothing ends with them, and nothing is to be mended.
    """
    kept, refusals = [], list(parsed.refusals)
    stand = set(standing)
    for alert in parsed.alerts:
        name = (alert.ip, f"{alert.sender}:{alert.key}")
        if name not in stand and alert.state is AlertState.RESOLVED:
            continue
        if name not in stand and len(stand) >= most:
            refusals.append(
                Refusal("", f"{most} alerts stand already, as many as monitor.alerts.most allows")
            )
            continue
        stand.add(name)
        kept.append(alert)
    return Parsed(tuple(kept), tuple(refusals))


def addresses(sources: Iterable[SourceIp]) -> Mapping[IpAddress, IpAddress]:
    """How others may call our IPs: by the address that the world sees, or by the one that sockets bind to."""
    known = list(sources)
    shared = [source.bind for source in known]
    binds = {source.bind: source.address for source in known if shared.count(source.bind) == 1}
    return binds | {source.address: source.address for source in known}
