"""Signs messages with DKIM in threads; RSA runs outside of the GIL, so the loop goes on meanwhile."""

import asyncio
import os
from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

from core.clock import Clock
from core.errors import OperatorError
from engine.mail import dkim, header
from engine.mail.dkim import Key
from engine.mail.settings import DkimKeySettings

_MAX_THREADS = 4
_AT_ONCE = 8
"""Messages that a thread takes at a time: to wake a thread costs a tenth of an RSA signature."""


class _Wanted(NamedTuple):
    content: bytes
    at: int
    done: asyncio.Future[bytes]


class Signer:
    """`keys` by their domain. Without keys nothing is done, and nothing is spent."""

    def __init__(self, keys: Mapping[str, tuple[Key, ...]], clock: Clock) -> None:
        self._keys = dict(keys)
        self._clock = clock
        self._threads: ThreadPoolExecutor | None = None
        self._idle = min(_MAX_THREADS, os.cpu_count() or 1)
        self._waiting: deque[_Wanted] = deque()
        if self._keys:
            self._threads = ThreadPoolExecutor(self._idle, thread_name_prefix="dkim")

    @property
    def active(self) -> bool:
        """Whether there is any key."""
        return self._threads is not None

    async def signed(self, content: bytes) -> bytes:
        """The message with a signature of each key of its From domain on top, or as it was."""
        loop = asyncio.get_running_loop()
        wanted = _Wanted(content, int(self._clock.now().timestamp()), loop.create_future())
        self._waiting.append(wanted)
        if len(self._waiting) == 1:
            loop.call_soon(self._hand_out)  # what else comes in this turn of the loop shares the thread
        return await wanted.done

    def close(self) -> None:
        if self._threads is not None:
            self._threads.shutdown()

    def _hand_out(self) -> None:
        """Share what waits among the threads that idle; the others come back for more."""
        while self._waiting and self._idle and self._threads is not None:
            share = min(_AT_ONCE, -(-len(self._waiting) // self._idle))
            taken = [self._waiting.popleft() for _ in range(share)]
            self._idle -= 1
            work = asyncio.get_running_loop().run_in_executor(self._threads, _sign_all, self._keys, taken)
            work.add_done_callback(partial(self._take_back, taken))

    def _take_back(self, taken: list[_Wanted], work: asyncio.Future[list[bytes | Exception]]) -> None:
        self._idle += 1
        for wanted, made in zip(taken, work.result(), strict=True):
            if wanted.done.done():
                continue  # whoever wanted it has gone
            if isinstance(made, Exception):
                wanted.done.set_exception(made)
            else:
                wanted.done.set_result(made)
        self._hand_out()


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


def _sign_all(keys: dict[str, tuple[Key, ...]], wanted: Iterable[_Wanted]) -> list[bytes | Exception]:
    return [_sign(keys, each) for each in wanted]


def _sign(keys: dict[str, tuple[Key, ...]], wanted: _Wanted) -> bytes | Exception:
    content = wanted.content
    try:
        return dkim.sign(content, dkim.keys_for(keys, content), wanted.at) + content
    except Exception as error:  # noqa: BLE001 - one message's trouble is not its neighbours'
        return error
