"""A million recipients wait in 50,000 queues of a real `tidegate engine` process with a real spool.

    python -m bench.depth [--recipients N] [--queues N] [--per-message N] [--verp] [--deferred]

The configuration is large too: 50 source IPs, 40 providers, 500 domain blocks. Half of the queues are held
back by their own limit, half by the one they share with others at their provider; the limits say "not yet"
throughout, since after a kill every window counts as full. A helper process fills the spool with the engine's
own writer; the engine then really recovers it, is looked at, killed, and started again.

Prints `name: value` lines.
"""

import argparse
import asyncio
import contextlib
import itertools
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import yaml

from bench.loopback import Names, Sink
from bench.options import Form, Options
from engine.spool.base import MessageId, NewMessage
from engine.spool.log import LogSpool
from lab.ports import free_port

SOURCES, PROVIDERS, DOMAINS = 50, 40, 500
CAMPAIGNS = 200
OPEN = "open.test"
"""The one domain without a limit; its server is down until the second start."""
OPEN_EVERY = 1000
CHUNK = 5_000
BODY = "This is what the campaign says. " * 8
ACCEPTED = 51
ONE_MORE = (
    "MAIL FROM:<news@c0.test>",
    "RCPT TO:<one.more@q1.d1.test>",
    "DATA",
    f"Subject: one more\r\n\r\n{BODY}\r\n.",
)
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Depth:
    """How deep. `per_message` recipients share a message.

    The harder cases: `verp` gives each message a sender of its own; with `deferred` every recipient but the
    open domain's has been tried and waits for a time of its own.
    """

    recipients: int = 1_000_000
    queues: int = 50_000
    per_message: int = 1
    verp: bool = False
    deferred: bool = False
    idle_seconds: float = 20.0


Figures = list[tuple[str, float | str]]
SHORT = Depth(recipients=10_000, queues=500, idle_seconds=1.0)


def run(options: Options) -> Figures:
    """All figures of the usual depth; in the short form, of a shallow one."""
    return measure(SHORT if options.form is Form.SHORT else Depth())


def measure(depth: Depth) -> Figures:
    """All figures. SystemExit if the engine does not hold what was put into it."""
    with tempfile.TemporaryDirectory() as name:
        return asyncio.run(_measure(Path(name), depth))


# -- the world around the engine -----------------------------------------------------------------------


def mx(name: str) -> str:
    """The provider's host of a domain; of the open one, a host of nobody's."""
    number = name[1 : name.index(".")]
    return f"a.mx{int(number) % PROVIDERS}.test" if number.isdigit() else f"a.mx{PROVIDERS}.test"


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


def messages(depth: Depth) -> Iterator[NewMessage]:
    """Campaigns mixed, so that neighbours in the log belong to different queues."""
    now = datetime.now(UTC)
    for first in range(0, depth.recipients, depth.per_message):
        group, campaign = first // depth.per_message, first // depth.per_message % CAMPAIGNS
        at = OPEN if group % OPEN_EVERY == 0 else domain(group % depth.queues)
        places = range(first, min(first + depth.per_message, depth.recipients))
        sender = f"bounce+{first}@c{campaign}.test" if depth.verp else f"news@c{campaign}.test"
        content = f"From: <news@c{campaign}.test>\r\nSubject: {first}\r\n\r\n{BODY}\r\n"
        yield NewMessage(
            sender=sender,
            recipients=tuple(f"given.name{place}@{at}" for place in places),
            content=content.encode(),
            vmta=f"vmta{group % depth.queues % SOURCES}",
            job=f"job{campaign}",
            received_at=now,
            peer="127.0.0.1",
        )


def fill(spool: Path, depth: Depth) -> None:
    """Write the messages as the engine would; for a process of its own."""

    async def store() -> None:
        log = await LogSpool.open(spool)
        left = messages(depth)
        while chunk := list(itertools.islice(left, CHUNK)):
            ids = await asyncio.gather(*map(log.store, chunk))
            for number, message in zip(ids, chunk, strict=True):
                if depth.deferred and not message.recipients[0].endswith(OPEN):
                    _postpone(log, number, message)
            await log.sync()
        await log.close()

    asyncio.run(store())


def _postpone(log: LogSpool, number: MessageId, message: NewMessage) -> None:
    retry = message.received_at + timedelta(hours=2, milliseconds=number % 3_600_000)
    for index in range(len(message.recipients)):
        log.postpone(number, index, 3, retry, "451 4.7.650 come back later")


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

    async def accept_ms(self) -> float:
        """From MAIL to the reply to the final dot, for a message to a queue that waits."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        await reader.readline()
        begun = 0.0
        for text in ("HELO bench", *ONE_MORE):
            begun = time.perf_counter() if text.startswith("MAIL") else begun
            writer.write(text.encode() + b"\r\n")
            line = await reader.readline()
            if line[:1] not in {b"2", b"3"}:
                raise SystemExit(f"{text} was answered {line!r}")
        taken = time.perf_counter() - begun
        writer.close()
        return taken * 1000

    async def topqueues_ms(self) -> float:
        """Median of `show topqueues`, which asks for the hundred deepest."""
        times = []
        async with self._api() as api:
            for _ in range(5):
                begun = time.perf_counter()
                (await api.get("/v1/queues", params={"limit": 100})).raise_for_status()
                times.append((time.perf_counter() - begun) * 1000)
        return statistics.median(times)

    async def queued(self) -> tuple[int, int]:
        """How many recipients wait, and in how many queues, as the API tells."""
        async with self._api() as api:
            answer = await api.get("/v1/queues", params={"limit": 100_000})
        queues = answer.raise_for_status().json()["queues"]
        return sum(queue["recipients"] for queue in queues), len(queues)

    def _api(self) -> httpx.AsyncClient:
        transport = httpx.AsyncHTTPTransport(uds=str(self._folder / "control.sock"))
        return httpx.AsyncClient(transport=transport, base_url="http://engine", timeout=60)

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


async def _measure(folder: Path, depth: Depth) -> Figures:
    loop = asyncio.get_running_loop()
    dns, _ = await loop.create_datagram_endpoint(lambda: Names(mx), local_addr=("127.0.0.1", 0))
    ports = {"smtp": free_port(), "sink": free_port(), "dns": dns.get_extra_info("sockname")[1]}
    config = configuration(folder, ports)
    try:
        async with engine(config, ports["smtp"]) as process:
            await process.wait_for_mail_port()
            empty = process.memory()
        await asyncio.to_thread(_fill_apart, folder / "spool", depth)
        async with engine(config, ports["smtp"]) as process:
            figures = await _look(process, empty, depth)
        sink = Sink()
        server = await asyncio.start_server(sink.serve, "127.0.0.1", ports["sink"])
        async with server, engine(config, ports["smtp"]) as process:
            return [*figures, *await _start_again(process, sink)]
    finally:
        dns.close()


def _fill_apart(spool: Path, depth: Depth) -> None:
    helper = multiprocessing.get_context("spawn").Process(target=fill, args=(spool, depth))
    helper.start()
    helper.join()
    if helper.exitcode:
        raise SystemExit("the spool could not be filled")


async def _look(process: Process, empty: int, depth: Depth) -> Figures:
    """What the deep engine costs and how it answers."""
    begun = time.perf_counter()
    await process.wait_for_mail_port()
    back = time.perf_counter() - begun
    await _quiet(process)
    used, peak = process.memory(), process.peak()
    accepted = [await process.accept_ms() for _ in range(ACCEPTED)]
    figures: Figures = [
        ("depth_memory_mb", round(used / 1e6)),
        ("depth_peak_mb", round(peak / 1e6)),
        ("depth_bytes_per_recipient", round((used - empty) / depth.recipients)),
        ("depth_accept_ms", round(statistics.median(accepted), 2)),
        ("depth_topqueues_ms", round(await process.topqueues_ms())),
        ("depth_idle_cpu_percent", round(await process.idle_percent(depth.idle_seconds), 2)),
        ("depth_all_back_seconds", round(back, 2)),
    ]
    recipients, queues = await process.queued()
    if recipients != depth.recipients + ACCEPTED:
        raise SystemExit(f"{recipients} recipients wait, but {depth.recipients + ACCEPTED} were accepted")
    return [("depth_recipients", depth.recipients), ("depth_queues", queues), *figures]


async def _start_again(process: Process, sink: Sink) -> Figures:
    """After kill -9, from the start of the process to the first message at its destination."""
    begun = time.perf_counter()
    async with asyncio.timeout(600):
        await sink.first.wait()
    return [
        ("depth_restart_seconds", round(time.perf_counter() - begun, 2)),
        ("depth_restart_cpu_seconds", round(process.cpu_seconds(), 2)),
    ]


async def _quiet(process: Process) -> None:
    """Until the routes of all queues are known."""
    async with asyncio.timeout(300):
        while await process.idle_percent(1.0) > 10:
            pass


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    usual = Depth()
    parser.add_argument("--recipients", type=int, default=usual.recipients)
    parser.add_argument("--queues", type=int, default=usual.queues)
    parser.add_argument("--per-message", type=int, default=usual.per_message)
    parser.add_argument("--verp", action="store_true")
    parser.add_argument("--deferred", action="store_true")
    parser.add_argument("--idle-seconds", type=float, default=usual.idle_seconds)
    for figure, value in measure(Depth(**vars(parser.parse_args()))):
        print(f"{figure}: {value}", flush=True)
