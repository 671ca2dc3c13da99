"""Keeps an SNDS sign-in in its file and renews it. A refresh token works once: one process renews at a time.

The file has mode 0600 and is replaced whole; `FILE.lock` beside it is locked while a token is being used up.
"""

import asyncio
import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final

import httpx
from pydantic import SecretStr

from core.errors import SignalError
from monitor.collectors import download, snds_sign_in
from monitor.collectors.snds_settings import SndsOAuth
from monitor.collectors.snds_sign_in import SignIn, SignInOver

_LONGEST: Final = 64 * 1024
_OTHERS: Final = 0o077
_PAUSE: Final = 0.05


class TokenKeeper:
    """One account's sign-in. Blocks: call it in a thread. Raises SignalError alone, no token in it."""

    def __init__(self, account: str, file: Path, oauth: SndsOAuth, seconds: float) -> None:
        self._account = account
        self._file = file
        self._oauth = oauth
        self._seconds = seconds
        self._unsaved: SignIn | None = None
        download.keep_urls_out_of_logs()

    def access_token(self, now: datetime, refused: SecretStr | None = None) -> SecretStr:
        """A token to ask SNDS with; renewed when it is about to end, or is the one that SNDS `refused`."""
        kept = self.kept()
        if kept.is_fresh(now) and kept.access_token != refused and self._unsaved is None:
            return kept.access_token
        with self._locked():
            kept = self.kept()  # somebody else may have renewed it while we waited
            self._save_late(kept)
            if kept.is_fresh(now) and kept.access_token != refused:
                return kept.access_token
            return self._renewed(kept, now).access_token

    def kept(self) -> SignIn:
        """The sign-in as it stands. Raises SignInOver when a person has to sign in."""
        kept = self._newest()
        if kept.ended:
            raise SignInOver(self._account, kept.ended)
        return kept

    def begin(self, attempt: snds_sign_in.Attempt, code: str, now: datetime) -> SignIn:
        """Turn a code into a sign-in and keep it."""
        with self._locked():
            form = snds_sign_in.exchange(self._oauth, attempt, code)
            fresh = snds_sign_in.issued(*self._ask(form), now, self._account)
            self._write(fresh)
            self._unsaved = None
        return fresh

    def _newest(self) -> SignIn:
        mine = self._unsaved
        if mine is None:
            return self._read()
        try:
            stored = self._read()
        except SignalError:
            return mine
        return max(mine, stored, key=lambda one: one.obtained_at)

    def _save_late(self, kept: SignIn) -> None:
        """What could not be written when it came."""
        if kept is self._unsaved:
            self._write(kept)
        self._unsaved = None

    def _renewed(self, kept: SignIn, now: datetime) -> SignIn:
        if kept.refresh_token is None:
            raise SignInOver(self._account, "the sign-in has ended and came without a refresh token")
        form = snds_sign_in.renewal(self._oauth, kept)
        try:
            fresh = snds_sign_in.issued(*self._ask(form), now, self._account, kept)
        except SignInOver as error:
            # asking again with a used token looks like theft: it is asked once
            self._write(kept.model_copy(update={"ended": error.why}))
            raise
        self._unsaved = fresh  # the old token is used up: should the disk be full, we can still go on
        self._write(fresh)
        self._unsaved = None
        return fresh

    def _ask(self, form: dict[str, str]) -> tuple[int, bytes]:
        # a loop of its own: stopping the monitor must not cut an exchange in half, or the new token is lost
        return asyncio.run(self._post(form))

    async def _post(self, form: dict[str, str]) -> tuple[int, bytes]:
        try:
            async with (
                asyncio.timeout(self._seconds),
                httpx.AsyncClient(follow_redirects=False, timeout=self._seconds) as client,
                client.stream("POST", self._oauth.token_url, data=form, headers=download.ACCEPTED) as answer,
            ):
                return answer.status_code, await download.read(answer, _LONGEST, "the sign-in server")
        except TimeoutError:
            raise SignalError(f"the sign-in server did not finish within {self._seconds:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ValueError) as error:
            raise SignalError(f"the sign-in server could not be asked: {type(error).__name__}") from None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock, or raise SignalError when another process does not let go of it."""
        path = Path(f"{self._file}.lock")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SignalError(f"{path} cannot be opened: {error.strerror}") from None
        try:
            # the other one waits for the same server as we would, then for us nothing is left to do
            for _ in range(int(2 * self._seconds / _PAUSE) + 1):
                with suppress(BlockingIOError):
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                time.sleep(_PAUSE)
            else:
                raise SignalError(f"another process holds {path}")
            yield
        finally:
            os.close(lock)

    def _read(self) -> SignIn:
        file = self._file
        try:
            if file.stat().st_mode & _OTHERS:
                raise SignalError(f"others may read {file}: chmod 600 {file}", permanent=True)
            return snds_sign_in.stored(file.read_text("utf-8"))
        except FileNotFoundError:
            raise SignInOver(self._account, "nobody has signed in yet") from None
        except OSError as error:
            raise SignalError(f"{file} cannot be read: {error.strerror}") from None
        except ValueError:
            raise SignInOver(self._account, f"{file} holds no sign-in") from None

    def _write(self, kept: SignIn) -> None:
        """Replace the file as a whole: after a crash it holds the one or the other sign-in."""
        file = self._file
        try:
            handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)  # mode 0600
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as out:
                    out.write(kept.model_dump_json())
                    out.flush()
                    os.fsync(out.fileno())
                Path(name).replace(file)
            except BaseException:
                with suppress(OSError):
                    Path(name).unlink()
                raise
            _sync_directory(file.parent)
        except OSError as error:
            raise SignalError(f"the sign-in cannot be kept in {file}: {error.strerror}") from None


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
