"""A full disk and no file descriptors: nothing accepted is lost, nothing partial is kept, and it recovers."""

import asyncio
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from answering import answering
from engine_lab import offer, rig

from core.clock import SystemClock
from lab.traffic import Stream
from lab.world import Lab

OK = "250 2.1.5 ok"


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A filesystem with room for one segment of the spool; needs root and a kernel that lets it mount."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=70m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("cannot mount a tmpfs here: needs root")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.system
async def test_a_full_disk_answers_452_keeps_what_it_took_and_recovers(
    small_disk: Path, tmp_path: Path
) -> None:
    async with Lab(SystemClock()) as lab, answering(lambda _p, _r: OK) as peer:
        more = {
            "spool": str(small_disk / "spool"),
            "accounting-files": [],
            "routes": {"d.test": {"hosts": [f"127.0.0.1:{peer.port}"]}},
            "domains": {"*": {"source-ip-max-msg-rate": "1/h"}},
        }
        async with rig(lab, tmp_path, more) as engine:
            sent = await offer(lab, Stream("d.test", "marketing", padding=500_000), 200)
            assert sent.acknowledged
            assert sent.refused
            assert all(reply.startswith("452 4.3.1") for reply in sent.refused.values())
            assert (await engine.api.get("/v1/status")).status_code == 200
            kept = engine.run.engine.spool.size().messages
            assert kept >= len(sent.acknowledged) - 2
        grown = await asyncio.create_subprocess_exec("mount", "-o", "remount,size=300m", str(small_disk))
        assert await grown.wait() == 0
        async with rig(lab, tmp_path, more | {"domains": {}}) as engine:
            wanted = {rcpt for rcpts in sent.acknowledged.values() for rcpt in rcpts}
            await engine.until(lambda: wanted <= {rcpt for _, rcpt in peer.taken}, 30)
            again = await offer(lab, Stream("d.test", "marketing"), 3)
            assert len(again.acknowledged) == 3


async def test_without_file_descriptors_mail_waits_and_then_goes(tmp_path: Path) -> None:
    async with Lab(SystemClock()) as lab, answering(lambda _p, _r: OK) as peer:
        more = {
            "routes": {"d.test": {"hosts": [f"127.0.0.1:{peer.port}"]}},
            "domains": {"*": {"retry-after": "1s"}},
        }
        async with rig(lab, tmp_path, more) as engine:
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            used = open_descriptors()
            traffic = lab.traffic(connections=1)
            try:
                await traffic.send(Stream("d.test", "marketing"), 1)
                await engine.until(lambda: len(peer.taken) == 1)
                resource.setrlimit(resource.RLIMIT_NOFILE, (used + 4, hard))
                await traffic.send(Stream("d.test", "transactional"), 5)
                await asyncio.sleep(0.5)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
                await traffic.close()
            assert len(traffic.outcome.acknowledged) == 6
            await engine.until(lambda: len(peer.taken) == 6)
