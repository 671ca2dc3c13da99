"""OpenSMTPD in a private root, everything to the sink.

By default it opens five connections to a route, one every five seconds, and asks the scheduler for fifty
messages at a time. Without these bounds it still pauses, probably for the ten seconds that mta.c lets pass
between two looks at its source address. Its queue never calls fsync
(6.8, queue_fs.c: envelopes are dumped without), and no setting makes it.
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from bench.relay import packages
from bench.relay.contender import Relay, Site
from bench.relay.load import until_listening
from bench.relay.private_root import PrivateRoot, mounting
from bench.relay.processes import launched
from lab.ports import free_port

_LIBRARIES = ("libdb5.3", "libevent-2.1-7", "libpam0g")
_CONFIGURATION = """\
listen on 127.0.0.1 port {port} hostname mx.opensmtpd.test
smtp limit max-mails 100000
mta limit max-conn-per-host 1000
mta limit max-conn-per-route 1000
mta limit max-conn-per-source 1000
mta limit max-conn-per-connector 1000
mta limit max-conn-per-relay 1000
mta limit max-conn-per-domain 1000
mta limit conn-delay-route 0
mta limit conn-delay-relay 0
mta limit reconn-delay-route 0
mta limit session-keepalive 0
mta limit session-mail-max 10000
mta limit task-hiwat 2000
mta limit task-lowat 1000
mta limit task-release 500
action "relay" relay host smtp://127.0.0.1:{sink}
match from any for any action "relay"
"""


@dataclass(frozen=True, slots=True)
class OpenSmtpd:
    """One process for each duty, as always; its log goes to standard error with -d."""

    name: str = "opensmtpd"

    async def version(self) -> str:
        await mounting()
        await packages.unpacked("opensmtpd", _LIBRARIES)
        found = await packages.said("apt-cache", "show", "--no-all-versions", "opensmtpd")
        return next(line.split()[1] for line in found.splitlines() if line.startswith("Version:"))

    @contextlib.asynccontextmanager
    async def running(self, site: Site) -> AsyncIterator[Relay]:
        port = free_port()
        package = await packages.unpacked("opensmtpd", _LIBRARIES)
        root = PrivateRoot(site.folder / "root", package, ("opensmtpd", "opensmtpq"), "mx.opensmtpd.test")
        root.make({"smtpd.conf": _CONFIGURATION.format(port=port, sink=site.sink_port)})
        root.directory("var/spool/smtpd", mode=0o711)
        root.directory("var/lib/opensmtpd/empty")
        command = [*site.wrapper, *root.enter("/usr/sbin/smtpd", "-d")]
        async with launched(command, site.folder) as group:
            await until_listening(port, group)
            yield Relay(port, group)
