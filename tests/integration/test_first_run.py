"""From nothing to the web monitor: what `init` writes runs as it is, and its token lets one in."""

import asyncio
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from lab.ports import free_port

PROGRAM = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from tidegate.cli import main; main()"


async def tidegate(folder: Path, *words: str) -> str:
    """One command in a directory; what it printed."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, *words, cwd=folder, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
    )
    out, err = await child.communicate()
    assert child.returncode == 0, err.decode()
    return out.decode()


@asynccontextmanager
async def started(folder: Path) -> AsyncIterator[Process]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, "run", cwd=folder, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            assert await child.wait() == 0


async def answer(monitor: httpx.AsyncClient) -> httpx.Response:
    """The page that asks for a token, as soon as it is there."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await monitor.get("/login")
            except httpx.TransportError:
                await asyncio.sleep(0.05)


async def test_the_token_that_init_wrote_signs_in_and_the_command_line_may_act(tmp_path: Path) -> None:
    said = await tidegate(
        tmp_path, "init", "--ip", "127.0.0.11", "--hostname", "mta.test", "--yes", "--no-test"
    )
    assert "config.web-token" in said
    file, port = tmp_path / "config.yaml", free_port()
    text = file.read_text().replace("127.0.0.1:2525", f"127.0.0.1:{free_port()}")
    file.write_text(text.replace("listen: 127.0.0.1:8026", f"listen: 127.0.0.1:{port}"))
    token = (tmp_path / "config.web-token").read_text().strip()
    async with started(tmp_path), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as monitor:
        assert (await answer(monitor)).status_code == 200
        assert (await monitor.get("/")).status_code == 303
        assert (await monitor.post("/login", data={"token": f"{token}x"})).status_code == 403
        assert (await monitor.post("/login", data={"token": token})).status_code == 303
        page = await monitor.get("/settings")
        assert page.status_code == 200
        assert token not in page.text
        async with asyncio.timeout(60):
            while not (tmp_path / "data" / "control.sock").exists():
                await asyncio.sleep(0.05)
        assert await tidegate(tmp_path, "reload") == "Nothing has changed.\n"
