"""The machine: the configuration file's mode, disks, the clock, and whether source IPs can be bound."""

import ctypes
import errno
import shutil
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from core.address import IpAddress, SourceIp
from tidegate.config.secrets import secrets_of
from tidegate.doctor.finding import Finding, Patient, Verdict, broken, fine, some, unwise

_READABLE_BY_ALL: Final = 0o004
_OPEN_TO_OTHERS: Final = 0o007
_HOPELESS_BYTES: Final = 16 * 1024 * 1024
_TIME_ERROR: Final = 5
"""adjtimex(2): the clock is not synchronised."""
_TIMEX_BYTES: Final = 512
"""More than a struct timex has anywhere."""


def files(patient: Patient) -> Sequence[Finding]:
    """Whether the configuration holds secrets that everybody on the machine can read."""
    path = Path(patient.path)
    text = path.read_text(encoding="utf-8")
    inside = [s for s in secrets_of(patient.config) if s.get_secret_value() and s.get_secret_value() in text]
    if inside and path.stat().st_mode & _READABLE_BY_ALL:
        return [
            unwise(
                "files",
                f"{path} holds {len(inside)} secrets and can be read by everybody",
                f"chmod 640 {path}, or move them out with ${{NAME}} or …-file: PATH",
            )
        ]
    kept = f"{len(inside)} secrets in it, readable by owner and group alone" if inside else "no secret in it"
    return [fine("files", f"{path}: {kept}")]


def spool(patient: Patient) -> Sequence[Finding]:
    """Room on the spool's disk, and who may read the mail in it."""
    settings = patient.config.engine
    where = settings.spool
    if where.exists() and where.stat().st_mode & _OPEN_TO_OTHERS:
        return [unwise("spool", f"others may look into {where}, where mail is kept", f"chmod 700 {where}")]
    free = shutil.disk_usage(_existing(where)).free
    said = f"{free / 1e9:.1f} GB free at {where}"
    if free < min(_HOPELESS_BYTES, settings.spool_low):
        return [broken("spool", f"{said}: no mail can be taken", "make room, or move engine.spool")]
    if free < settings.spool_low:
        return [unwise("spool", f"{said}, less than engine.spool-low", "make room, or move engine.spool")]
    return [fine("spool", said)]


def _existing(path: Path) -> Path:
    return next(place for place in (path.absolute(), *path.absolute().parents) if place.exists())


def clock(patient: Patient) -> Sequence[Finding]:
    """Whether the kernel thinks that its clock is right: leases, digests and SNDS days hang on it."""
    synchronised = is_synchronised()
    said = f"{patient.now:%Y-%m-%d %H:%M:%S} UTC, digest in {patient.config.monitor.digest.time_zone}"
    if synchronised is None:
        return [
            Finding("clock", Verdict.UNKNOWN, f"{said}; this system does not tell whether it is synchronised")
        ]
    if not synchronised:
        return [
            unwise(
                "clock",
                f"{said}; the kernel says that its clock is not synchronised",
                "run chrony or systemd-timesyncd (in a container: on its host)",
            )
        ]
    return [fine("clock", f"{said}, synchronised")]


def is_synchronised() -> bool | None:
    """What adjtimex(2) says, asking only; None where there is no such call."""
    try:
        state = int(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES)))
    except (AttributeError, OSError):
        return None
    return None if state < 0 else state != _TIME_ERROR


def source_ips(patient: Patient) -> Sequence[Finding]:
    """Whether each source IP's socket address is on this machine."""
    sources = patient.config.source_ips
    if not sources:
        return [unwise("source IPs", "there is none, so nothing is watched", "name yours under ip-lists")]
    missing = [source for source in sources if not can_bind(source.bind)]
    if not missing:
        return [fine("source IPs", f"all {len(sources)} can be bound")]
    return [
        broken(
            "source IPs",
            f"{len(missing)} of {len(sources)} cannot be bound: {some(map(_named, missing))}",
            "add them to an interface (ip address add …), or write {address: …, bind: …} where NAT is "
            "between; a machine that only watches needs neither",
        )
    ]


def _named(source: SourceIp) -> str:
    return str(source.bind) if source.bind == source.address else f"{source.bind} (of {source.address})"


def can_bind(address: IpAddress) -> bool:
    """Whether a socket can be bound to the address here."""
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((str(address), 0))
    except OSError as error:
        if error.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
            return False
        raise
    return True
