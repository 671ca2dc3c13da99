"""Mail servers from Debian packages, each with its own configuration and queue on loopback, as root."""

import asyncio
import os
import pwd
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from certificates import Pair

from lab.ports import free_port

SEARCH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin:/sbin"


def tool(name: str, package: str) -> str:
    """The path of a program; skips the test, saying what to install, when it is absent."""
    found = shutil.which(name, path=SEARCH)
    if found is None:
        pytest.skip(f"{name} is absent: apt-get install {package}")
    return found


def needs_root(who: str) -> None:
    if os.geteuid() != 0:
        pytest.skip(f"{who} has to be started as root")


@contextmanager
def public_folder(prefix: str) -> Iterator[Path]:
    """A directory that a daemon's own user may walk into; pytest's are for one user alone."""
    folder = Path(tempfile.mkdtemp(prefix=f"tidegate-{prefix}-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Peer:
    """A running mail server: where it listens, where its mail is, and what it wrote down."""

    port: int
    mail: Path
    log: Path

    def messages(self) -> list[bytes]:
        return [path.read_bytes() for path in self.mail.rglob("new/*")]

    def logged(self) -> str:
        return self.log.read_text() if self.log.exists() else ""


async def run(*command: str, given: bytes = b"") -> tuple[int, str]:
    """Run a program to its end: its code and all it said."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "PATH": SEARCH, "LC_ALL": "C"},
    )
    async with asyncio.timeout(60):
        said, _ = await process.communicate(given)
    return process.returncode or 0, said.decode("utf-8", "replace")


async def until_listening(port: int, said: Callable[[], str]) -> None:
    for _ in range(200):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
            return
    raise AssertionError(f"nothing listens on {port}: {said()}")


# Postfix

_MAIN = """\
compatibility_level = 3.6
myhostname = mx.postfix.example
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log/mail.log
maillog_file_prefixes = {folder}
alias_maps =
virtual_mailbox_domains = postfix.example
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = static:all/
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
smtpd_relay_restrictions = {relaying}
smtpd_tls_security_level = may
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_tls_received_header = yes
smtpd_tls_loglevel = 1
smtp_tls_loglevel = 1
smtputf8_enable = yes
relayhost = {relay}
smtp_tls_security_level = {relay_tls}
smtp_tls_CAfile = {certificate}
smtp_sasl_auth_enable = {relay_auth}
smtp_sasl_password_maps = {passwords}
smtp_sasl_security_options = noanonymous
minimal_backoff_time = 5s
queue_run_delay = 5s
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
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


@asynccontextmanager
async def postfix(files: Pair, relay: int = 0, user: str = "", password: str = "") -> AsyncIterator[Peer]:
    """Postfix keeps mail for postfix.example and hands all other to 127.0.0.1:`relay`, logged in as `user`."""
    program = tool("postfix", "postfix")
    needs_root("Postfix")
    with public_folder("postfix") as folder:
        owner = pwd.getpwnam("postfix")
        for name in ("queue", "data", "mail", "log", "etc"):
            (folder / name).mkdir()
        for name in ("data", "mail"):
            os.chown(folder / name, owner.pw_uid, owner.pw_gid)
        shutil.copy(files.certificate, folder / "etc/tls.pem")
        shutil.copy(files.key, folder / "etc/tls.key")
        port = free_port()
        (folder / "etc/main.cf").write_text(
            _MAIN.format(
                folder=folder,
                uid=owner.pw_uid,
                gid=owner.pw_gid,
                certificate=folder / "etc/tls.pem",
                key=folder / "etc/tls.key",
                relaying="permit_mynetworks, reject" if relay else "reject_unauth_destination",
                relay=f"[127.0.0.1]:{relay}" if relay else "",
                relay_tls="encrypt" if user else "may",
                relay_auth="yes" if user else "no",
                passwords=f"inline:{{{{ [127.0.0.1]:{relay} = {user}:{password} }}}}" if user else "",
            )
        )
        (folder / "etc/master.cf").write_text(_MASTER.format(port=port))
        peer = Peer(port, folder / "mail", folder / "log/mail.log")
        code, said = await run(program, "-c", str(folder / "etc"), "start")
        try:
            assert code == 0, said + peer.logged()
            await until_listening(port, peer.logged)
            yield peer
        finally:
            await run(program, "-c", str(folder / "etc"), "stop")


# Exim

_EXIM = """\
primary_hostname = mx.exim.example
domainlist local_domains = exim.example
local_interfaces = <; [127.0.0.1]:{port}
daemon_smtp_ports = {port}
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
pid_file_path = {folder}/spool/exim.pid
tls_advertise_hosts = *
tls_certificate = {folder}/tls.pem
tls_privatekey = {folder}/tls.key
smtputf8_advertise_hosts = *
acl_smtp_rcpt = everybody
acl_smtp_data = everything
deliver_drop_privilege = true
never_users =
begin acl
everybody:
  accept domains = +local_domains
  deny message = relay not permitted
everything:
  accept
begin routers
keep_router:
  driver = accept
  transport = keep
begin transports
keep:
  driver = appendfile
  directory = {folder}/mail
  create_directory
  maildir_format
  user = {user}
"""


@asynccontextmanager
async def exim(files: Pair) -> AsyncIterator[Peer]:
    """Exim keeps mail for exim.example."""
    program = tool("exim4", "exim4-daemon-light (beside Postfix: see .ci/run)")
    needs_root("Exim")
    with public_folder("exim") as folder:
        owner = pwd.getpwnam("Debian-exim")
        for name in ("spool", "log", "mail"):
            (folder / name).mkdir()
            os.chown(folder / name, owner.pw_uid, owner.pw_gid)
        for source, name in ((files.certificate, "tls.pem"), (files.key, "tls.key")):
            shutil.copy(source, folder / name)
            os.chown(folder / name, owner.pw_uid, owner.pw_gid)
        port = free_port()
        written = folder / "exim.conf"
        written.write_text(_EXIM.format(folder=folder, port=port, user=owner.pw_name))
        peer = Peer(port, folder / "mail", folder / "log/mainlog")
        process = await asyncio.create_subprocess_exec(
            program, "-bdf", "-q1m", "-C", str(written), stderr=asyncio.subprocess.PIPE
        )
        try:
            await until_listening(port, peer.logged)
            yield peer
        finally:
            process.terminate()
            await process.communicate()


# smtp-sink


@asynccontextmanager
async def smtp_sink() -> AsyncIterator[Peer]:
    """Postfix's test server: takes everything, one file per message, in a Maildir's shape."""
    program = tool("smtp-sink", "postfix")
    with public_folder("sink") as folder:
        (folder / "new").mkdir(mode=0o777)
        (folder / "new").chmod(0o777)
        port = free_port()
        user = ("-u", "postfix") if os.geteuid() == 0 else ()
        process = await asyncio.create_subprocess_exec(
            program, *user, "-d", f"{folder}/new/%M.", f"127.0.0.1:{port}", "100"
        )
        try:
            await until_listening(port, lambda: "")
            yield Peer(port, folder, folder / "none")
        finally:
            process.terminate()
            await process.wait()
