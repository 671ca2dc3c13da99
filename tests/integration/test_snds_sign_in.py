"""Signing in at SNDS over real HTTP: PKCE, tokens that work once, two processes that share them."""

import asyncio
import json
import multiprocessing
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from snds_lab import IP, serving, visited

from core.clock import ManualClock
from core.errors import SignalError
from core.reading import Status
from lab.snds_server import SndsServer
from monitor.collectors import snds_sign_in
from monitor.collectors.collected import Collected
from monitor.collectors.snds import SndsCollector
from monitor.collectors.snds_access import Door, Standing
from monitor.collectors.snds_fetch import keeper_of
from monitor.collectors.snds_settings import SndsSettings
from monitor.collectors.snds_sign_in import Attempt, SignInOver
from monitor.collectors.snds_tokens import TokenKeeper
from monitor.health import OutcomeKind

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ATTEMPT = Attempt("the-state", "v" * 64, "http://localhost:8400")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def server(clock: ManualClock) -> Iterator[SndsServer]:
    with serving(clock) as running:
        yield running


def settings(server: SndsServer, file: Path) -> SndsSettings:
    return SndsSettings.model_validate(
        {"accounts": [{"name": "main", "sign-in-file": str(file)}], "oauth": server.oauth, "timeout": "5s"}
    )


def keeper(server: SndsServer, file: Path) -> TokenKeeper:
    asked = settings(server, file)
    found = keeper_of(asked.accounts[0], asked)
    assert found is not None
    return found


def sign_in(server: SndsServer, file: Path, now: datetime = NOW) -> TokenKeeper:
    ours = keeper(server, file)
    place = visited(snds_sign_in.page(settings(server, file).oauth, ATTEMPT))
    ours.begin(ATTEMPT, snds_sign_in.code_of(place, ATTEMPT), now)
    return ours


async def collect(server: SndsServer, file: Path, now: datetime) -> Collected:
    collector = SndsCollector(settings(server, file))
    try:
        return await collector.collect([IP], now)
    finally:
        await collector.aclose()


def test_a_sign_in_is_kept_for_its_owner_alone(server: SndsServer, tmp_path: Path) -> None:
    file = tmp_path / "deep" / "sign-in.json"
    sign_in(server, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert set(json.loads(file.read_text())) >= {"access_token", "refresh_token", "expires_at"}
    assert sorted(p.name for p in file.parent.iterdir()) == ["sign-in.json", "sign-in.json.lock"]


async def test_signed_in_the_rest_interface_is_read_like_the_others(
    server: SndsServer, tmp_path: Path
) -> None:
    await asyncio.to_thread(sign_in, server, tmp_path / "t")
    collected = await collect(server, tmp_path / "t", NOW)
    assert [(o.name, o.kind, o.reason) for o in collected.outcomes] == [
        ("snds:main", OutcomeKind.ANSWERED, "")
    ]
    assert {r.metric: r.status for r in collected.readings if r.metric == "ip-status"} == {
        "ip-status": Status.GOOD
    }
    assert len([r for r in collected.readings if r.metric == "filter-result"]) == 3
    assert {path.split("/report/")[1].split("/")[0] for path, _ in server.asked} == {"data", "status"}


async def test_an_access_token_is_renewed_before_it_ends_and_the_new_refresh_token_kept(
    server: SndsServer, tmp_path: Path, clock: ManualClock
) -> None:
    file = tmp_path / "t"
    await asyncio.to_thread(sign_in, server, file)
    before = json.loads(file.read_text())
    for hours in range(1, 5):
        clock.advance(3_600)
        collected = await collect(server, file, clock.now())
        assert collected.outcomes[0].kind is OutcomeKind.ANSWERED, collected.outcomes[0].reason
        assert server.sign_in.renewals == hours
    after = json.loads(file.read_text())
    assert after["refresh_token"] != before["refresh_token"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert server.sign_in.reuses == 0


async def test_a_token_that_snds_refuses_early_is_renewed_once(server: SndsServer, tmp_path: Path) -> None:
    file = tmp_path / "t"
    await asyncio.to_thread(sign_in, server, file)
    for family in server.sign_in._families:
        family.access.clear()
    collected = await collect(server, file, NOW)
    assert collected.outcomes[0].kind is OutcomeKind.ANSWERED
    assert server.sign_in.renewals == 1


async def test_an_ended_sign_in_makes_everything_unknown_says_what_to_do_and_is_not_tried_again(
    server: SndsServer, tmp_path: Path, clock: ManualClock
) -> None:
    file = tmp_path / "t"
    await asyncio.to_thread(sign_in, server, file)
    server.sign_in.end_all()
    for _ in range(3):
        collected = await collect(server, file, clock.now())
        assert {r.status for r in collected.readings} == {Status.UNKNOWN}
        (outcome,) = collected.outcomes
        assert outcome.kind is OutcomeKind.FAILED
        assert "tidegate snds login --account main" in outcome.reason
        assert "canary" not in repr(collected)
        (door,) = collected.access
        assert (door.door, door.standing) == (Door.SIGN_IN, Standing.CLOSED)
        clock.advance(6 * 3_600)
    assert json.loads(file.read_text())["ended"]
    await asyncio.to_thread(sign_in, server, file, clock.now())
    again = await collect(server, file, clock.now())
    assert again.outcomes[0].kind is OutcomeKind.ANSWERED
    assert again.access[0].standing is Standing.OPEN


async def test_before_the_first_sign_in_the_account_is_unknown(server: SndsServer, tmp_path: Path) -> None:
    collected = await collect(server, tmp_path / "none", NOW)
    assert "nobody has signed in yet" in collected.outcomes[0].reason
    assert "tidegate snds login" in collected.outcomes[0].reason


@pytest.mark.parametrize("content", ["", "{}", "[", '{"access_token": "canary-x"}', "\x00", '"canary-x"'])
async def test_a_file_that_holds_no_sign_in_is_told_without_its_content(
    server: SndsServer, tmp_path: Path, content: str
) -> None:
    file = tmp_path / "t"
    file.write_text(content)
    file.chmod(0o600)
    collected = await collect(server, file, NOW)
    assert "holds no sign-in" in collected.outcomes[0].reason
    assert "canary-x" not in repr(collected)


async def test_a_file_that_others_may_read_is_not_used(server: SndsServer, tmp_path: Path) -> None:
    file = tmp_path / "t"
    await asyncio.to_thread(sign_in, server, file)
    file.chmod(0o644)
    collected = await collect(server, file, NOW)
    assert "chmod 600" in collected.outcomes[0].reason


def test_a_code_works_once_within_its_minute_and_only_with_its_verifier(
    server: SndsServer, tmp_path: Path, clock: ManualClock
) -> None:
    ours = keeper(server, tmp_path / "t")
    oauth = settings(server, tmp_path / "t").oauth

    def code() -> str:
        return snds_sign_in.code_of(visited(snds_sign_in.page(oauth, ATTEMPT)), ATTEMPT)

    with pytest.raises(SignInOver, match="AADSTS501481"):
        ours.begin(Attempt(ATTEMPT.state, "w" * 64, ATTEMPT.redirect), code(), NOW)
    with pytest.raises(SignInOver, match="AADSTS50011"):
        ours.begin(Attempt(ATTEMPT.state, ATTEMPT.verifier, "http://localhost:1"), code(), NOW)
    late = code()
    clock.advance(61)
    with pytest.raises(SignInOver, match="AADSTS70008"):
        ours.begin(ATTEMPT, late, NOW)
    once = code()
    ours.begin(ATTEMPT, once, clock.now())
    with pytest.raises(SignInOver, match="AADSTS54005"):
        ours.begin(ATTEMPT, once, clock.now())


def _renew_elsewhere(oauth: dict[str, str], file: str, later: datetime, gate: Any, said: Any) -> None:
    asked = SndsSettings.model_validate(
        {"accounts": [{"name": "main", "sign-in-file": file}], "oauth": oauth, "timeout": "5s"}
    )
    ours = keeper_of(asked.accounts[0], asked)
    assert ours is not None
    gate.wait(20)
    try:
        said.put(ours.access_token(later).get_secret_value())
    except SignalError as error:
        said.put(f"failed: {error}")


def test_many_processes_that_renew_at_once_use_the_refresh_token_once(
    server: SndsServer, tmp_path: Path, clock: ManualClock
) -> None:
    file = tmp_path / "t"
    sign_in(server, file)
    clock.advance(3_600)
    spawn = multiprocessing.get_context("spawn")
    gate, said = spawn.Barrier(4), spawn.Queue()
    children = [
        spawn.Process(target=_renew_elsewhere, args=(server.oauth, str(file), clock.now(), gate, said))
        for _ in range(4)
    ]
    for child in children:
        child.start()
    tokens = {said.get(timeout=60) for _ in children}
    for child in children:
        child.join(10)
    said.close()
    assert tokens == {json.loads(file.read_text())["access_token"]}
    assert (server.sign_in.renewals, server.sign_in.reuses) == (1, 0)


def test_a_full_disk_loses_no_sign_in(
    server: SndsServer, tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "t"
    ours = sign_in(server, file)
    clock.advance(3_600)

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", full)
        with pytest.raises(SignalError, match="No space left"):
            ours.access_token(clock.now())
    assert json.loads(file.read_text())["access_token"], "the old one is still whole"
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
    token = ours.access_token(clock.now())
    assert server.sign_in.knows(token.get_secret_value())
    assert json.loads(file.read_text())["access_token"] == token.get_secret_value()
    assert server.sign_in.reuses == 0


async def test_a_round_that_is_cancelled_in_mid_renewal_still_keeps_the_new_token(
    server: SndsServer, tmp_path: Path, clock: ManualClock
) -> None:
    file = tmp_path / "t"
    await asyncio.to_thread(sign_in, server, file)
    clock.advance(3_600)
    with server.sign_in._lock:  # the token server is slow
        task = asyncio.create_task(collect(server, file, clock.now()))
        await asyncio.to_thread(_until_locked, file)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    token = await asyncio.to_thread(keeper(server, file).access_token, clock.now())
    assert server.sign_in.knows(token.get_secret_value())
    assert (server.sign_in.renewals, server.sign_in.reuses) == (1, 0)


def _until_locked(file: Path) -> None:
    """Waits until somebody holds the lock beside the file."""
    import fcntl  # noqa: PLC0415

    while True:
        with Path(f"{file}.lock").open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return


@pytest.mark.parametrize(
    ("status", "said", "words"),
    [
        (500, b"<html>canary-body</html>", "HTTP 500"),
        (429, b"{}", "HTTP 429"),
        (200, b"canary-body", "no bearer token"),
        (200, b'{"token_type": "mac", "access_token": "canary"}', "no bearer token"),
        (200, b'{"token_type": "bearer"}', "no usable token"),
        (200, b'{"token_type": "bearer", "access_token": {"canary": 1}}', "no usable token"),
        (200, b'{"token_type": "bearer", "access_token": "canary", "expires_in": "soon"}', "no usable token"),
        (
            400,
            b'{"error": "temporarily_unavailable", "error_description": "canary"}',
            "temporarily_unavailable",
        ),
        (400, b'{"error": "canary token 1", "error_description": "canary"}', "no reason given"),
    ],
)
def test_what_the_token_server_says_wrong_ends_no_sign_in_and_is_not_quoted(
    status: int, said: bytes, words: str
) -> None:
    with pytest.raises(SignalError, match=words) as caught:
        snds_sign_in.issued(status, said, NOW, "main")
    assert not isinstance(caught.value, SignInOver)
    assert "canary" not in str(caught.value)


def test_the_scope_of_the_sign_in_ends_with_the_clock_before_it() -> None:
    kept = snds_sign_in.issued(
        200, b'{"token_type": "Bearer", "access_token": "a", "expires_in": 3600}', NOW, "main"
    )
    assert kept.is_fresh(NOW)
    assert not kept.is_fresh(NOW + timedelta(minutes=55))
    assert not kept.is_fresh(NOW - timedelta(hours=1)), "a clock that was set back proves nothing"
