"""`show ips` counts the lists that speak for an IP by their row alone."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import yaml

from core.incident import Incident, IncidentKind, IncidentState, Rule, Severity
from core.reading import Reading, Source, Status
from storage import coverage, database, readings
from storage.coverage import Coverage
from tidegate.cli import monitor_view
from tidegate.cli.invocation import Invocation

NOW = datetime.now(UTC)
LISTED, CLEAN = ip_address("203.0.113.7"), ip_address("203.0.113.8")


def test_clean_and_unknown_lists_are_counted_without_readings_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor_view, "_leases", lambda _: [])
    config = tmp_path / "config.yaml"
    config.write_text(
        yaml.safe_dump(
            {"database": f"sqlite:///{tmp_path}/t.db", "ip-lists": {"main": [str(LISTED), str(CLEAN)]}}
        )
    )
    engine = database.open_database(f"sqlite:///{tmp_path}/t.db")
    database.upgrade(engine)
    with database.session(engine) as session:
        coverage.watch(session, [LISTED, CLEAN], NOW - timedelta(hours=2))
        for zone, doubt in (("a.test", ""), ("b.test", ""), ("c.test", "refused")):
            coverage.save(
                session,
                Coverage(
                    source=Source.DNSBL, metric=zone, families=(4,), first_at=NOW, last_at=NOW,
                    whole_at=NOW - timedelta(hours=1), doubt=doubt,
                ),
            )  # fmt: skip
        readings.record(
            session,
            Reading(
                ip=LISTED, source=Source.DNSBL, metric="a.test", period_start=NOW, period_end=NOW,
                observed_at=NOW, status=Status.BAD, detail="listed",
            ),
        )  # fmt: skip
    engine.dispose()
    document = monitor_view.ips(Invocation(str(config), None, None, None, as_json=True, debug=False))
    assert {row["ip"]: row["dnsbl"] for row in document["ips"]} == {
        str(LISTED): "1 listed, 1 clean, 1 unknown",
        str(CLEAN): "2 clean, 1 unknown",
    }
    assert next(row for row in document["ips"] if row["ip"] == str(CLEAN))["age"].startswith("1h")


def test_an_open_incident_counts_whatever_the_sources_say_meanwhile_as_on_the_page() -> None:
    def row(*opened: Incident) -> dict[str, object]:
        return monitor_view.ip_row("main", str(CLEAN), [], opened, [], NOW)

    def incident(severity: Severity) -> Incident:
        return Incident(
            number=3, fingerprint="f", kind=IncidentKind.IP, ip=CLEAN, source=Source.DNSBL, metric="a.test",
            rule=Rule.DNSBL_LISTED, severity=severity, tier=1, title="listed", state=IncidentState.OPEN,
            evidence_end=NOW, opened_at=NOW, updated_at=NOW,
        )  # fmt: skip

    assert row()["worst"] is Status.UNKNOWN
    assert row(incident(Severity.INFO))["worst"] is Status.UNKNOWN
    assert row(incident(Severity.CRITICAL), incident(Severity.WARNING))["worst"] is Status.BAD
    assert row(incident(Severity.WARNING))["incidents"] == ["INC-3"]
