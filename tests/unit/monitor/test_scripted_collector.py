"""The fake collector plays its rounds like a real one."""

from datetime import UTC, datetime
from ipaddress import ip_address

from monitor.collectors.collected import Collected, ScriptedCollector
from monitor.health import OutcomeKind, SourceOutcome

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
IP = ip_address("203.0.113.7")


async def test_rounds_are_played_in_order_and_the_last_repeats() -> None:
    first = Collected("snds", outcomes=[SourceOutcome("snds:main", OutcomeKind.FAILED, "gone")])
    last = Collected("snds", outcomes=[SourceOutcome("snds:main", OutcomeKind.ANSWERED)])
    fake = ScriptedCollector("snds", [first, last])
    assert [await fake.collect([IP], NOW) for _ in range(3)] == [first, last, last]
    assert fake.asked == [((IP,), NOW)] * 3


async def test_without_rounds_it_has_nothing_to_say() -> None:
    fake = ScriptedCollector("snds", [])
    assert await fake.collect([IP], NOW) == Collected("snds")
    await fake.aclose()
