"""TLS contexts for both sides. Certificates are files; how they got there is the operator's affair."""

import contextlib
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from core.errors import OperatorError
from engine.smtp.client import TlsPolicy

HANDSHAKE_SECONDS: Final = 30.0
"""How long a handshake may take, in real seconds, on either side."""

_OPPORTUNISTIC_CIPHERS: Final = "DEFAULT:@SECLEVEL=0"
"""Unverified TLS replaces clear text, not good TLS: a peer's short key is better than none (RFC 7435)."""


@dataclass(frozen=True, slots=True)
class TlsWish:
    """How one outgoing connection is to be encrypted.

    `name` is for SNI, and what a certificate must say where it is verified.
    """

    policy: TlsPolicy
    context: ssl.SSLContext | None = None
    name: str | None = None


IN_CLEAR: Final = TlsWish(TlsPolicy.NEVER)


@dataclass(frozen=True, slots=True)
class Secured:
    """What a handshake agreed on, as OpenSSL names it: `TLSv1.3`, `TLS_AES_256_GCM_SHA384`."""

    protocol: str
    cipher: str


def secured(ssl_object: object) -> Secured:
    """Read it off a transport's `ssl_object`."""
    if not isinstance(ssl_object, ssl.SSLObject | ssl.SSLSocket):
        return Secured("TLS", "")
    cipher = ssl_object.cipher()
    return Secured(ssl_object.version() or "TLS", cipher[0] if cipher else "")


def opportunistic_context() -> ssl.SSLContext:
    """For peers that nobody vouches for: any certificate, TLS 1.2 or newer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers(_OPPORTUNISTIC_CIPHERS)
    return context


def verifying_context(trust: Path | None) -> ssl.SSLContext:
    """For peers whose certificate must be good. Raises OperatorError when `trust` holds no certificate."""
    try:
        return ssl.create_default_context(cafile=str(trust) if trust else None)
    except OSError as error:
        raise OperatorError(f"engine.tls-trust: {trust} cannot be used: {error}") from error


@dataclass(slots=True)
class Certificate:
    """Our own certificate, taken up anew when its file has changed: renewals need no restart."""

    certificate: Path
    key: Path
    _context: ssl.SSLContext = field(init=False, repr=False)
    _seen: tuple[float, float] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Raises OperatorError when the files are no pair of certificate and key."""
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            self._seen = self._dates()
            self._context.load_cert_chain(self.certificate, self.key)
        except OSError as error:
            raise OperatorError(
                f"engine.tls: {self.certificate} and {self.key} cannot be used: {error}"
            ) from error

    def context(self) -> ssl.SSLContext:
        """For the next handshake. While changed files are no pair (a renewal is under way) the old stay."""
        with contextlib.suppress(OSError):
            dates = self._dates()
            if dates != self._seen:
                fresh = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                fresh.load_cert_chain(self.certificate, self.key)
                self._context, self._seen = fresh, dates
        return self._context

    def _dates(self) -> tuple[float, float]:
        return self.certificate.stat().st_mtime, self.key.stat().st_mtime
