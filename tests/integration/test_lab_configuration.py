"""The configuration that the lab and the demo write is one that Tidegate takes."""

import stat
from pathlib import Path

from core.clock import ManualClock, ScaledClock
from lab.configuration import merged, write_configuration
from lab.world import Lab
from tidegate.config.load import load
from tidegate.demo.world import ALERTS, BROKEN_LISTS, configure, demo_lab


async def test_the_labs_file_loads_and_points_every_door_at_loopback(tmp_path: Path) -> None:
    async with Lab(ManualClock()) as lab:
        path = write_configuration(lab, tmp_path)
        config = load(path).config
        assert [str(s.bind) for s in config.source_ips] == [
            "127.0.1.7",
            "127.0.1.8",
            "127.0.1.16",
            "127.0.1.17",
        ]
        assert config.engine.smtp_port == lab.smtp_port
        assert config.engine.listen == (f"127.0.0.1:{lab.engine_port}",)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_the_demos_file_asks_broken_lists_and_mails_the_labs_mailbox(tmp_path: Path) -> None:
    clock = ScaledClock(600, ManualClock().now())
    async with demo_lab(clock, 1, tmp_path) as lab:
        config = load(configure(lab, tmp_path, speed=600, origin=clock.origin)).config
    assert config.clock.clock().real_seconds(600) == 1
    assert set(BROKEN_LISTS) < {zone.zone for zone in config.monitor.dnsbl.extra_zones}
    assert config.monitor.notifications.recipients == [ALERTS]
    assert config.monitor.notifications.smtp.port == lab.mailbox.port


def test_what_is_laid_on_top_reaches_into_mappings_and_replaces_the_rest() -> None:
    base = {"engine": {"listen": ["a"], "hostname": "x"}, "other": 1}
    assert merged(base, {"engine": {"listen": ["b"]}}) == {
        "engine": {"listen": ["b"], "hostname": "x"},
        "other": 1,
    }
    assert base["engine"] == {"listen": ["a"], "hostname": "x"}
