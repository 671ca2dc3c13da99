"""Peers that are absent are fetched: from Debian unpacked into a cache of ours, from npm into another.

Mail servers conflict as packages, though not as programs; unpacked, none touches this machine's own mail.
"""

import asyncio
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from bench.relay.errors import Unavailable
from bench.relay.load import SEARCH

CACHE = Path(__file__).parents[2] / "build" / "bench"
_DOWNLOAD = ("apt-get", "-qq", "-o", "APT::Sandbox::User=root")
_QUIET = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}


async def said(
    *command: str, folder: Path | None = None, environment: Mapping[str, str] | None = None, given: str = ""
) -> str:
    """What a program writes. Raises Unavailable when it is absent or fails."""
    program = shutil.which(command[0], path=SEARCH)
    if program is None:
        raise Unavailable(f"{command[0]} is absent")
    process = await asyncio.create_subprocess_exec(
        program,
        *command[1:],
        cwd=folder,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **_QUIET, **(environment or {})},
    )
    output, _ = await process.communicate(given.encode())
    text = output.decode(errors="replace").strip()
    if process.returncode:
        raise Unavailable(f"{' '.join(command[:4])} … failed: {text[-300:]}")
    return text


async def installed(program: str, package: str) -> None:
    """See that a program is there. Raises Unavailable when it is not and cannot be installed."""
    if shutil.which(program, path=SEARCH):
        return
    if os.geteuid() != 0:
        raise Unavailable(f"{program} is absent, and only root may install the package {package}")
    if package == "postfix":  # it would ask what to set up
        await said("debconf-set-selections", given="postfix postfix/main_mailer_type select No configuration")
    await _with_lists("apt-get", "install", "-y", "-qq", "--no-install-recommends", package)


async def unpacked(package: str, libraries: Iterable[str]) -> Path:
    """A directory that holds the package's files and those of its libraries. Raises Unavailable."""
    found = CACHE / package
    if found.exists():
        return found
    partial = _emptied(CACHE / f"{package}.partial")
    await _with_lists(*_DOWNLOAD, "download", package, *libraries, folder=partial)
    for archive in sorted(partial.glob("*.deb")):
        await said("dpkg", "-x", str(archive), "root", folder=partial)
    (partial / "root").rename(found)
    shutil.rmtree(partial)
    return found


async def from_npm(package: str, version: str) -> Path:
    """The directory of an npm package, installed in the cache. Raises Unavailable."""
    prefix = CACHE / f"npm-{package.lower()}-{version}"
    found = prefix / "node_modules" / package
    if not found.exists():
        partial = _emptied(prefix.with_suffix(".partial"))
        flags = ("--no-audit", "--no-fund", "--no-update-notifier", "--omit=optional", "--ignore-scripts")
        await said("npm", "install", "--prefix", str(partial), *flags, f"{package}@{version}")
        shutil.rmtree(prefix, ignore_errors=True)
        partial.rename(prefix)
    return found


async def _with_lists(*command: str, folder: Path | None = None) -> None:
    """Once more with fresh package lists if it fails."""
    try:
        await said(*command, folder=folder)
    except Unavailable:
        if os.geteuid() == 0:
            await said("apt-get", "update", "-qq")
        await said(*command, folder=folder)


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
