"""A million recipients wait in 50,000 queues of a real `tidegate engine` process with a real spool.

    python bench/depth.py [--recipients N] [--queues N] [--per-message N] [--verp]

The configuration is large too: 50 source IPs, 40 providers, 500 domain blocks. Half of the queues are held
back by their own limit, half by the one they share with others at their provider; the limits say "not yet"
throughout, since after a kill every window counts as full. A helper process fills the spool with the engine's
own writer; the engine then really recovers it, is looked at, killed, and started again.

Prints `name: value` lines.
"""

import argparse
import asyncio
import contextlib
import multiprocessing
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import yaml

from engine.spool.base import NewMessage
from engine.spool.log import LogSpool

SOURCES, PROVIDERS, DOMAINS = 50, 40, 500
CAMPAIGNS = 200
OPEN = "open.test"
"""The one domain without a limit; its server is down until the second start."""
OPEN_EVERY = 1000
CHUNK = 5_000
BODY = "This is what the campaign says. " * 8
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Options:
    """How deep. `per_message` recipients share a message; `verp` gives each message a sender of its own."""

    recipients: int = 1_000_000
    queues: int = 50_000
    per_message: int = 1
    verp: bool = False
    idle_seconds: float = 20.0


def run(options: Options = Options()) -> Iterable[tuple[str, float | int | str]]:
    """All figures, as they come."""
    with tempfile.TemporaryDirectory() as name:
        return asyncio.run(_measure(Path(name), options))


# -- the world around the engine -----------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Names(asyncio.DatagramProtocol):
    """DNS: the MX of every domain is its provider's, every address is loopback."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        end = data.index(b"\0", 12) + 1
        question = data[12 : end + 4]
        kind = int.from_bytes(data[end : end + 2], "big")
        value = self._mx(question) if kind == 15 else bytes((127, 0, 0, 1))
        record = (
            b"\xc0\x0c" + question[-4:] + (3600).to_bytes(4, "big") + len(value).to_bytes(2, "big") + value
        )
        answered = kind in {1, 15}
        head = data[:2] + b"\x84\x00\0\x01" + (b"\0\x01" if answered else b"\0\0") + b"\0\0\0\0"
        self._transport.sendto(head + question + (record if answered else b""), addr)

    @staticmethod
    def _mx(question: bytes) -> bytes:
        labels = question[1 : 1 + question[0]].decode()
        number = int(labels[1:]) % PROVIDERS if labels[1:].isdigit() else PROVIDERS
        return b"\0\x0a" + b"".join(
            len(word).to_bytes(1, "big") + word for word in (b"a", b"mx%d" % number, b"test", b"")
        )


class Sink:
    """A mail server that takes everything and notes when the first message came."""

    def __init__(self) -> None:
        self.first = asyncio.Event()
        self.taken = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 sink ESMTP\r\n")
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while line := await reader.readline():
                verb = line[:4].upper()
                if verb == b"DATA":
                    writer.write(b"354 go\r\n")
                    await reader.readuntil(b"\r\n.\r\n")
                    self.taken += 1
                    self.first.set()
                writer.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
                if verb == b"QUIT":
                    break
        writer.close()


def configuration(folder: Path, ports: dict[str, int]) -> Path:
    """Limits at every level; the directives of half of the domain blocks bind, else the provider's."""
    sources = [f"127.0.3.{n}" for n in range(1, SOURCES + 1)]
    engine = {
        "listen": [f"127.0.0.1:{ports['smtp']}"],
        "spool": str(folder / "spool"),
        "smtp-port": ports["sink"],
        "accounting-files": [{"path": str(folder / "accounting.jsonl")}],
        "control-api": {"listen": f"unix:{folder}/control.sock"},
        "resolver": {"nameservers": [f"127.0.0.1:{ports['dns']}"]},
        "default-virtual-mta": "vmta0",
        "virtual-mtas": {f"vmta{n}": {"source-ips": [source]} for n, source in enumerate(sources)},
        "providers": {
            f"provider{n}": {"mx": [f"*.mx{n}.test"], "source-ip-max-msg-rate": "50/d"}
            for n in range(PROVIDERS)
        },
        "domains": {
            f"[*.]d{n}.test": {"max-msg-rate": f"{n // 50 + 1}/d"} if n % 2 else {"max-smtp-out": 2}
            for n in range(DOMAINS)
        },
    }
    path = folder / "tidegate.yaml"
    whole = {"ip-lists": {"bench": sources}, "engine": engine, "logging": {"level": "error"}}
    path.write_text(yaml.safe_dump(whole))
    return path


def domain(number: int) -> str:
    return f"q{number}.d{number % DOMAINS}.test"


# -- filling -------------------------------------------------------------------------------------------


def messages(options: Options) -> Iterator[NewMessage]:
    """Campaigns mixed, so that neighbours in the log belong to different queues."""
    now = datetime.now(UTC)
    for first in range(0, options.recipients, options.per_message):
        group, campaign = first // options.per_message, first // options.per_message % CAMPAIGNS
        at = OPEN if group % OPEN_EVERY == 0 else domain(group % options.queues)
        places = range(first, min(first + options.per_message, options.recipients))
        sender = f"bounce+{first}@c{campaign}.test" if options.verp else f"news@c{campaign}.test"
        content = f"From: <news@c{campaign}.test>\r\nSubject: {first}\r\n\r\n{BODY}\r\n"
        yield NewMessage(
            sender=sender,
            recipients=tuple(f"given.name{place}@{at}" for place in places),
            content=content.encode(),
            vmta=f"vmta{group % options.queues % SOURCES}",
            job=f"job{campaign}",
            received_at=now,
            peer="127.0.0.1",
        )


def fill(spool: Path, options: Options) -> None:
    """Write the messages as the engine would; for a process of its own."""

    async def store() -> None:
        log = await LogSpool.open(spool)
        chunk = []
        for message in messages(options):
            chunk.append(log.store(message))
            if len(chunk) == CHUNK:
                await asyncio.gather(*chunk)
                chunk.clear()
        await asyncio.gather(*chunk)
        await log.close()

    asyncio.run(store())


# -- looking -------------------------------------------------------------------------------------------


class Process:
    """`tidegate engine`, as the kernel and its clients see it."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path, port: int) -> None:
        self._process = process
        self._folder = folder
        self._port = port

    async def wait_for_mail_port(self) -> None:
        """The engine takes mail once all queues are back."""
        async with asyncio.timeout(600):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", self._port)
                    writer.close()
                    return
                if self._process.returncode is not None:
                    raise SystemExit("the engine did not start")
                await asyncio.sleep(0.02)

    def memory(self, field: str = "Pss") -> int:
        """Bytes of the whole process."""
        text = Path(f"/proc/{self._process.pid}/smaps_rollup").read_text()
        return next(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith(f"{field}:"))

    def peak(self) -> int:
        text = Path(f"/proc/{self._process.pid}/status").read_text()
        return next(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("VmHWM:"))

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    async def accept_ms(self, times: int) -> float:
        """Median from MAIL to the reply to the final dot, for a message to a queue that waits."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        await reader.readline()

        async def say(text: str) -> None:
            writer.write(text.encode() + b"\r\n")
            line = await reader.readline()
            if line[:1] not in b"23":
                raise SystemExit(f"{text} was answered {line!r}")

        await say("HELO bench")
        taken = []
        for number in range(times):
            begun = time.perf_counter()
            await say("MAIL FROM:<news@c0.test>")
            await say(f"RCPT TO:<one.more{number}@{domain(number)}>")
            await say("DATA")
            await say(f"Subject: one more\r\n\r\n{BODY}\r\n.")
            taken.append((time.perf_counter() - begun) * 1000)
        writer.close()
        return statistics.median(taken)

    async def topqueues_ms(self) -> float:
        """Median of `show topqueues`, which asks for the hundred deepest."""
        transport = httpx.AsyncHTTPTransport(uds=str(self._folder / "control.sock"))
        async with httpx.AsyncClient(transport=transport, base_url="http://engine", timeout=60) as api:
            times = []
            for _ in range(5):
                begun = time.perf_counter()
                answer = await api.get("/v1/queues", params={"limit": 100})
                times.append((time.perf_counter() - begun) * 1000)
                answer.raise_for_status()
        return statistics.median(times)

    async def idle_percent(self, seconds: float) -> float:
        """Share of one core while everything waits."""
        before, begun = self.cpu_seconds(), time.perf_counter()
        await asyncio.sleep(seconds)
        return (self.cpu_seconds() - before) / (time.perf_counter() - begun) * 100


@contextlib.asynccontextmanager
async def engine(config: Path, port: int) -> AsyncIterator[Process]:
    """Killed with SIGKILL when the context ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tidegate", "engine", "--config", str(config), cwd=config.parent
    )
    try:
        yield Process(process, config.parent, port)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _measure(folder: Path, options: Options) -> list[tuple[str, float | int | str]]:
    loop = asyncio.get_running_loop()
    dns, _ = await loop.create_datagram_endpoint(Names, local_addr=("127.0.0.1", 0))
    ports = {"smtp": free_port(), "sink": free_port(), "dns": dns.get_extra_info("sockname")[1]}
    config = configuration(folder, ports)
    figures: list[tuple[str, float | int | str]] = []

    async with engine(config, ports["smtp"]) as process:
        begun = time.perf_counter()
        await process.wait_for_mail_port()
        figures.append(("depth_empty_start_seconds", round(time.perf_counter() - begun, 2)))
        empty = process.memory()
    await asyncio.to_thread(_fill_apart, folder / "spool", options)
    async with engine(config, ports["smtp"]) as process:
        begun = time.perf_counter()
        await process.wait_for_mail_port()
        recovered = [
            ("depth_recovered_seconds", round(time.perf_counter() - begun, 2)),
            ("depth_recovered_cpu_seconds", round(process.cpu_seconds(), 2)),
        ]
        figures += [*recovered, *await _look(process, empty, options)]
    sink = Sink()
    server = await asyncio.start_server(sink.serve, "127.0.0.1", ports["sink"])
    async with server, engine(config, ports["smtp"]) as process:
        begun = time.perf_counter()
        await sink.first.wait()
        figures.append(("depth_restart_seconds", round(time.perf_counter() - begun, 2)))
    dns.close()
    return figures


def _fill_apart(spool: Path, options: Options) -> None:
    helper = multiprocessing.get_context("spawn").Process(target=fill, args=(spool, options))
    helper.start()
    helper.join()
    if helper.exitcode:
        raise SystemExit("the spool could not be filled")


async def _look(process: Process, empty: int, options: Options) -> Iterable[tuple[str, float | int | str]]:
    await _quiet(process)
    used = process.memory()
    return [
        ("depth_recipients", options.recipients),
        ("depth_memory_mb", round(used / 1e6)),
        ("depth_peak_mb", round(process.peak() / 1e6)),
        ("depth_bytes_per_recipient", round((used - empty) / options.recipients)),
        ("depth_accept_ms", round(await process.accept_ms(51), 2)),
        ("depth_topqueues_ms", round(await process.topqueues_ms())),
        ("depth_idle_cpu_percent", round(await process.idle_percent(options.idle_seconds), 2)),
    ]


async def _quiet(process: Process) -> None:
    """Until the routes of all queues are known."""
    async with asyncio.timeout(300):
        while await process.idle_percent(1.0) > 10:
            pass


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    usual = Options()
    parser.add_argument("--recipients", type=int, default=usual.recipients)
    parser.add_argument("--queues", type=int, default=usual.queues)
    parser.add_argument("--per-message", type=int, default=usual.per_message)
    parser.add_argument("--verp", action="store_true")
    parser.add_argument("--idle-seconds", type=float, default=usual.idle_seconds)
    for figure, value in run(Options(**vars(parser.parse_args()))):
        print(f"{figure}: {value}", flush=True)
