import socket
from pathlib import Path

import pytest

from lab import ports
from lab.ports import free_port


def test_a_port_is_one_that_the_system_never_takes_by_itself() -> None:
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert all(1024 <= free_port() < first for _ in range(100))


def test_a_port_that_is_taken_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port()))
        only = taken.getsockname()[1]
        monkeypatch.setattr(ports, "_FIRST", only)
        monkeypatch.setattr(ports, "_LAST", only + 1)
        with pytest.raises(OSError, match="no free port on 127"):
            free_port()
    assert free_port() == only
