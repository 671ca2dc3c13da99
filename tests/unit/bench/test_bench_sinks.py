"""The sink that knows each message, and the one that counts."""

import asyncio
from pathlib import Path

import pytest

from bench.relay.errors import BenchError
from bench.relay.ids import faults, id_sink
from bench.relay.load import Load, Sink
from bench.relay.measure import verified

DIALOGUE = (
    b"EHLO a.test\r\nMAIL FROM:<f@a.test>\r\nRCPT TO:<1to@dest.test>\r\nDATA\r\n"
    b"From: <f@a.test>\r\nDKIM-Signature: v=1\r\n\r\nDKIM-Signature:\r\n..\r\n.\r\n"
    b"MAIL FROM:<f@a.test>\r\nRCPT TO:<2to@dest.test>\r\nDATA\r\n"
    b"From: <f@a.test>\r\n\r\nDKIM-Signature: in the body\r\n.\r\nQUIT\r\n"
)


@pytest.mark.parametrize("piece", [1, 7, len(DIALOGUE)])
async def test_messages_are_known_by_recipient_however_the_octets_are_cut(piece: int) -> None:
    async with id_sink() as sink:
        reader, writer = await asyncio.open_connection("127.0.0.1", sink.port)
        for start in range(0, len(DIALOGUE), piece):
            writer.write(DIALOGUE[start : start + piece])
            await writer.drain()
        await sink.until(2, seconds=30)
        assert [(one.recipient, one.signed) for one in sink.arrivals] == [
            ("1to@dest.test", True),
            ("2to@dest.test", False),
        ]
        async with asyncio.timeout(30):
            while not (line := await reader.readline()).startswith(b"221"):
                assert line[:1] in b"23"
        writer.close()
        await writer.wait_closed()


def test_a_missing_a_repeated_and_a_foreign_message_are_each_named() -> None:
    assert faults(["a", "b"], ["b", "a"]) == []
    assert faults(["a", "a", "x"], ["a", "b"]) == [
        "1 missing, such as b",
        "1 repeated, such as a",
        "1 never offered, such as x",
    ]


def test_the_last_count_of_smtp_sink_is_read(tmp_path: Path) -> None:
    log = tmp_path / "sink.log"
    sink = Sink(25, log, 1)
    log.write_bytes(b"")
    assert sink.count() == 0
    log.write_bytes(b"".join(b"sess=1 quit=0 mesg=%d\r" % number for number in range(1, 2001)))
    assert sink.count() == 2000
    log.write_bytes(log.read_bytes() + b"sess=1 quit=0 me")
    assert sink.count() == 2000


BEFORE = {"syncs": 5.0, "synced_messages": 10.0, "delivered": 10.0, "queued": 0.0}


def after(**changed: float) -> dict[str, float]:
    return {"syncs": 9.0, "synced_messages": 110.0, "delivered": 110.0, "queued": 0.0, **changed}


def test_the_engines_books_have_to_balance_to_the_message() -> None:
    assert verified(BEFORE, after(), 100) == 4
    assert verified({}, {}, 100) is None
    wrong = (
        after(delivered=109.0),
        after(delivered=111.0),
        after(synced_messages=109.0),
        after(queued=1.0),
        after(syncs=5.0),
    )
    for books in wrong:
        with pytest.raises(BenchError):
            verified(BEFORE, books, 100)


def test_a_load_reads_as_a_sentence() -> None:
    assert str(Load(10, size=20_480, sessions=5)) == "20 KiB, 5 sessions, connections kept"
