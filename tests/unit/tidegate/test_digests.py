"""When the digest goes out to whom."""

from zoneinfo import ZoneInfo

from monitor.settings import MonitorSettings
from tidegate.digests import by_zone


def test_each_zone_has_its_own_readers_and_nobody_reads_twice() -> None:
    settings = MonitorSettings.model_validate(
        {
            "digest": {
                "time-zone": "Europe/Amsterdam",
                "recipients": [
                    "a@example.com",
                    {"address": "b@example.com", "time-zone": "America/New_York"},
                    {"address": "c@example.com"},
                ],
            }
        }
    )
    found = {
        zone: [r.address for r in one.recipients if not isinstance(r, str)]
        for zone, one in by_zone(settings).items()
    }
    assert found == {
        "Europe/Amsterdam": ["a@example.com", "c@example.com"],
        "America/New_York": ["b@example.com"],
    }


def test_those_who_are_told_about_incidents_read_the_digest_where_nobody_is_named() -> None:
    settings = MonitorSettings.model_validate({"notifications": {"recipients": ["ops@example.com"]}})
    [(zone, digest)] = by_zone(settings).items()
    assert ZoneInfo(zone) == settings.digest.time_zone
    assert [r.address for r in digest.recipients if not isinstance(r, str)] == ["ops@example.com"]
