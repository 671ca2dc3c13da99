"""Runs the self-tests of zones, over channels that have cached nothing, and remembers the results."""

import logging
import secrets
from collections.abc import Callable, Iterable
from datetime import datetime

from monitor.collectors import pool, self_test
from monitor.collectors.patience import Patience
from monitor.collectors.self_test import Examined, Probe, Trust
from monitor.collectors.zones import AskedZone
from monitor.resolver import Answer, AnswerKind, Resolver

log = logging.getLogger(__name__)


class ZoneTests:
    """What is known about each zone's trustworthiness."""

    def __init__(self, open_resolver: Callable[[], Resolver], width: int) -> None:
        self._open_resolver = open_resolver
        self._width = width
        self._known: dict[str, Examined] = {}

    def known(self, zone: AskedZone) -> Examined | None:
        return self._known.get(zone.name)

    async def run(self, zones: Iterable[AskedZone], now: datetime, patience: Patience) -> None:
        """Test these zones now."""
        answers: dict[str, dict[Probe, Answer]] = {}
        by_name = {zone.name: zone for zone in zones}
        if not by_name:
            return
        jobs = []
        for zone in by_name.values():
            answers[zone.name] = {}
            # a name that nobody can have asked for before, so that no cache knows it
            asked = self_test.questions(zone.entry, secrets.token_hex(8))
            jobs += [(zone, probe, labels) for probe, labels in asked.items()]
        resolver = self._open_resolver()

        async def ask(job: tuple[AskedZone, Probe, str]) -> None:
            zone, probe, labels = job
            if not patience.is_worth_asking(zone.name):
                answers[zone.name][probe] = Answer(AnswerKind.TIMEOUT)
                return
            answer = await resolver.addresses(f"{labels}.{zone.host}")
            patience.note(zone.name, answer.kind)
            answers[zone.name][probe] = answer

        try:
            await pool.run(jobs, ask, self._width)
        finally:
            await resolver.aclose()
        for zone in by_name.values():
            self._judge(zone, answers[zone.name], now)

    def _judge(self, zone: AskedZone, answers: dict[Probe, Answer], now: datetime) -> None:
        before = self._known.get(zone.name)
        trust, reason = self_test.judge(zone.entry, answers)
        after = self_test.merged(before, Examined(trust, reason, now, answers[Probe.RANDOM].ttl))
        self._known[zone.name] = after
        if after.trust is not Trust.PASSED and (before is None or before.trust is not after.trust):
            log.warning(
                "The DNS list %s %s",
                zone.name,
                after.trust,
                extra={"event": "dnsbl.zone.distrusted", "zone": zone.name, "reason": reason},
            )
