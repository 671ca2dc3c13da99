"""What a figure was measured on, and who else was busy meanwhile."""

import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path

from bench.relay.processes import parse_kilobytes


def described() -> str:
    """Processor, cores, memory, system: one line."""
    memory = parse_kilobytes(Path("/proc/meminfo").read_text(), "MemTotal") / 2**20
    return (
        f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB; {_system()}, Linux {platform.release()}"
    )


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "processor")


def _system() -> str:
    return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")


@dataclass(frozen=True, slots=True)
class Busy:
    """CPU seconds that the whole machine was busy with, at a moment."""

    seconds: float
    at: float


def busy() -> Busy:
    return Busy(parse_busy(Path("/proc/stat").read_text(), os.sysconf("SC_CLK_TCK")), time.perf_counter())


def parse_busy(text: str, ticks: int) -> float:
    """The first line of /proc/stat (proc(5)) without idle, iowait and guests, in seconds."""
    fields = [int(field) for field in text.splitlines()[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / ticks


def others_share(before: Busy, after: Busy, ours: float, cores: int) -> float:
    """The share of the machine (0 to 1) that went to neither server nor tools, kernel threads included."""
    spent = after.seconds - before.seconds - ours
    return max(0.0, spent / ((after.at - before.at) * cores))
