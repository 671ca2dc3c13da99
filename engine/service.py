"""Runs one engine: spool, SMTP listener and control API around it, until told to stop."""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from core.address import IpAddress
from core.clock import Clock
from core.errors import OperatorError
from engine.api.app import application
from engine.delivery.routing import split_host
from engine.engine import Engine
from engine.listener import Listener, ListenerSettings
from engine.reload import Source
from engine.settings import EngineSettings, TlsSettings
from engine.smtp.limits import ServerLimits
from engine.spool.log import LogSpool
from engine.state import StateStore
from engine.submitters import Submitters
from engine.tls import Certificate
from engine.validation import check

log = logging.getLogger(__name__)

_SOCKET_MODE = 0o660
_API_GRACE_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Running:
    """A started engine and where it really listens."""

    engine: Engine
    smtp: list[tuple[str, int]]
    api: str


@contextlib.asynccontextmanager
async def running(
    settings: EngineSettings,
    clock: Clock,
    binds: Mapping[IpAddress, IpAddress] | None = None,
    reload: Source | None = None,
) -> AsyncIterator[Running]:
    """An engine that takes mail, delivers and answers, for as long as the context is open.

    `reload` reads the configuration afresh. Raises OperatorError when an address cannot be listened on or
    the spool is in use.
    """
    check(settings)
    spool = await LogSpool.open(settings.spool)
    engine = Engine(settings, clock, spool, StateStore(settings.spool / "state.db"), binds)
    limits = ServerLimits(
        hostname=settings.hostname,
        max_size=settings.max_message_size,
        open_to=engine.correspondence.intake.takes,
    )
    listener = Listener(_listener_settings(settings, limits), engine.reception.accept)
    engine.reloads.source = reload
    engine.sessions = lambda: listener.sessions
    door = _ApiServer(engine)
    try:
        await engine.start()
        door.start()
        await _listen(listener)
        log.info("The engine runs", extra={"event": "engine.started", "smtp": listener.addresses})
        yield Running(engine, listener.addresses, door.address)
    finally:
        await listener.stop()
        await door.stop()
        await engine.stop()


async def serve(
    settings: EngineSettings,
    clock: Clock,
    stop: asyncio.Event,
    binds: Mapping[IpAddress, IpAddress] | None = None,
    *,
    reload: Source | None = None,
    started: Callable[[Running], None] = lambda _running: None,
) -> None:
    """Run until `stop` is set, then drain."""
    async with running(settings, clock, binds, reload) as run:
        started(run)
        await stop.wait()


async def _listen(listener: Listener) -> None:
    try:
        await listener.start()
    except OSError as error:
        raise OperatorError(f"engine.listen: {error.strerror}; is another mail server there?") from error


def _listener_settings(settings: EngineSettings, limits: ServerLimits) -> ListenerSettings:
    hosts = [split_host(text, 25) for text in settings.listen]
    return ListenerSettings(
        addresses=tuple((host.name, host.port) for host in hosts),
        relay_from=settings.relay_from,
        limits=limits,
        max_sessions=settings.max_sessions,
        max_sessions_per_peer=settings.max_sessions,
        certificate=_certificate(settings.tls),
        submitters=Submitters(settings.submitters) if settings.submitters else None,
        clear_login_on_loopback=settings.clear_login_on_loopback,
    )


def _certificate(tls: TlsSettings) -> Certificate | None:
    return Certificate(tls.certificate, tls.key) if tls.certificate and tls.key else None


class _QuietServer(uvicorn.Server):
    """uvicorn without its own signal handlers: the process decides when to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _ApiServer:
    """The control API on its socket."""

    def __init__(self, engine: Engine) -> None:
        self._listen = engine.settings.control_api.listen
        self._engine = engine
        self._app = application(engine)
        self._task: asyncio.Task[None] | None = None
        self._server: _QuietServer | None = None
        self.address = ""

    def start(self) -> None:
        """Begin to answer. Raises OperatorError."""
        try:
            listening = _unix(self._listen) if self._listen.startswith("unix:") else _tcp(self._listen)
        except OSError as error:
            raise OperatorError(
                f"engine.control-api.listen: {self._listen} cannot be had: {error.strerror}"
            ) from error
        self.address = _address_of(listening)
        config = uvicorn.Config(
            self._app,
            log_config=None,
            lifespan="off",
            access_log=False,
            ws="none",
            timeout_graceful_shutdown=_API_GRACE_SECONDS,
        )
        self._server = _QuietServer(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[listening]))

    async def stop(self) -> None:
        """Finish the requests under way and stop; those who follow are let go."""
        self._engine.events.close()
        self._engine.traces.close()
        if self._server and self._task:
            self._server.should_exit = True
            await self._task


def _unix(listen: str) -> socket.socket:
    path = Path(listen.removeprefix("unix:"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX)
    before = os.umask(0o117)
    try:
        listening.bind(str(path))
    finally:
        os.umask(before)
    path.chmod(_SOCKET_MODE)
    return listening


def _tcp(listen: str) -> socket.socket:
    host = split_host(listen, 8025)
    family = socket.AF_INET6 if ":" in host.name else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((host.name, host.port))
    return listening


def _address_of(listening: socket.socket) -> str:
    name = listening.getsockname()
    return f"unix:{name}" if isinstance(name, str) else f"http://{name[0]}:{name[1]}"
