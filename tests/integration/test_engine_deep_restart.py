"""A start with a deep spool: what is back is delivered while the rest is read; nothing twice, nothing too soon."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from answering import answering
from small_engine import engine, until

from engine import engine as engine_module
from engine.queue.queue import Queue
from engine.spool.base import NewMessage
from engine.spool.log import LogSpool
from engine.state import Section, StateStore

QUEUES, EACH, DEFERRED = 400, 3, 50
NOW = datetime.now(UTC)


def message(*recipients: str) -> NewMessage:
    content = b"Subject: deep\r\n\r\nhello\r\n"
    return NewMessage(
        sender="a@b.example", recipients=recipients, vmta="default", received_at=NOW, content=content
    )


def limited(number: int) -> str:
    return f"r{number}@q{number % QUEUES}.slow.example"


async def fill(spool: Path) -> None:
    """As an engine left it that was killed: one open domain between many limited ones."""
    log = await LogSpool.open(spool)
    for number in range(QUEUES * EACH):
        await log.store(message(limited(number)))
        if number % 10 == 0:
            await log.store(message(f"a{number}@open.example", f"b{number}@open.example"))
    for number in range(DEFERRED):
        stored = await log.store(message(f"late{number}@open.example"))
        log.postpone(stored, 0, 4, NOW + timedelta(hours=1), "451 busy")
    await log.close()
    state = StateStore(spool / "state.db")
    state.save(Section.META, {"started": True, "clean_stop_at": None})
    state.close()


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "_RECOVERY_SLICE", 10)


async def test_what_is_back_is_delivered_before_the_rest_is(tmp_path: Path) -> None:
    await fill(tmp_path / "spool")
    slow = {"*.slow.example": {"max-msg-rate": "1/h"}, "*": {"max-smtp-out": 5}}
    async with answering(lambda _p, _r: "250 ok") as peer:
        ports = {f"q{n}.slow.example": peer.port for n in range(QUEUES)}
        async with engine(tmp_path, {"open.example": peer.port, **ports}, domains=slow) as run:
            early = len(peer.taken)
            await until(lambda: len(peer.taken) == QUEUES * EACH // 10 * 2)
            queues = run.engine.queues
            waiting = queues.find("open.example", "default")
            await until(lambda: waiting.busy == 0)
            depths = {
                name: queues.find(f"q{name}.slow.example", "default").recipients for name in range(QUEUES)
            }
            attempts = [entry[2].attempts for entry in waiting.waiting]
    assert early > 0, "nothing was delivered while the spool was being read"
    assert len({recipient for _, recipient in peer.taken}) == len(peer.taken), "something arrived twice"
    assert all(recipient.endswith("@open.example") for _, recipient in peer.asked), "a full limit was overrun"
    assert depths == dict.fromkeys(range(QUEUES), EACH)
    assert attempts == [4] * DEFERRED


async def test_mail_comes_back_in_the_order_of_its_arrival(tmp_path: Path) -> None:
    await fill(tmp_path / "spool")
    async with engine(
        tmp_path, {}, domains={"*": {}}, routes={}, resolver={"nameservers": ["127.0.0.1:9"]}
    ) as run:
        queue: Queue = run.engine.queues.find("q7.slow.example", "default")
        assert [r.address for r in queue.ready] == [limited(7 + QUEUES * turn) for turn in range(EACH)]
        assert queue.size == sum(r.message.size for r in queue.ready)
