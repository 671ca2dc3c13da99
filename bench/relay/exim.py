"""Exim in a private root: each message is delivered at once by a process of its own, its default."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from bench.relay import packages
from bench.relay.contender import Relay, Site
from bench.relay.load import until_listening
from bench.relay.private_root import PrivateRoot, mounting
from bench.relay.processes import launched
from lab.ports import free_port

_LIBRARIES = (
    *("libdb5.3", "libevent-2.1-7", "libgnutls-dane0", "libgnutls30", "libidn12", "libidn2-0"),
    *("libnsl2", "libpcre2-8-0", "libtirpc3", "libunbound8"),
)
_USER = "Debian-exim"
_CONFIGURATION = """\
primary_hostname = mx.exim.test
local_interfaces = <; [127.0.0.1]:{port}
daemon_smtp_ports = {port}
spool_directory = /var/spool/exim4
log_file_path = /var/log/exim4/%slog
pid_file_path = /var/spool/exim4/exim.pid
acl_smtp_rcpt = accept
host_lookup =
rfc1413_hosts =
tls_advertise_hosts =
smtp_accept_max = 0
smtp_accept_queue_per_connection = 0
smtp_connect_backlog = 500
begin routers
relay:
  driver = manualroute
  route_list = * 127.0.0.1 byname
  self = send
  transport = sink
begin transports
sink:
  driver = smtp
  port = {sink}
  allow_localhost
begin retry
* * F,2h,1m
"""


@dataclass(frozen=True, slots=True)
class Exim:
    """Debian's daemon-light."""

    name: str = "exim"

    async def version(self) -> str:
        await mounting()
        await packages.unpacked("exim4-daemon-light", _LIBRARIES)
        found = await packages.said("apt-cache", "show", "--no-all-versions", "exim4-daemon-light")
        return next(line.split()[1] for line in found.splitlines() if line.startswith("Version:"))

    @contextlib.asynccontextmanager
    async def running(self, site: Site) -> AsyncIterator[Relay]:
        port = free_port()
        package = await packages.unpacked("exim4-daemon-light", _LIBRARIES)
        root = PrivateRoot(site.folder / "root", package, (_USER,), "mx.exim.test")
        root.make({"exim4/exim4.conf": _CONFIGURATION.format(port=port, sink=site.sink_port)})
        for path in ("var/spool/exim4", "var/log/exim4"):
            root.directory(path, _USER, 0o750)
        command = [*site.wrapper, *root.enter("/usr/sbin/exim4", "-bdf", "-q1m")]
        async with launched(command, site.folder) as group:
            await until_listening(port, group)
            yield Relay(port, group)
