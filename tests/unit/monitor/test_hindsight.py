"""What recorded readings would have made of incidents."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from core.incident import Rule, Severity
from core.reading import Quality, Reading, Source, Status
from monitor.detection.settings import DetectionSettings
from monitor.incidents import hindsight
from monitor.incidents.hindsight import Turn

START = datetime(2026, 11, 9, tzinfo=UTC)
DAY = timedelta(days=1)
RULES = DetectionSettings()


def day(number: int, colour: str) -> Reading:
    """SNDS tells about a day a day later."""
    at = START + number * DAY
    status = {"GREEN": Status.GOOD, "YELLOW": Status.WARN, "RED": Status.BAD}[colour]
    return Reading(
        ip=ip_address("203.0.113.7"), source=Source.SNDS_DATA, metric="filter-result",
        period_start=at, period_end=at + DAY, observed_at=at + 2 * DAY, status=status, quality=Quality.OK,
        detail=colour, evidence={},
    )  # fmt: skip


def told(readings: list[Reading]) -> list[tuple[int, str, bool]]:
    found: list[Turn] = hindsight.turns([readings], RULES)
    return [((t.at - START) // DAY, t.fingerprint.split(":")[2], t.incident is not None) for t in found]


def test_a_red_day_opens_when_it_was_observed_and_green_days_close_it() -> None:
    colours = ["GREEN"] * 3 + ["RED"] + ["GREEN"] * 5
    readings = [day(n, colour) for n, colour in enumerate(colours)]
    turns = told(readings)
    assert turns[0] == (5, str(Rule.SNDS_RED), True)
    assert turns[-1][1:] == (str(Rule.SNDS_RED), False)
    assert turns[-1][0] > 5


def test_the_order_in_which_the_records_are_read_does_not_matter() -> None:
    readings = [day(n, "RED" if n == 4 else "GREEN") for n in range(9)]
    assert told(readings) == told(readings[::-1])


def test_a_quiet_series_has_no_turns() -> None:
    assert told([day(n, "GREEN") for n in range(20)]) == []


def test_an_incident_carries_what_the_controller_goes_by() -> None:
    (first, *_) = hindsight.turns([[day(0, "GREEN"), day(1, "RED")]], RULES)
    assert first.incident is not None
    assert (first.incident.rule, first.incident.severity) == (Rule.SNDS_RED, Severity.CRITICAL)
    assert first.incident.evidence_end == START + 2 * DAY
    assert first.incident.opened_at == first.at
