"""How each outgoing connection is to be encrypted, and which hosts cannot although they say so."""

import logging
import ssl
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from core.clock import NANOSECONDS, Clock
from core.text import printable
from engine import tls
from engine.directives import DomainSettings
from engine.smtp.client import TlsPolicy
from engine.tls import IN_CLEAR, TlsWish

log = logging.getLogger(__name__)

CLEAR_FOR: Final = timedelta(hours=1)
"""How long a host whose handshake failed is spoken to in the clear, where TLS is not required."""

_MOST_HOSTS: Final = 10_000


@dataclass
class Encryption:
    """Wishes for connections. Remembers failed handshakes in memory only: a restart tries again."""

    clock: Clock
    trust: Path | None = None
    _clear_until: dict[tuple[str, int], int] = field(default_factory=dict)

    @cached_property
    def _opportunistic(self) -> ssl.SSLContext:
        return tls.opportunistic_context()

    @cached_property
    def _verifying(self) -> ssl.SSLContext:
        return tls.verifying_context(self.trust)

    def wish(self, settings: DomainSettings, name: str, address: tuple[str, int]) -> TlsWish:
        """For a connection to that address, which is the MX host `name`. Raises OperatorError."""
        if settings.tls_verify:
            return TlsWish(TlsPolicy.REQUIRED, self._verifying, name)
        if settings.require_starttls:
            return TlsWish(TlsPolicy.REQUIRED, self._opportunistic, _sni(name))
        if not settings.use_starttls or self._clear_until.get(address, 0) > self.clock.monotonic_ns():
            return IN_CLEAR
        return TlsWish(TlsPolicy.OPPORTUNISTIC, self._opportunistic, _sni(name))

    def failed(self, address: tuple[str, int], why: str) -> None:
        """A host's handshake failed: opportunism does without for a while."""
        now = self.clock.monotonic_ns()
        if len(self._clear_until) >= _MOST_HOSTS:
            self._clear_until = {host: until for host, until in self._clear_until.items() if until > now}
        if len(self._clear_until) < _MOST_HOSTS:
            self._clear_until[address] = now + int(CLEAR_FOR.total_seconds()) * NANOSECONDS
        log.warning(
            "TLS failed; the host gets its mail in the clear for an hour.",
            extra={"event": "delivery.tls_failed", "peer": address[0], "error": printable(why)},
        )


def _sni(name: str) -> str | None:
    """RFC 6066 section 3: no address literals."""
    try:
        ip_address(name)
    except ValueError:
        return name
    return None
