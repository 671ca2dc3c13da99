"""The collectors in the lab's pretend internet: its habits and ours fit together."""

from datetime import UTC, datetime, timedelta

from core.clock import ManualClock
from core.reading import Reading, Status
from lab import snds as lab_snds
from lab.snds import SndsRow, SndsStatus
from lab.snds_faults import SndsBehaviour
from lab.world import SCORE_ZONE, SNDS_KEY, Lab
from lab.zones import Behaviour
from monitor.collectors.dnsbl import DnsblCollector
from monitor.collectors.sender_score import SenderScoreCollector
from monitor.collectors.settings import DnsblSettings, ResolverSettings, SenderScoreSettings
from monitor.collectors.snds import SndsCollector
from monitor.collectors.snds_settings import SndsSettings
from monitor.health import OutcomeKind

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ZEN, COP = "zen.spamhaus.org", "bl.spamcop.net"


def resolver(lab: Lab) -> ResolverSettings:
    return ResolverSettings(nameservers=[f"{lab.resolver.host}:{lab.resolver.port}"])


async def test_a_listing_a_delisting_and_a_zone_that_lists_the_world() -> None:
    async with Lab(ManualClock(NOW)) as lab:
        for zone in (ZEN, COP):
            lab.zones.add_blocklist(zone)
        ips = [source.address for source in lab.sources]
        lists = DnsblCollector(DnsblSettings(zones=[ZEN, COP]), resolver(lab))

        async def sweep(hours: int) -> dict[tuple[str, str], Status]:
            collected = await lists.collect(ips, NOW + timedelta(hours=hours))
            return {(str(r.ip), r.metric): r.status for r in collected.readings}

        assert set((await sweep(0)).values()) == {Status.GOOD}
        lab.zones.enlist(ZEN, ips[0], "127.0.0.3", text="https://check.spamhaus.org/")
        listed = await sweep(1)
        assert [key for key, status in listed.items() if status is Status.BAD] == [(str(ips[0]), ZEN)]
        lab.zones.delist(ZEN, ips[0])
        assert set((await sweep(2)).values()) == {Status.GOOD}
        lab.zones.behave(COP, Behaviour.WILDCARD, "127.0.0.2")
        broken = await sweep(3)
        assert {status for (_, zone), status in broken.items() if zone == COP} == {Status.UNKNOWN}
        assert {status for (_, zone), status in broken.items() if zone == ZEN} == {Status.GOOD}
        await lists.aclose()


async def test_scores_are_read() -> None:
    async with Lab(ManualClock(NOW)) as lab:
        ips = [source.address for source in lab.sources]
        lab.zones.score(SCORE_ZONE, ips[0], 66)
        scores = SenderScoreCollector(SenderScoreSettings(zone=SCORE_ZONE), resolver(lab))
        collected = await scores.collect(ips, NOW)
    assert [r.value for r in collected.readings] == [66, None, None, None]


async def test_snds_rows_status_and_the_sign_in_page() -> None:
    async with Lab(ManualClock(NOW)) as lab:
        ip = lab.sources[0].address
        day = NOW.date() - timedelta(days=1)
        start, end = lab_snds.activity_period(day)
        row = SndsRow(ip, start, end, 900, 880, 900, lab_snds.FilterResult.RED, 0.004, 2)
        lab.book.publish(day, [row])
        lab.book.set_status(SndsStatus(ip, ip, False, "Junked due to user complaints"))
        account = {"key": SNDS_KEY, "base_url": lab.snds.url}
        snds = SndsCollector(SndsSettings.model_validate({"accounts": [account]}))
        found = await snds.collect([ip], NOW)
        lab.snds.behaviour = SndsBehaviour.SIGN_IN
        lost = await snds.collect([ip], NOW + timedelta(hours=6))
        await snds.aclose()
    seen: dict[str, Reading] = {r.metric: r for r in found.readings}
    assert {metric: r.status for metric, r in seen.items()} == {
        "filter-result": Status.BAD,
        "complaint-rate": Status.WARN,
        "trap-hits": Status.WARN,
        "ip-status": Status.WARN,
    }
    assert seen["filter-result"].period_start == start.replace(tzinfo=UTC)
    assert [(r.metric, r.status) for r in lost.readings] == [("ip-status", Status.UNKNOWN)]
    assert lost.outcomes[0].kind is OutcomeKind.FAILED
