"""One engine on loopback without the lab: mail comes in through its listener and goes where routes say."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import aiosmtplib
from smtp_scripts import TEXT

from core.clock import Clock, SystemClock
from engine.listener import Listener, ListenerSettings
from engine.service import Running, running
from engine.settings import EngineSettings
from engine.smtp.limits import ServerLimits
from engine.smtp.message import ReceivedMessage
from engine.smtp.reply import Reply
from engine.tls import Certificate
from lab.dns import DnsServer
from lab.zones import Zones

DOMAIN = "d.example"


def settings(folder: Path, ports: Mapping[str, int], **more: Any) -> EngineSettings:
    """Mail for each domain goes to 127.0.0.1 and its port; retries come at once."""
    written: dict[str, Any] = {
        "hostname": "mta.example",
        "listen": ["127.0.0.1:0"],
        "spool": str(folder / "spool"),
        "accounting-files": [{"path": str(folder / "accounting.jsonl")}],
        "control-api": {
            "listen": "127.0.0.1:0",
            "tokens": [{"name": "ops", "token": "t" * 20, "scope": "operate"}],
        },
        "routes": {domain: {"hosts": [f"127.0.0.1:{port}"]} for domain, port in ports.items()},
    }
    return EngineSettings.model_validate({**written, **more})


@asynccontextmanager
async def engine(
    folder: Path, ports: Mapping[str, int], clock: Clock | None = None, **more: Any
) -> AsyncIterator[Running]:
    async with running(settings(folder, ports, **more), clock or SystemClock()) as run:
        yield run


@asynccontextmanager
async def mailbox(
    files: Certificate | None = None, address: str = "127.0.0.1"
) -> AsyncIterator[tuple[int, list[ReceivedMessage]]]:
    """A peer that takes everything, with TLS where there is a certificate: its port and what it took."""
    taken: list[ReceivedMessage] = []

    async def accept(message: ReceivedMessage) -> Reply:
        taken.append(message)
        return Reply(250, "2.0.0", ("Taken",))

    limits = ServerLimits("mx.d.example", max_size=1_000_000)
    networks = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
    listener = Listener(
        ListenerSettings(((address, 0),), networks, limits, stop_grace=1, certificate=files), accept
    )
    await listener.start()
    try:
        yield listener.addresses[0][1], taken
    finally:
        await listener.stop()


async def send(run: Running, *recipients: str, content: bytes = TEXT, sender: str = "a@b.example") -> None:
    """Hand the engine one message."""
    host, port = run.smtp[0]
    international = not (sender + "".join(recipients)).isascii()
    await aiosmtplib.send(
        content,
        sender=sender,
        recipients=list(recipients),
        mail_options=["SMTPUTF8", "BODY=8BITMIME"] if international else [],
        hostname=host,
        port=port,
        start_tls=False,
    )


async def until(happened: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for real events in other sockets."""
    async with asyncio.timeout(seconds):
        while not happened():
            await asyncio.sleep(0.01)


def accounted(folder: Path, kind: str) -> list[dict[str, Any]]:
    """The accounting records of one kind, those of files set aside first: a fast clock has many hours."""
    files = [*sorted(folder.glob("accounting-*.jsonl")), folder / "accounting.jsonl"]
    lines = [line for file in files if file.exists() for line in file.read_text().splitlines()]
    return [record for line in lines if (record := json.loads(line))["type"] == kind]


@asynccontextmanager
async def name_server(zones: Zones) -> AsyncIterator[dict[str, Any]]:
    """The lab's DNS on loopback: what to write into `resolver`."""
    server = DnsServer(zones)
    await server.start()
    try:
        yield {"nameservers": [f"{server.host}:{server.port}"], "timeout": "1s"}
    finally:
        await server.stop()
