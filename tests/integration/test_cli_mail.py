"""`notify test` and `digest --send` over real SMTP to the lab's mailbox."""

import asyncio
from pathlib import Path

import pytest

from core.clock import SystemClock
from lab.mailbox import Mailbox
from lab.ports import free_port
from tidegate.cli import run


def configured(directory: Path, port: int) -> str:
    file = directory / "config.yaml"
    file.write_text(
        f"database: sqlite:///{directory}/t.db\n"
        "ip-lists: {a: [203.0.113.7]}\n"
        "monitor:\n"
        f"  notifications: {{recipients: [ops@lab.test], smtp: {{port: {port}, host: 127.0.0.1}}}}\n"
        "  digest: {recipients: [boss@lab.test]}\n"
    )
    return str(file)


@pytest.mark.parametrize("scenario", ["listed", "throttled", "resolved", "digest"])
async def test_a_rehearsal_arrives(scenario: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mailbox = Mailbox(SystemClock())
    await mailbox.start()
    words = ["notify", "test", "--scenario", scenario, "-c", configured(tmp_path, mailbox.port)]
    assert await asyncio.to_thread(run, words) == 0
    mails = mailbox.matching(lambda mail: "TEST" in mail.subject)
    await mailbox.stop()
    assert len(mails) == 1
    out = capsys.readouterr().out
    assert ("boss@lab.test" if scenario == "digest" else "ops@lab.test") in out
    assert " sent " in out


async def test_a_digest_goes_out_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mailbox = Mailbox(SystemClock())
    await mailbox.start()
    words = ["digest", "--send", "-c", configured(tmp_path, mailbox.port)]
    assert await asyncio.to_thread(run, words) == 0
    assert await asyncio.to_thread(run, words) == 0
    mails = mailbox.matching(lambda mail: "Weekly" in mail.subject)
    await mailbox.stop()
    assert len(mails) == 1
    assert "went to every reader before" in capsys.readouterr().out


def test_a_mail_host_that_is_away_is_exit_code_1_with_its_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["notify", "test", "-c", configured(tmp_path, free_port())]) == 1
    out = capsys.readouterr().out
    assert "pending" in out
    assert "127.0.0.1" in out
