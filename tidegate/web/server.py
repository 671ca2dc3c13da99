"""uvicorn inside the watch process: it begins and stops with it."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

import uvicorn
from fastapi import FastAPI

from core.errors import OperatorError
from tidegate.web.settings import UNIX

_GRACE_SECONDS: Final = 5
_SOCKET_MODE: Final = 0o660
_MOST_CONNECTIONS: Final = 100


class _QuietServer(uvicorn.Server):
    """uvicorn without its own signal handlers: the process decides when to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class WebServer:
    """An application on a socket. `address` is where it really listens.

    `before_end` lets go of whoever would listen for ever.
    """

    def __init__(
        self, app: FastAPI, listen: str, before_end: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        self._app = app
        self._before_end = before_end
        self._listen = listen
        self._task: asyncio.Task[None] | None = None
        self._server: _QuietServer | None = None
        self.address = ""

    def start(self) -> None:
        """Begin to answer. Raises OperatorError."""
        try:
            listening = _unix(self._listen) if self._listen.startswith(UNIX) else _tcp(self._listen)
        except OSError as error:
            raise OperatorError(f"web.listen: {self._listen} cannot be had: {error.strerror}") from error
        name = listening.getsockname()
        self.address = f"{UNIX}{name}" if isinstance(name, str) else f"http://{name[0]}:{name[1]}"
        config = uvicorn.Config(
            self._app,
            log_config=None,
            lifespan="off",
            access_log=False,
            ws="none",
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        self._server = _QuietServer(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[listening]))

    async def stop(self) -> None:
        """Finish the requests under way and stop."""
        if self._before_end:
            await self._before_end()
        if self._server and self._task:
            self._server.should_exit = True
            await self._task


def _unix(listen: str) -> socket.socket:
    path = Path(listen.removeprefix(UNIX))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX)
    before = os.umask(0o117)
    try:
        listening.bind(str(path))
    except OSError:
        listening.close()
        raise
    finally:
        os.umask(before)
    path.chmod(_SOCKET_MODE)
    return listening


def _tcp(listen: str) -> socket.socket:
    host, _, port = listen.rpartition(":")
    name = host.removeprefix("[").removesuffix("]")
    listening = socket.socket(socket.AF_INET6 if ":" in name else socket.AF_INET)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((name, int(port)))
        listening.listen()  # else two may have bound it, and neither would know before it is too late
    except OSError:
        listening.close()
        raise
    return listening
