"""rbldnsd and unbound from Debian packages, on loopback: the list's own server, and a recursing resolver."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from system_peers import public_folder, tool

HEAD = "$SOA 300 ns.corp.test hostmaster.corp.test 1 600 300 86400 150\n$TTL 600\n"
_PING = b"\0\1\1\0\0\1\0\0\0\0\0\0\4corp\4test\0\0\1\0\1"


@dataclass
class ListServer:
    """A running rbldnsd. Data sets are files: rewrite one and `reload`."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes]

    def write(self, name: str, *entries: str) -> None:
        path = self.folder / name
        before = path.stat().st_mtime if path.exists() else 0
        path.write_text("\n".join([HEAD, *entries, ""]))
        # it goes by the time of the last change, in whole seconds
        os.utime(path, (before + 10, before + 10))

    def reload(self) -> None:
        self.process.send_signal(signal.SIGHUP)


@contextmanager
def rbldnsd(
    zones: Mapping[str, tuple[str, str]], data: Mapping[str, tuple[str, ...]]
) -> Iterator[ListServer]:
    """`zones` maps a name to the type and the file of its data, `data` a file to its entries."""
    program = tool("rbldnsd", "rbldnsd")
    port = free_udp_port()
    with public_folder("rbldnsd") as folder:
        server = ListServer(port, folder, None)  # type: ignore[arg-type]
        for name, entries in data.items():
            server.write(name, *entries)
        named = [f"{zone}:{kind}:{file}" for zone, (kind, file) in zones.items()]
        arguments = [program, "-n", "-c", "0", "-b", f"127.0.0.1/{port}", "-w", str(folder), *named]
        with _running(arguments, port) as server.process:
            yield server


@contextmanager
def unbound(upstream: int, *lines: str) -> Iterator[int]:
    """A resolver that asks `corp.test` at the port `upstream`; gives its own port."""
    program = tool("unbound", "unbound")
    port = free_udp_port()
    with public_folder("unbound") as folder:
        config = folder / "unbound.conf"
        config.write_text(
            "\n".join(
                [
                    "server:",
                    *(f"  {line}" for line in _UNBOUND),
                    f"  interface: 127.0.0.1@{port}",
                    f'  directory: "{folder}"',
                    *(f"  {line}" for line in lines),
                    "remote-control:",
                    "  control-enable: no",
                    "stub-zone:",
                    '  name: "corp.test."',
                    f"  stub-addr: 127.0.0.1@{upstream}",
                    "",
                ]
            )
        )
        with _running([program, "-d", "-p", "-c", str(config)], port):
            yield port


_UNBOUND = (
    "num-threads: 1",
    "do-daemonize: no",
    'chroot: ""',
    'username: ""',
    'pidfile: ""',
    "use-syslog: no",
    "verbosity: 0",
    'module-config: "iterator"',
    "do-not-query-localhost: no",
    "access-control: 127.0.0.0/8 allow",
    # unbound answers "test." itself (RFC 6761) unless told otherwise
    'local-zone: "test." nodefault',
)


def free_udp_port() -> int:
    """Free for UDP and for TCP just now."""
    for _ in range(50):
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
        ):
            udp.bind(("127.0.0.1", 0))
            port: int = udp.getsockname()[1]
            try:
                tcp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")


@contextmanager
def _running(arguments: list[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    try:
        _wait_for(process, port)
        yield process
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def _wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.2)
        for _ in range(100):
            if process.poll() is not None:
                assert process.stderr is not None
                raise AssertionError(f"{process.args} ended: {process.stderr.read().decode()}")
            try:
                probe.sendto(_PING, ("127.0.0.1", port))
                probe.recv(512)
            except OSError:
                time.sleep(0.05)
            else:
                return
    raise AssertionError(f"{process.args} does not answer")
