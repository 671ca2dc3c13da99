"""The demo is the end-to-end test: real processes, real sockets, the whole loop."""

import asyncio
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_the_whole_loop_from_a_listing_to_recovery_happens_and_is_proven(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-m",
            "tidegate",
            "demo",
            "--headless",
            "--assert",
            "--keep",
            str(tmp_path / "demo"),
        ),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = (await process.communicate())[0].decode()
    assert process.returncode == 0, said[-6_000:]
    assert "every step happened" in said.splitlines()[-1]
