"""A canary in every secret: it is found nowhere but where it was put."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import httpx
import yaml

from core.clock import SystemClock
from lab.traffic import Stream
from lab.world import Lab

CANARY = "c4nary-5ecret-value"


def configuration(lab: Lab, folder: Path) -> Path:
    secret = folder / "password"
    secret.write_text(f"{CANARY}-file\n")
    secret.chmod(0o600)
    written = {
        "ip-lists": {"all": [{"address": str(s.address), "bind": str(s.bind)} for s in lab.sources]},
        "database": f"sqlite:///{folder}/tidegate.db",
        "engine": {
            "listen": [f"127.0.0.1:{lab.engine_port}"],
            "spool": str(folder / "spool"),
            "smtp-port": lab.smtp_port,
            "resolver": {"nameservers": [f"{lab.dns.host}:{lab.dns.port}"]},
            "accounting-files": [{"path": str(folder / "accounting.jsonl")}],
            "control-api": {
                "listen": f"127.0.0.1:{lab.api_port}",
                "tokens": [{"name": "ops", "token": "${CANARY_TOKEN}", "scope": "admin"}],
            },
            "clear-login-on-loopback": True,
            "submitters": [{"name": "shop", "password-file": "password"}],
            "default-virtual-mta": "marketing",
            "virtual-mtas": {p.name: {"source-ips": [str(s.address) for s in p.sources]} for p in lab.pools},
        },
        "logging": {"level": "debug"},
    }
    path = folder / "tidegate.yaml"
    path.write_text(yaml.safe_dump(written))
    return path


def places_that_hold(folder: Path, needle: bytes) -> set[str]:
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and needle in path.read_bytes()
    }


def command_line(process: int) -> bytes:
    return Path(f"/proc/{process}/cmdline").read_bytes()


def checked(config: Path, environment: dict[str, str]) -> list[bytes]:
    command = [sys.executable, "-m", "tidegate", "check-config", str(config)]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    return [done.stdout, done.stderr]


async def everything_it_says(api: httpx.AsyncClient) -> list[bytes]:
    """Answers to the right token and to a wrong one."""
    said = []
    for token in (f"{CANARY}-token", f"{CANARY}-wrong"):
        headers = {"Authorization": f"Bearer {token}"}
        said += [
            (await api.get(path, headers=headers)).content
            for path in ("/v1/status", "/v1/tokens", "/v1/audit", "/metrics", "/v1/nothing")
        ]
        said.append((await api.post("/-/reload", headers=headers)).content)
    return said


async def until_it_answers(api: httpx.AsyncClient) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                await api.get("/-/healthy")
            except httpx.TransportError:
                await asyncio.sleep(0.1)
            else:
                return


async def test_no_secret_reaches_a_log_a_file_the_command_line_or_an_answer(tmp_path: Path) -> None:
    async with Lab(SystemClock()) as lab:
        config = configuration(lab, tmp_path)
        environment = os.environ | {"CANARY_TOKEN": f"{CANARY}-token"}
        with (tmp_path / "log").open("wb") as log:
            engine = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tidegate", "engine", "--config", str(config)),
                env=environment,
                stdout=log,
                stderr=log,
            )
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{lab.api_port}", timeout=30) as api:
                await until_it_answers(api)
                seen = [command_line(engine.pid), *await everything_it_says(api)]
                traffic = lab.traffic()
                await traffic.send(Stream("outlandish.test", "marketing"), 3)
                await traffic.close()
            engine.terminate()
            assert await engine.wait() == 0
    seen += checked(config, environment)
    assert places_that_hold(tmp_path, CANARY.encode()) == {"password"}
    assert (tmp_path / "log").stat().st_size > 0
    assert not [text for text in seen if CANARY.encode() in text]
