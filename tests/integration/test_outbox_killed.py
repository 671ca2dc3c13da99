"""kill -9 between every two steps from an incident to its messages: none lost, none with a second key."""

import asyncio
import json
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from lab.ports import free_port
from tests.unit.monitor.watching import message

CHILD = Path(__file__).with_name("outbox_child.py")
ROOT = CHILD.parents[2]
MOST = 400


class Receiver:
    """Takes mail over SMTP and bulletins over HTTP; remembers who sent which key."""

    def __init__(self) -> None:
        self.mails: dict[str, list[str]] = {}
        self.posts: dict[str, list[str]] = {}

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        mail = message(bytes(envelope.content or b""))
        self.mails.setdefault(envelope.rcpt_tos[0], []).append(mail["Message-ID"])
        return "250 OK"

    async def post(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().lower().split("\r\n")[1:] if ": " in line)
        body = json.loads(await reader.readexactly(int(fields["content-length"])))
        walk = body["key"].rpartition("@")[2].removesuffix(".example")
        self.posts.setdefault(f"{walk}@example.com", []).append(fields["idempotency-key"])
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[Receiver, int, int]]:
    taker = Receiver()
    smtp = Controller(taker, hostname="127.0.0.1", port=free_port())
    smtp.start()
    http = await asyncio.start_server(taker.post, "127.0.0.1", 0)
    yield taker, smtp.port, http.sockets[0].getsockname()[1]
    http.close()
    await http.wait_closed()
    smtp.stop()


async def walked(smtp: int, http: int, folder: Path, first: int) -> list[dict[str, Any]]:
    """Every step of one child: the odd ones, or the even ones beside it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(CHILD), str(smtp), str(http), str(folder), str(first), str(MOST), "2",
        cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return [json.loads(line) for line in out.splitlines()]


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_no_message_is_lost_and_none_has_two_keys(
    receiver: tuple[Receiver, int, int], tmp_path: Path
) -> None:
    taker, smtp, http = receiver
    odd, even = await asyncio.gather(
        walked(smtp, http, tmp_path / "odd", 1), walked(smtp, http, tmp_path / "even", 2)
    )
    walks = sorted([*odd, *even], key=lambda walk: walk["step"])
    *killed, last, beyond = walks
    assert len(killed) > 20, "the walk has as many steps as there are statements and hand-overs"
    assert last["killed"] == beyond["killed"] == 0, "the last lives went by without a kill"
    assert [walk["step"] for walk in walks] == list(range(1, len(walks) + 1)), "no step is left out"
    assert {walk["killed"] for walk in killed} == {signal.SIGKILL}
    repeated = Counter[str]()
    for walk in walks:
        reader = f"walk-{walk['step']}@example.com"
        assert walk["again"] == [0, 0]
        assert walk["left"] == [], f"step {walk['step']}"
        assert len(walk["sent"]) == len(set(walk["sent"])) == 2
        for way, taken in (("mail", taker.mails), ("post", taker.posts)):
            assert len(set(taken.get(reader, []))) == 1, f"step {walk['step']}: {way} {taken.get(reader)}"
            repeated[way] += len(taken[reader]) - 1
    # between the other side's yes and our mark lies a step each: there, and only there, a message comes twice
    assert 1 <= repeated["mail"] <= 6, repeated
    assert 1 <= repeated["post"] <= 6, repeated
