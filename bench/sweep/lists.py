"""rbldnsd with the catalogue's usual lists, each listing its test entry and a few of the fleet."""

import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, ip_address
from pathlib import Path

from monitor.catalogue import ListingSeverity, Zone, shipped

FIRST = ip_address("10.0.0.0")
LISTED_SHARE = 0.001
"""Of the fleet, on each list: a bad day. The names that exist are few, as they are in life."""


def zones() -> list[Zone]:
    """The lists that are asked about IPv4 by default: 27 of the 28, one being for IPv6 alone."""
    return [zone for zone in shipped().zones if zone.default_enabled and zone.ipv4]


def fleet(size: int) -> list[IPv4Address]:
    return [IPv4Address(int(FIRST) + number) for number in range(size)]


def program() -> str | None:
    """Where rbldnsd is, if it is installed."""
    return shutil.which("rbldnsd") or shutil.which("/usr/sbin/rbldnsd")


@contextmanager
def served(folder: Path, size: int, seed: int = 1) -> Iterator[int]:
    """Run rbldnsd for as long as the block lasts; gives its port on 127.0.0.1."""
    dice = random.Random(seed)
    folder.chmod(0o755)  # started by root, it reads as a user of its own
    names = []
    for number, zone in enumerate(zones()):
        path = folder / f"zone{number}"
        path.write_text(_data(zone, dice.sample(fleet(size), max(1, int(size * LISTED_SHARE)))))
        names.append(f"{zone.zone}:ip4set:{path.name}")
    port = _free_port()
    server = subprocess.Popen(
        [str(program()), "-n", "-b", f"127.0.0.1/{port}", "-w", str(folder), *names],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port)
        yield port
    finally:
        server.terminate()
        server.wait()


def _data(zone: Zone, listed: list[IPv4Address]) -> str:
    code = next(c for c in zone.codes if zone.severity_of(c) is not ListingSeverity.NONE)
    entries = [*(zone.test_listed or ("127.0.0.2",)), *map(str, listed)]
    head = ["$SOA 300 ns.test hostmaster.test 1 600 300 86400 300", f":{code}:listed for a reason"]
    return "\n".join([*head, *(e for e in entries if ":" not in e), ""])


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    """Until the server answers anything at all."""
    query = b"\0\1\1\0\0\1\0\0\0\0\0\0\4test\0\0\1\0\1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.2)
        for _ in range(100):
            try:
                probe.sendto(query, ("127.0.0.1", port))
                probe.recv(512)
            except OSError:
                time.sleep(0.05)
            else:
                return
    raise SystemExit("rbldnsd does not answer")
