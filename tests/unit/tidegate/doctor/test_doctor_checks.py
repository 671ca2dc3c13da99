"""The doctor's checks one by one: what each looks at, and what it says is to be mended."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.address import IpAddress
from monitor.health import OutcomeKind, SourceHealth, SourceOutcome, after, to_row
from storage import database, health, outbox
from storage.outbox import OutboxMail
from tidegate.config.load import load
from tidegate.doctor import machine, names, records
from tidegate.doctor.finding import Check, Finding, Patient, Verdict, beside, some
from tidegate.doctor.names import Named

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ONE, TWO, SIX = (ip_address(a) for a in ("203.0.113.7", "203.0.113.8", "2001:db8::7"))


def patient(folder: Path, **sections: Any) -> Patient:
    file = folder / "config.yaml"
    defaults: dict[str, Any] = {
        "ip-lists": {"main": ["127.0.0.9"]},
        "database": f"sqlite:///{folder}/t.db",
        "engine": {"spool": f"{folder}/spool"},
    }
    file.write_text(yaml.safe_dump(defaults | sections))
    return Patient(load(file, {}).config, str(file), NOON)


def said(found: Sequence[Finding]) -> list[tuple[Verdict, str]]:
    return [(one.verdict, one.said) for one in found]


def test_secrets_in_a_file_that_all_can_read_are_to_be_mended(tmp_path: Path) -> None:
    whole = {"web": {"tokens": [{"name": "a", "token": "a-token-long-enough"}]}}
    ill = patient(tmp_path, **whole)
    Path(ill.path).chmod(0o644)
    (found,) = machine.files(ill)
    assert (found.verdict, found.mend.partition(",")[0]) == (Verdict.UNWISE, f"chmod 640 {ill.path}")
    assert "long-enough" not in found.said
    Path(ill.path).chmod(0o640)
    assert machine.files(ill)[0].verdict is Verdict.FINE


def test_a_file_without_secrets_may_be_read_by_all(tmp_path: Path) -> None:
    well = patient(tmp_path)
    Path(well.path).chmod(0o644)
    assert machine.files(well)[0].verdict is Verdict.FINE


@pytest.mark.parametrize(
    ("low", "mode", "verdict"),
    [(0, 0o700, Verdict.FINE), (2**60, 0o700, Verdict.UNWISE), (0, 0o755, Verdict.UNWISE)],
)
def test_the_spool_needs_room_and_privacy(tmp_path: Path, low: int, mode: int, verdict: Verdict) -> None:
    where = tmp_path / "spool"
    where.mkdir()
    where.chmod(mode)
    ill = patient(tmp_path, engine={"spool": str(where), "spool-low": low})
    assert machine.spool(ill)[0].verdict is verdict


def test_a_spool_that_is_not_there_yet_is_measured_where_it_will_be(tmp_path: Path) -> None:
    (found,) = machine.spool(patient(tmp_path, engine={"spool": f"{tmp_path}/a/b/spool"}))
    assert found.verdict is Verdict.FINE


def test_source_ips_that_this_machine_has_not_are_named_by_the_address_that_is_bound(tmp_path: Path) -> None:
    fleet = ["127.0.0.9", "203.0.113.7", {"address": "203.0.113.8", "bind": "192.0.2.8"}]
    (found,) = machine.source_ips(patient(tmp_path, **{"ip-lists": {"main": fleet}}))
    assert found.verdict is Verdict.BROKEN
    assert found.said == "2 of 3 cannot be bound: 203.0.113.7, 192.0.2.8 (of 203.0.113.8)"
    (fine,) = machine.source_ips(patient(tmp_path))
    assert said([fine]) == [(Verdict.FINE, "all 1 can be bound")]


@pytest.mark.parametrize(
    ("state", "verdict"), [(True, Verdict.FINE), (False, Verdict.UNWISE), (None, Verdict.UNKNOWN)]
)
def test_the_clock_is_what_the_kernel_says_it_is(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    state: bool | None,  # noqa: FBT001 - a table
    verdict: Verdict,
) -> None:
    monkeypatch.setattr(machine, "is_synchronised", lambda: state)
    assert machine.clock(patient(tmp_path))[0].verdict is verdict


def test_the_kernel_can_be_asked_without_changing_anything() -> None:
    assert machine.is_synchronised() in {True, False, None}


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    assert records.records(patient(tmp_path))[0].verdict is Verdict.UNWISE
    assert not (tmp_path / "t.db").exists()


def test_a_database_of_this_version_is_fine_and_an_empty_one_will_be_filled(tmp_path: Path) -> None:
    engine = database.open_database(f"sqlite:///{tmp_path}/t.db")
    assert "is empty" in records.records(patient(tmp_path))[0].said
    database.upgrade(engine)
    assert {one.verdict for one in records.records(patient(tmp_path))} == {Verdict.FINE}
    with engine.begin() as connection:
        connection.exec_driver_sql("update alembic_version set version_num = '0003'")
    engine.dispose()
    (old,) = records.records(patient(tmp_path))
    assert (old.verdict, old.mend) == (Verdict.UNWISE, "it is brought up to date at the next start")


def test_a_file_that_is_no_database_is_broken(tmp_path: Path) -> None:
    (tmp_path / "t.db").write_text("not a database, by any means, and long enough to be looked at" * 20)
    (found,) = records.records(patient(tmp_path))
    assert found.verdict is Verdict.BROKEN


def test_what_waits_in_the_database_is_told(tmp_path: Path) -> None:
    engine = database.open_database(f"sqlite:///{tmp_path}/t.db")
    database.upgrade(engine)
    ill, _ = after(
        SourceHealth(name="dnsbl:a.example"),
        SourceOutcome("dnsbl:a.example", OutcomeKind.UNTRUSTED, "lists the world"),
        NOON,
    )
    with database.session(engine) as session:
        health.save(session, to_row(ill))
        outbox.put(
            session,
            OutboxMail(idempotency_key="k", kind="incident", recipients=("ops@x.test",), subject="s",
                       mime=b"", created_at=NOON),
        )  # fmt: skip
        outbox.mark_dead(session, outbox.pending(session)[0], NOON, "550 no such user")
    engine.dispose()
    found = {one.check: one for one in records.records(patient(tmp_path))}
    assert found["outbox"].said == "1 mails were given up, the last: 550 no such user"
    assert found["sources"].said == "dnsbl:a.example is quarantined: lists the world"
    assert "recursing resolver" in found["sources"].mend


class Names:
    """A DNS in a table; what is not in it does not exist, what is None does not answer."""

    def __init__(self, pointers: dict[IpAddress, Any], addresses: dict[str, Any]) -> None:
        self._pointers, self._addresses = pointers, addresses

    async def pointers(self, ip: IpAddress) -> tuple[str, ...] | None:
        found: tuple[str, ...] | None = self._pointers.get(ip, ())
        return found

    async def addresses(self, name: str, version: int) -> frozenset[IpAddress] | None:
        found: frozenset[IpAddress] | None = self._addresses.get(name, frozenset())
        return found


async def test_a_name_counts_when_it_leads_back() -> None:
    dns = Names(
        {ONE: ("mta1.x.test", "old.x.test"), TWO: ("mta9.x.test",), SIX: None},
        {"mta1.x.test": frozenset({ONE}), "mta9.x.test": None},
    )
    assert await names.name_all(dns, [ONE, TWO, SIX]) == {
        ONE: Named(("mta1.x.test", "old.x.test"), ("mta1.x.test",)),
        TWO: Named(("mta9.x.test",)),
        SIX: Named(None),
    }


@pytest.mark.parametrize(
    ("known", "wanted"),
    [
        ({ONE: Named(("a.test",), ("a.test",))}, [(Verdict.FINE, "all 1 IPs have a reverse name that leads back to them")]),
        ({ONE: Named(())}, [(Verdict.BROKEN, "no reverse name (PTR): 203.0.113.7")]),
        ({ONE: Named(("a.test",))}, [(Verdict.BROKEN, "the reverse name does not lead back to its IP: 203.0.113.7 (a.test)")]),
        ({ONE: Named(None), TWO: Named(())}, [
            (Verdict.BROKEN, "no reverse name (PTR): 203.0.113.8"),
            (Verdict.UNKNOWN, "the resolver gave no answer about 1 of 2 IPs"),
        ]),
        ({}, []),
    ],
)  # fmt: skip
def test_reverse_names_are_right_wrong_or_not_known(
    known: dict[IpAddress, Named], wanted: list[tuple[Verdict, str]]
) -> None:
    assert said(names.reverse(known)) == wanted


@pytest.mark.parametrize(
    ("hostname", "leads_to", "verdict"),
    [
        ("localhost", frozenset(), Verdict.UNWISE),
        ("mta.x.test", None, Verdict.UNKNOWN),
        ("mta.x.test", frozenset(), Verdict.UNWISE),
        ("mta.x.test", frozenset({ONE}), Verdict.FINE),
        ("mta1.x.test", frozenset({TWO}), Verdict.FINE),
        ("mta.x.test", frozenset({TWO}), Verdict.UNWISE),
    ],
)
def test_the_greeting_is_a_name_that_fits(
    hostname: str, leads_to: frozenset[IpAddress] | None, verdict: Verdict
) -> None:
    known = {ONE: Named(("mta1.x.test",), ("mta1.x.test",))}
    (found,) = names.greeting(hostname, leads_to, known)
    assert found.verdict is verdict


def test_a_long_list_is_cut() -> None:
    assert some(range(7)) == "0, 1, 2, 3, 4 and 2 more"


async def test_a_check_without_async_runs_beside_the_loop(tmp_path: Path) -> None:
    threads: list[int] = []

    def look(_patient: Patient) -> list[Finding]:
        threads.append(os.getpid())
        return [Finding("x", Verdict.FINE, "")]

    check: Check = beside(look)
    assert [one.check for one in await check(patient(tmp_path))] == ["x"]
