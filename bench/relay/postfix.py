"""Postfix: a private configuration and queue of its own, logging through postlogd, everything to the sink."""

import contextlib
import os
import pwd
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from bench.relay import packages
from bench.relay.contender import Relay, Site
from bench.relay.errors import Unavailable
from bench.relay.load import until_listening
from bench.relay.processes import launched
from lab.ports import free_port

_MAIN = """\
compatibility_level = 3.6
myhostname = mx.postfix.test
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log/mail.log
maillog_file_prefixes = {folder}
alias_maps =
local_recipient_maps =
smtpd_relay_restrictions = permit_mynetworks, reject
disable_dns_lookups = yes
relayhost = [127.0.0.1]:{sink}
default_process_limit = 200
default_destination_concurrency_limit = {concurrency}
initial_destination_concurrency = {concurrency}
"""
_MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True, slots=True)
class Postfix:
    """`concurrency` is how many deliveries it makes at once; 20 is its default."""

    name: str = "postfix"
    concurrency: int = 20

    async def version(self) -> str:
        if os.geteuid() != 0:
            raise Unavailable("Postfix has to be started as root")
        await packages.installed("postfix", "postfix")
        return await packages.said("postconf", "-d", "-h", "mail_version")

    @contextlib.asynccontextmanager
    async def running(self, site: Site) -> AsyncIterator[Relay]:
        port = free_port()
        etc = _folders(site.folder)
        (etc / "main.cf").write_text(
            _MAIN.format(folder=site.folder, sink=site.sink_port, concurrency=self.concurrency)
        )
        (etc / "master.cf").write_text(_MASTER.format(port=port))
        programs = await packages.said("postconf", "-c", str(etc), "-h", "daemon_directory")
        await packages.said("postfix", "-c", str(etc), "check")
        command = [*site.wrapper, f"{programs}/master", "-s", "-c", str(etc)]
        async with launched(command, site.folder) as group:
            await until_listening(port, group)
            yield Relay(port, group)


def _folders(folder: Path) -> Path:
    owner = pwd.getpwnam("postfix")
    for name in ("queue", "data", "log", "etc"):
        (folder / name).mkdir()
    shutil.chown(folder / "data", owner.pw_uid, owner.pw_gid)
    return folder / "etc"
