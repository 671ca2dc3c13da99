"""A root directory of its own for a mail server whose paths and users are compiled in.

Programs come from this machine's /usr with the unpacked package laid over it; /etc and /var are
private; DNS is not asked. The mounts live in a mount namespace that ends with the server.
"""

import asyncio
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.relay.errors import Unavailable
from bench.relay.load import tool

_ENTER = """\
set -e
mount --make-rprivate /
mount -t overlay overlay -o ro,lowerdir=/usr:$1/usr $2/usr
mount --bind /dev $2/dev
mount --bind /proc $2/proc
root=$2
shift 2
exec chroot $root "$@"
"""
_FIRST_ID = 64_001
_ETC = {
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "resolv.conf": "lookup file\n",
    "services": "smtp 25/tcp\n",
}


@dataclass(frozen=True, slots=True)
class PrivateRoot:
    """Made below `folder`, from an unpacked package and users that exist here alone."""

    folder: Path
    package: Path
    users: tuple[str, ...]
    hostname: str

    def make(self, etc: Mapping[str, str]) -> None:
        """`etc` are more files of /etc, by name."""
        for name in ("etc", "usr", "dev", "proc", "tmp", "run", "root", "var/tmp", "var/log", "var/spool"):
            (self.folder / name).mkdir(parents=True)
        for name in ("bin", "sbin", "lib", "lib64"):
            (self.folder / name).symlink_to(f"usr/{name}")
        (self.folder / "var/run").symlink_to("../run")
        numbered = list(enumerate(self.users, _FIRST_ID))
        people = [f"{name}:x:{number}:{number}::/nonexistent:/usr/sbin/nologin" for number, name in numbered]
        groups = [f"{name}:x:{number}:" for number, name in numbered]
        written = {
            "passwd": "\n".join(["root:x:0:0:root:/root:/bin/sh", *people, ""]),
            "group": "\n".join(["root:x:0:", "mail:x:8:", *groups, ""]),
            "hosts": f"127.0.0.1 localhost {self.hostname}\n",
        }
        for name, text in {**_ETC, **written, **etc}.items():
            path = self.folder / "etc" / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)

    def directory(self, path: str, owner: str = "", mode: int = 0o755) -> None:
        """A directory in the root, such as `var/spool/exim`, for one of its users."""
        made = self.folder / path
        made.mkdir(parents=True, exist_ok=True)
        made.chmod(mode)
        if owner:
            number = _FIRST_ID + self.users.index(owner)
            shutil.chown(made, number, number)

    def enter(self, *command: str) -> list[str]:
        """The command line that runs a command in the root."""
        places = [str(self.package), str(self.folder)]
        return [tool("unshare", "util-linux"), "-m", "sh", "-c", _ENTER, "enter", *places, *command]


async def mounting() -> None:
    """Raises Unavailable where this process may not make a private root."""
    if os.geteuid() != 0:
        raise Unavailable("it has to be started as root")
    process = await asyncio.create_subprocess_exec(
        *(tool("unshare", "util-linux"), "-m", "mount", "--make-rprivate", "/"),
        stderr=asyncio.subprocess.DEVNULL,
    )
    if await process.wait():
        raise Unavailable("this machine does not let root mount in a namespace of its own (container?)")
