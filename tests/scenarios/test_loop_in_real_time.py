"""A provider begins to refuse an IP; another IP is listed: how soon does the provider see less of each?

Everything is real: engine, controller, SMTP, HTTP, the clock. bench/loop.py measures the same many times.
"""

from pathlib import Path

from bench import loop
from storage import database, leases


async def test_a_burst_of_blocks_and_a_listing_lower_the_rate_within_seconds(tmp_path: Path) -> None:
    async with loop.running(tmp_path, sources=2) as world:
        # two seconds on an idle machine; a tick is a minute away
        assert await loop.burst(world, 0) < 10
        assert await loop.listing(world, 1) < 10
        with database.reading(world.records) as session:
            told = leases.lease_history(session, world.run.engine.started_at)
    assert {(str(c.scope), str(c.after), c.rule, c.mode) for c in told} >= {
        ("203.0.113.30 × microsoft", "7200/h", "replies-blocked", "enforce"),
        ("203.0.113.31 × microsoft", "3600/h", "dnsbl-listed", "enforce"),
    }
