"""Signs messages with DKIM in threads; RSA runs outside of the GIL, so the loop goes on meanwhile."""

import asyncio
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from core.clock import Clock
from core.errors import OperatorError
from engine.mail import dkim, header
from engine.mail.dkim import Key
from engine.mail.settings import DkimKeySettings
from engine.smtp.data import normalise

_MAX_THREADS = 4


class Signer:
    """`keys` by their domain. Without keys nothing is done, and nothing is spent."""

    def __init__(self, keys: Mapping[str, tuple[Key, ...]], clock: Clock) -> None:
        self._keys = dict(keys)
        self._clock = clock
        self._threads: ThreadPoolExecutor | None = None
        if self._keys:
            most = min(_MAX_THREADS, os.cpu_count() or 1)
            self._threads = ThreadPoolExecutor(most, thread_name_prefix="dkim")

    @property
    def active(self) -> bool:
        """Whether there is any key."""
        return self._threads is not None

    async def signed(self, content: bytes) -> bytes:
        """The message with a signature of each key of its From domain on top, or as it was."""
        if self._threads is None:
            return content
        keys = dkim.keys_for(self._keys, content)
        if not keys:
            return content
        at = int(self._clock.now().timestamp())
        return await asyncio.get_running_loop().run_in_executor(self._threads, _sign, content, keys, at)

    def close(self) -> None:
        if self._threads is not None:
            self._threads.shutdown()


def load_keys(written: Iterable[DkimKeySettings]) -> dict[str, tuple[Key, ...]]:
    """Read the key files. Raises OperatorError that names the file and what to do."""
    found: dict[str, tuple[Key, ...]] = {}
    for settings in written:
        domain = header.a_label(settings.domain)
        where = f"engine.dkim-keys: {settings.key_file}"
        if any(key.selector == settings.selector for key in found.get(domain, ())):
            raise OperatorError(
                f"{where}: selector {settings.selector} of {domain} stands twice; each key needs its own"
            )
        found[domain] = (*found.get(domain, ()), _load(settings, domain, where))
    return found


def _load(settings: DkimKeySettings, domain: str, where: str) -> Key:
    try:
        pem = settings.key_file.read_bytes()
    except OSError as error:
        raise OperatorError(
            f"{where}: the key of {domain} cannot be read: {error.strerror}; make one with"
            f" openssl genrsa -out {settings.key_file} 2048, readable for this user alone"
        ) from error
    return Key(
        domain,
        settings.selector,
        dkim.load_private_key(pem, settings.algorithm, where),
        settings.header_canonicalization,
        settings.body_canonicalization,
        frozenset(name.lower().encode() for name in (*settings.headers, "from")),
    )


def _sign(content: bytes, keys: tuple[Key, ...], at: int) -> bytes:
    content = normalise(content)
    return dkim.sign(content, keys, at) + content
