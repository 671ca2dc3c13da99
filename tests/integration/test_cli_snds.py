"""`tidegate snds`: signing in with a browser here or elsewhere, and the days that were kept."""

import asyncio
import json
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import yaml
from snds_lab import IP, come_back, row, serving, visited

from core.clock import ManualClock
from core.errors import ConflictError, OperatorError
from lab.snds_server import SndsServer
from monitor.collectors import snds_sign_in
from monitor.collectors.snds_sign_in import Attempt
from storage import database, snds
from storage.snds import Activity
from tidegate.loopback import Loopback

NOW = datetime.now(UTC)
ATTEMPT = Attempt("the-state", "v" * 64, "http://localhost")


@pytest.fixture
def server() -> Iterator[SndsServer]:
    with serving(ManualClock(NOW)) as running:
        yield running


def configuration(folder: Path, server: SndsServer, *accounts: dict[str, str]) -> Path:
    named = accounts or ({"name": "main", "sign-in-file": str(folder / "main.json")},)
    path = folder / "tidegate.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "ip-lists": {"all": [str(IP)]},
                "database": f"sqlite:///{folder}/tidegate.db",
                "monitor": {"snds": {"enabled": True, "accounts": list(named), "oauth": server.oauth}},
            }
        )
    )
    return path


def command(config: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "tidegate", "snds", *words, "--config", str(config)]


def test_a_browser_on_this_machine_comes_back_by_itself(server: SndsServer, tmp_path: Path) -> None:
    config = configuration(tmp_path, server)
    words = command(config, "login", "--account", "main", "--wait", "30s")
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        place = visited(running.stdout.readline().strip())
        answer = asyncio.run(come_back(place))
        out, err = running.communicate(timeout=30)
    assert answer.status_code == 200
    assert "You can close this page" in answer.text
    assert running.returncode == 0, err
    assert out.splitlines() == [
        f"Signed in: account main, kept in {tmp_path}/main.json (mode 0600)", "SNDS answers.",
    ]  # fmt: skip
    assert stat.S_IMODE((tmp_path / "main.json").stat().st_mode) == 0o600
    assert "canary-access" not in out + err


def test_a_browser_elsewhere_is_answered_by_pasting(server: SndsServer, tmp_path: Path) -> None:
    words = command(configuration(tmp_path, server), "login", "--paste", "--json")
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as running:
        assert running.stderr is not None
        page = next(line for line in iter(running.stderr.readline, "") if line.startswith("http"))
        out, _ = running.communicate(f"  {visited(page.strip())}\n", timeout=30)
    assert running.returncode == 0
    assert json.loads(out) == {
        "schema": "snds-login/v1", "account": "main", "file": f"{tmp_path}/main.json",
        "renews_itself": True, "snds": "answers",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("accounts", "words", "code", "said"),
    [
        ([{"name": "main", "key": "k"}], [], 1, "no SNDS account signs in"),
        ([{"name": "main", "key": "k"}], ["--account", "main"], 1, "opens with a key"),
        ([], ["--account", "other"], 4, "there is no SNDS account 'other'"),
        ([], ["--wait", "soon"], 2, "soon"),
        ([], ["--paste"], 5, "does not answer this sign-in"),
        (
            [{"name": n, "sign-in-file": n} for n in ("a", "b")], [], 1, "say which: --account a or b",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_explained(
    server: SndsServer, tmp_path: Path, accounts: list[dict[str, str]], words: list[str], code: int, said: str
) -> None:
    config = configuration(tmp_path, server, *accounts)
    done = subprocess.run(
        command(config, "login", *words), input="http://localhost/?code=x&state=y\n",
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert not (tmp_path / "main.json").exists()


def kept(day: datetime, **said: object) -> Activity:
    told = row(day.date())
    begin = told.start.replace(tzinfo=UTC)
    return Activity.model_validate(
        {
            "ip": IP, "day": day.date(), "account": "main", "activity_start": begin,
            "activity_end": begin + timedelta(days=1), "activity_text": "?", "filter_result": "GREEN",
            "complaint_rate": 0.001, "complaint_operator": "<", "observed_at": NOW, **said,
        }
    )  # fmt: skip


def test_the_days_of_an_ip_are_shown_with_blanks_left_blank(server: SndsServer, tmp_path: Path) -> None:
    config = configuration(tmp_path, server)
    engine = database.open_database(f"sqlite:///{tmp_path}/tidegate.db")
    database.upgrade(engine)
    with database.session(engine) as session:
        first = kept(NOW - timedelta(days=2), trap_hits=0, rcpt_commands=900, sample_helo="mx.mail.example")
        snds.record(session, [first, kept(NOW - timedelta(days=1), filter_result="RED", complaint_rate=None)])
    engine.dispose()
    done = subprocess.run(command(config, "days", str(IP)), capture_output=True, text=True, check=True)
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [line[1:] for line in lines[2:]] == [
        ["RED"],
        ["GREEN", "<", "0.1%", "0", "900", "mx.mail.example"],
    ]
    none = subprocess.run(
        command(config, "days", "203.0.113.99"), capture_output=True, text=True, check=False
    )
    assert (none.returncode, "told nothing" in none.stdout) == (4, True)


async def test_the_listener_hears_the_browser_alone() -> None:
    async with Loopback(lambda address: snds_sign_in.code_of(address, ATTEMPT)) as listener:
        for path, status in (
            ("/favicon.ico", 404),
            ("/", 404),
            ("/?code=x&state=somebody-elses", 400),
            ("/?error=access_denied&state=somebody-elses", 400),
        ):
            answer = await come_back(f"{listener.address}{path}")
            assert answer.status_code == status, path
        assert (
            await asyncio.to_thread(httpx.post, f"{listener.address.replace('localhost', '127.0.0.1')}/?x")
        ).status_code == 404
        assert (await come_back(f"{listener.address}/?code=the-code&state=the-state")).status_code == 200
        assert await listener.code(5) == "the-code"


async def test_a_refusal_that_answers_our_question_ends_the_wait() -> None:
    async with Loopback(lambda address: snds_sign_in.code_of(address, ATTEMPT)) as listener:
        await come_back(f"{listener.address}/?error=access_denied&error_description=no&state=the-state")
        with pytest.raises(OperatorError, match="access_denied"):
            await listener.code(5)


async def test_a_line_without_end_costs_the_listener_nothing() -> None:
    async with Loopback(lambda address: snds_sign_in.code_of(address, ATTEMPT)) as listener:
        port = int(listener.address.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /?" + b"x" * 100_000)
        with suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()
        with pytest.raises(OperatorError, match="nobody signed in"):
            await listener.code(0.05)


@pytest.mark.parametrize(
    ("address", "error"),
    [
        ("", ConflictError),
        ("http://localhost/?code=x", ConflictError),
        ("http://localhost/?code=x&state=", ConflictError),
        ("http://localhost/?state=the-state", OperatorError),
        ("http://localhost/?code=&state=the-state", OperatorError),
        (f"http://localhost/?code={'x' * 5_000}&state=the-state", OperatorError),
        ("http://[::1/?code=x&state=the-state", ConflictError),
        ("http://localhost/?" + "&".join(["a=1"] * 50), ConflictError),
        ("http://localhost/?code=x&state=st\u00e4te", ConflictError),
    ],
)
def test_an_address_that_brings_no_code_is_refused(address: str, error: type[OperatorError]) -> None:
    with pytest.raises(error) as caught:
        snds_sign_in.code_of(address, ATTEMPT)
    assert type(caught.value) is error
