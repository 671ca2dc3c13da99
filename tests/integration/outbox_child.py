"""A watch process in small that is killed at its n-th step: run by test_outbox_killed.

    python outbox_child.py SMTP_PORT HTTP_PORT FOLDER FIRST LAST STRIDE

For every n from FIRST to LAST by STRIDE (or until a life goes by without a kill): a database of its own, a life that is
killed with SIGKILL before its n-th step, and lives that go on to the end. A step is every SQL statement,
every commit, and every call of a courier before and after. Prints one JSON line for each n.
"""

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import Engine, event

from core.clock import ManualClock
from monitor.collectors.collected import Collected
from monitor.notifications.channels.couriers import couriers
from monitor.notifications.channels.settings import ChannelSettings, WebhookSettings
from monitor.notifications.courier import Courier
from monitor.notifications.sender import Sender
from monitor.notifications.settings import NotificationRoute, SmtpSettings, StartTls
from monitor.settings import MonitorSettings
from monitor.watcher import Watcher
from storage import database, outbox
from storage.outbox import ClaimedMail
from tests.unit.monitor.watching import START, clean, listed, monitor_settings

ALIVE, MISSED = 0, 3
OPENED = START + timedelta(seconds=3630)


class Steps:
    """Counts steps and kills the process before the one that is asked for."""

    def __init__(self, last: int) -> None:
        self.last, self.count = last, 0

    def step(self, *_: object) -> None:
        self.count += 1
        if self.count == self.last:
            os.kill(os.getpid(), signal.SIGKILL)


class Stepping:
    """A courier with a step before it begins and one after the other side has taken the message."""

    def __init__(self, courier: Courier, steps: Steps) -> None:
        self._courier, self._steps = courier, steps

    async def carry(self, message: ClaimedMail) -> None:
        self._steps.step()
        await self._courier.carry(message)
        self._steps.step()


def settings(smtp_port: int, http_port: int) -> MonitorSettings:
    hook = WebhookSettings(url=SecretStr(f"http://127.0.0.1:{http_port}/"))
    return monitor_settings(
        smtp=SmtpSettings(host="127.0.0.1", port=smtp_port, starttls=StartTls.NEVER),
        channels=ChannelSettings(webhooks={"hook": hook}),
        routes={"all": NotificationRoute(channels=["hook"])},
    )


def begun(folder: Path, settings: MonitorSettings) -> Path:
    """What was known before the life that is killed: clean, then seen once on a list."""
    engine = database.open_database(f"sqlite:///{folder}/before.db")
    database.upgrade(engine)
    clock = ManualClock(START)
    watcher = Watcher(engine, clock, settings)
    watcher.take(Collected("test", [clean(START)]))
    clock.advance(3600)
    watcher.take(Collected("test", [listed(clock.now())]))
    engine.dispose()  # the last connection writes SQLite's log into the file
    return folder / "before.db"


def life(engine: Engine, settings: MonitorSettings, steps: Steps, after: timedelta) -> None:
    """The incident opens (once more, if the last life did not keep it), the first mail is due, all is sent."""
    event.listen(engine, "before_cursor_execute", steps.step)
    event.listen(engine, "commit", steps.step)
    clock = ManualClock(OPENED + after)
    watcher = Watcher(engine, clock, settings)
    watcher.take(Collected("test", [listed(OPENED + after)]))
    clock.advance(61)
    watcher.tick()
    known = couriers(settings.notifications, clock)
    sender = Sender(
        engine, clock, settings.notifications, {name: Stepping(one, steps) for name, one in known.items()}
    )
    asyncio.run(sender.deliver())
    steps.step()


def lived(url: str, settings: MonitorSettings, last: int, after: timedelta) -> int:
    """One life in a process of its own; its exit status."""
    child = os.fork()
    if child == 0:
        status = MISSED
        try:
            life(database.open_database(url), settings, Steps(last), after)
            status = ALIVE
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1]


def _warm_up(before: Path, settings: MonitorSettings) -> None:
    """A whole life here, so that no child has to compile templates and statements anew."""
    engine = database.open_database(_copy(before, 0))
    life(engine, _of_walk(settings, 0), Steps(0), timedelta(0))
    engine.dispose()  # nothing open is carried over a fork


def _copy(before: Path, number: int) -> str:
    file = before.with_name(f"{number}.db")
    shutil.copy(before, file)
    return f"sqlite:///{file}"


def _of_walk(settings: MonitorSettings, number: int) -> MonitorSettings:
    """Every address tells the receivers which walk a message belongs to."""
    changes = {"recipients": [f"walk-{number}@example.com"], "sender": f"tidegate@walk-{number}.example"}
    return settings.model_copy(update={"notifications": settings.notifications.model_copy(update=changes)})


def walk(smtp_port: int, http_port: int, folder: Path, numbers: Iterable[int]) -> None:
    folder.mkdir()
    wanted = settings(smtp_port, http_port)
    before = begun(folder, wanted)
    _warm_up(before, wanted)
    for number in numbers:
        url, mine = _copy(before, number), _of_walk(wanted, number)
        killed = lived(url, mine, number, timedelta(0))
        again = [lived(url, mine, 0, timedelta(minutes=10 * n)) for n in (1, 2)]
        with database.reading(database.open_database(url)) as session:
            left = [m.state.value for m in (*outbox.pending(session), *outbox.dead(session))]
            sent = [m.idempotency_key for m in outbox.sent(session)]
        said = {"step": number, "killed": killed, "again": again, "left": left, "sent": sent}
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()
        if os.WIFEXITED(killed):
            return


if __name__ == "__main__":
    first, last, stride = map(int, sys.argv[4:7])
    walk(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), range(first, last + 1, stride))
