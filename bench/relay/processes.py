"""A mail server's processes as one: what they cost and how they are ended, however they fork.

A control group (version 2) counts the CPU of children that are gone, too. Without one the processes below the
first are added up, with what their parents waited for; orphans escape, and so do the children of
a parent that ignores SIGCHLD (Exim).
"""

import asyncio
import contextlib
import itertools
import os
import signal
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_GROUPS = (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))
_JOIN = 'echo $$ > "$0/cgroup.procs" && exec "$@"'
_STOP_SECONDS = 20
_TURNS_TO_LEAVE = 150


@dataclass(frozen=True, slots=True)
class Cpu:
    """CPU seconds."""

    user: float
    system: float

    @property
    def total(self) -> float:
        return self.user + self.system

    def __sub__(self, other: "Cpu") -> "Cpu":
        return Cpu(self.user - other.user, self.system - other.system)


@dataclass(frozen=True, slots=True)
class ProcessTimes:
    """One process in /proc: its parent, and its CPU with that of the children it has waited for."""

    parent: int
    cpu: Cpu


def parse_cpu_stat(text: str) -> Cpu:
    """A control group's cpu.stat."""
    values = dict(line.split() for line in text.splitlines())
    return Cpu(int(values["user_usec"]) / 1e6, int(values["system_usec"]) / 1e6)


def parse_stat(text: str, ticks: int) -> ProcessTimes:
    """/proc/PID/stat (proc(5)); the name in parentheses may hold spaces and parentheses itself."""
    fields = text.rpartition(")")[2].split()
    user, system, children_user, children_system = (int(field) / ticks for field in fields[11:15])
    return ProcessTimes(int(fields[1]), Cpu(user + children_user, system + children_system))


def parse_kilobytes(text: str, key: str) -> int:
    """A line like `Pss:   123 kB` of smaps_rollup or status; 0 where there is none."""
    lines = (line.split() for line in text.splitlines() if line.startswith(f"{key}:"))
    return next((int(words[1]) for words in lines), 0)


def descendants(root: int, parents: Mapping[int, int]) -> set[int]:
    """The process `root` and all below it, given each process' parent."""
    found, size = {root}, 0
    while len(found) != size:
        size = len(found)
        found |= {pid for pid, parent in parents.items() if parent in found}
    return found


class ProcessGroup:
    """The processes of one mail server, the first of which we started."""

    def __init__(self, process: asyncio.subprocess.Process, control: Path | None, output: Path) -> None:
        self._output = output
        self._process = process
        self._control = control

    @property
    def ended(self) -> bool:
        return self._process.returncode is not None

    def said(self) -> str:
        """The end of its output, for an error."""
        return self._output.read_text(errors="replace")[-1000:]

    def pids(self) -> set[int]:
        if self._control:
            return {int(line) for line in (self._control / "cgroup.procs").read_text().split()}
        parents = {pid: times.parent for pid, times in _all_times()}
        return descendants(self._process.pid, parents) & parents.keys()

    def cpu(self) -> Cpu:
        if self._control:
            return parse_cpu_stat((self._control / "cpu.stat").read_text())
        mine = self.pids()
        used = [times.cpu for pid, times in _all_times() if pid in mine]
        return Cpu(sum(cpu.user for cpu in used), sum(cpu.system for cpu in used))

    def memory_mb(self) -> float:
        """Memory now, a shared page divided among those who share it (PSS)."""
        return self._sum("smaps_rollup", "Pss") / 1024

    def peak_mb(self) -> float:
        """The most that each process had resident, added up."""
        return self._sum("status", "VmHWM") / 1024

    def _sum(self, file: str, key: str) -> int:
        return sum(parse_kilobytes(text, key) for text in _texts(f"{pid}/{file}" for pid in self.pids()))

    async def end(self) -> None:
        """Ask the first process to stop, let the others follow, then end what is left."""
        if not self.ended:
            self._process.send_signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), _STOP_SECONDS)
        for turn in itertools.count():
            if not (left := self.pids()):
                break
            for pid in left if turn > _TURNS_TO_LEAVE else ():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(0.02)
        await self._process.wait()
        if self._control:
            self._control.rmdir()


@contextlib.asynccontextmanager
async def launched(
    command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
) -> AsyncIterator[ProcessGroup]:
    """Run a mail server while the context is open; what it says goes to `output.log` in the folder."""
    control = _new_control_group(folder.name)
    joined = ["sh", "-c", _JOIN, str(control), *command] if control else list(command)
    log = folder / "output.log"
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *joined,
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **(environment or {})},
        )
    group = ProcessGroup(process, control, log)
    try:
        yield group
    finally:
        await group.end()


def accounting() -> str:
    """How CPU is counted on this machine, for the report."""
    if group := _new_control_group("probe"):
        group.rmdir()
        return "CPU is counted by the kernel in a control group of each server"
    return "CPU is added up from /proc, where processes that no parent waited for are missed (Exim's)"


def process_cpu(pid: int) -> Cpu:
    """One process that runs, with the children it has waited for."""
    return parse_stat((_PROC / str(pid) / "stat").read_text(), os.sysconf("SC_CLK_TCK")).cpu


def _new_control_group(name: str) -> Path | None:
    for root in _GROUPS:
        if not (root / "cgroup.procs").exists():
            continue
        group = root / f"tidegate-bench-{os.getpid()}-{name}"
        with contextlib.suppress(OSError):
            group.mkdir()
            return group
    return None


def _all_times() -> Iterable[tuple[int, ProcessTimes]]:
    ticks = os.sysconf("SC_CLK_TCK")
    for folder in _PROC.glob("[0-9]*"):
        for text in _texts([f"{folder.name}/stat"]):
            yield int(folder.name), parse_stat(text, ticks)


def _texts(names: Iterable[str]) -> Iterable[str]:
    """Files below /proc, without those of processes that are gone meanwhile."""
    for name in names:
        with contextlib.suppress(OSError):
            yield (_PROC / name).read_text()
