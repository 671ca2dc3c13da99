"""A canary in every secret that opens SNDS: keys, links with keys in them, tokens. None is found anywhere.

The real watch process and the real commands, against a server that answers, refuses and misbehaves.
"""

import asyncio
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from snds_lab import IP, row, visited

from core.clock import SystemClock
from lab.configuration import engine_part, merged
from lab.snds_faults import SndsBehaviour
from lab.world import Lab
from monitor.collectors import snds_sign_in
from monitor.collectors.snds_fetch import keeper_of
from monitor.collectors.snds_settings import SndsSettings
from monitor.collectors.snds_sign_in import Attempt

CANARY = "c4nary5ecret"
SECRETS = {"key": f"{CANARY}-key", "link": f"{CANARY}-link"}


def snds_part(lab: Lab, folder: Path) -> dict[str, Any]:
    made = SystemClock().now().date() - timedelta(days=26)  # about to expire, so that it is told about
    links = {"data-link": "${DATA_LINK}", "status-link": "${STATUS_LINK}", "links-issued": made}
    return {
        "enabled": True,
        "interval": "1s",
        "timeout": "2s",
        "oauth": lab.snds.oauth,
        "accounts": [
            {"name": "by-key", "key": "${SNDS_KEY}", "base-url": lab.snds.url},
            {"name": "by-link", **links},
            {"name": "by-sign-in", "sign-in-file": str(folder / "sign-in.json")},
        ],
    }


def configuration(lab: Lab, folder: Path) -> Path:
    over = {
        "database": f"sqlite:///{folder}/tidegate.db",
        "monitor": {
            "dnsbl": {"enabled": False},
            "snds": snds_part(lab, folder),
            "detection": {"snds": {"max-age": "2s"}},
            "notifications": {
                "from": "tidegate@lab.test", "recipients": ["ops@lab.test"], "group-wait": "1s",
                "smtp": {"host": "127.0.0.1", "port": lab.mailbox.port},
            },
        },
        "logging": {"level": "debug"},
    }  # fmt: skip
    path = folder / "tidegate.yaml"
    path.write_text(yaml.safe_dump(merged(engine_part(lab, folder), over)))
    return path


def sign_in(lab: Lab, folder: Path) -> None:
    part = {
        "accounts": [{"name": "x", "sign-in-file": str(folder / "sign-in.json")}],
        "oauth": lab.snds.oauth,
    }
    settings = SndsSettings.model_validate(part)
    keeper = keeper_of(settings.accounts[0], settings)
    assert keeper is not None
    attempt = Attempt("state", f"{CANARY}-verifier".ljust(64, "v"), "http://localhost:1")
    code = snds_sign_in.code_of(visited(snds_sign_in.page(settings.oauth, attempt)), attempt)
    keeper.begin(attempt, code, datetime.now(UTC))


def said_by(config: Path, environment: dict[str, str], *words: str) -> bytes:
    command = [sys.executable, "-m", "tidegate", *words, "--config", str(config)]
    done = subprocess.run(
        command, env=environment, input=f"http://localhost/?code={CANARY}-code&state=x\n".encode(),
        capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    return done.stdout + done.stderr


def command_line(process: int) -> bytes:
    return Path(f"/proc/{process}/cmdline").read_bytes()


def places_that_hold(folder: Path) -> set[str]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)) for path in found if CANARY.encode() in path.read_bytes()}


async def rounds(lab: Lab, behaviour: SndsBehaviour) -> None:
    """Let every account meet the server in this mood, twice."""
    lab.snds.behaviour = behaviour
    until = len(lab.snds.asked) + 12
    async with asyncio.timeout(60):
        while len(lab.snds.asked) < until:
            await asyncio.sleep(0.05)


async def everything_goes_wrong(lab: Lab) -> None:
    for behaviour in (
        SndsBehaviour.NORMAL,
        SndsBehaviour.SIGN_IN,
        SndsBehaviour.ERROR,
        SndsBehaviour.REDIRECT,
        SndsBehaviour.TRUNCATED,
        SndsBehaviour.MISSING,
    ):
        await rounds(lab, behaviour)
    lab.snds.sign_in.end_all()
    await rounds(lab, SndsBehaviour.NORMAL)


def prepared(lab: Lab) -> None:
    lab.snds.key, lab.snds.link_key = SECRETS["key"], SECRETS["link"]
    lab.snds.sign_in.prefix = CANARY
    yesterday: date = SystemClock().now().date() - timedelta(days=1)
    lab.book.publish(yesterday, [row(yesterday)])


@pytest.mark.slow
async def test_no_key_link_or_token_reaches_a_log_a_page_a_mail_the_database_or_an_error(
    tmp_path: Path,
) -> None:
    async with Lab(SystemClock()) as lab:
        prepared(lab)
        environment = os.environ | {
            "SNDS_KEY": SECRETS["key"], "DATA_LINK": lab.snds.data_link, "STATUS_LINK": lab.snds.status_link,
        }  # fmt: skip
        config = configuration(lab, tmp_path)
        await asyncio.to_thread(sign_in, lab, tmp_path)
        with (tmp_path / "log").open("wb") as log:
            watch = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tidegate", "watch", "--config", str(config)),
                env=environment, stdout=log, stderr=log,
            )  # fmt: skip
            await everything_goes_wrong(lab)
            mail = await lab.mailbox.wait_for(lambda m: "by-sign-in" in m.subject, 30)
            seen = [command_line(watch.pid), mail.text.encode()]
            watch.terminate()
            assert await watch.wait() == 0
        commands = (
            ["check-config"],
            ["show", "sources"],
            ["show", "incidents"],
            ["digest"],
            ["snds", "login", "--account", "by-sign-in", "--paste"],
            ["snds", "login", "--account", "by-key"],
            ["--debug", "snds", "days", str(IP)],
        )
        seen += [await asyncio.to_thread(said_by, config, environment, *words) for words in commands]
        seen += [one.message.as_bytes() for one in lab.mailbox.mails]
    assert places_that_hold(tmp_path) == {"sign-in.json"}
    assert (tmp_path / "log").stat().st_size > 0
    assert not [text for text in seen if CANARY.encode() in text]
