"""Who may log in on the listener: names, passwords and how long somebody who guesses is turned away.

Every check costs the same whether the name exists or not, so that the time of an answer tells nothing.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from pydantic import Field, SecretStr

from core.address import IpAddress
from core.errors import OperatorError
from core.settings import Settings

_SCHEME: Final = "scrypt"
_COST, _BLOCK, _LANES = 2**14, 8, 1
"""OWASP's interactive setting for 16 MiB, about 40 ms; RFC 7914 section 2."""
_MEMORY: Final = 256 * 1024 * 1024

LOCKOUT_FAILURES: Final = 10
LOCKOUT_SECONDS: Final = 600.0
_MOST_PEERS: Final = 10_000


class Submitter(Settings):
    """One user who may log in with AUTH and send to anybody."""

    name: str = Field(description="The user name; appears in accounting as rcvSmtpUser.")
    password: SecretStr | None = Field(
        None,
        description="The password, best from ${ENV}, or its hash from python -m engine.submitters.",
    )
    password_file: Path | None = Field(
        None, description="A file that holds the password or its hash, instead of password."
    )


@dataclass(frozen=True, slots=True)
class _Hash:
    """`scrypt:N:r:p:SALT:KEY`, salt and key in base64."""

    cost: int
    block: int
    lanes: int
    salt: bytes
    key: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError."""
        scheme, cost, block, lanes, salt, key = text.split(":")
        if scheme != _SCHEME:
            raise ValueError(scheme)
        made = cls(int(cost), int(block), int(lanes), base64.b64decode(salt), base64.b64decode(key))
        made.matches("")  # the numbers must be ones that scrypt takes
        return made

    @classmethod
    def of(cls, password: str, salt: bytes) -> Self:
        return cls(_COST, _BLOCK, _LANES, salt, _derived(password, salt, _COST, _BLOCK, _LANES))

    def matches(self, password: str) -> bool:
        given = _derived(password, self.salt, self.cost, self.block, self.lanes)
        return hmac.compare_digest(given, self.key)

    def __str__(self) -> str:
        salt, key = base64.b64encode(self.salt).decode(), base64.b64encode(self.key).decode()
        return f"{_SCHEME}:{self.cost}:{self.block}:{self.lanes}:{salt}:{key}"


def hashed(password: str) -> str:
    """A password as it may stand in the configuration file."""
    return str(_Hash.of(password, secrets.token_bytes(16)))


class Submitters:
    """The users. `matches` blocks for some 40 ms: call it in a thread."""

    def __init__(self, users: Iterable[Submitter]) -> None:
        """Raises OperatorError that names the user whose password cannot be had, never the password."""
        self._hashes = {user.name: _read(user) for user in users}
        self._nobody = _Hash.of(secrets.token_hex(), secrets.token_bytes(16))

    def __bool__(self) -> bool:
        return bool(self._hashes)

    def matches(self, name: str, password: str) -> bool:
        """Whether this is that user's password."""
        return self._hashes.get(name, self._nobody).matches(password)


@dataclass(slots=True)
class Lockouts:
    """Peers that guessed too often. Times are monotonic seconds of the caller's."""

    failures: int = LOCKOUT_FAILURES
    seconds: float = LOCKOUT_SECONDS
    _wrong: OrderedDict[IpAddress, list[float]] = field(default_factory=OrderedDict, repr=False)

    def holds(self, peer: IpAddress, now: float) -> bool:
        """Whether the peer has failed too often of late to be asked at all."""
        recent = [at for at in self._wrong.get(peer, ()) if at > now - self.seconds]
        return len(recent) >= self.failures

    def failed(self, peer: IpAddress, now: float) -> None:
        recent = [at for at in self._wrong.pop(peer, []) if at > now - self.seconds]
        self._wrong[peer] = [*recent, now][-self.failures :]
        if len(self._wrong) > _MOST_PEERS:
            self._wrong.popitem(last=False)

    def succeeded(self, peer: IpAddress) -> None:
        self._wrong.pop(peer, None)


def _derived(password: str, salt: bytes, cost: int, block: int, lanes: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=cost, r=block, p=lanes, maxmem=_MEMORY, dklen=32)


def _read(user: Submitter) -> _Hash:
    text = user.password.get_secret_value() if user.password else _from_file(user)
    if not text:
        raise OperatorError(f"engine.submitters: {user.name} has neither password nor password-file")
    if not text.startswith(f"{_SCHEME}:"):
        return _Hash.of(text, secrets.token_bytes(16))
    try:
        return _Hash.parse(text)
    except (ValueError, binascii.Error):
        raise OperatorError(
            f"engine.submitters: the {_SCHEME} hash of {user.name} is malformed;"
            " make one with python -m engine.submitters"
        ) from None


def _from_file(user: Submitter) -> str:
    if user.password_file is None:
        return ""
    try:
        return user.password_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise OperatorError(
            f"engine.submitters: the password-file of {user.name}, {user.password_file}, cannot be read:"
            f" {error.strerror}"
        ) from error


if __name__ == "__main__":
    import getpass
    import sys

    sys.stdout.write(hashed(getpass.getpass()) + "\n")
