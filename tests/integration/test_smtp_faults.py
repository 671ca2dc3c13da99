"""Our outbound connection against peers that refuse, break off, fall silent."""

import asyncio

import pytest
from smtp_scripts import BIG, TEXT, Script, busy, connect, connected, scripted

from engine.outbound import ConnectCause, ConnectFailed, Timeouts
from engine.smtp.outcome import Stage
from engine.smtp.reply import Speaker

# No connection


@pytest.mark.parametrize("banner", ["421 4.7.0 Too many connections from you", "554 5.7.1 You are blocked"])
async def test_a_refusing_banner_is_told_verbatim(banner: str) -> None:
    async def script(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"{banner}\r\n".encode())

    async with scripted(script) as port:
        with pytest.raises(ConnectFailed) as failed:
            await connect(port)
    assert failed.value.reply is not None
    assert failed.value.reply.text == banner
    assert banner in str(failed.value)
    assert failed.value.cause is ConnectCause.NOT_GREETED


async def test_a_refused_connection_has_no_reply() -> None:
    async with scripted(_silent) as port:
        pass
    with pytest.raises(ConnectFailed) as failed:
        await connect(port)
    assert (failed.value.reply, failed.value.cause) == (None, ConnectCause.REFUSED)
    assert str(failed.value) == f"127.0.0.1:{port}: connection refused"


@pytest.mark.parametrize("bind", [None, "127.0.1.7"])
async def test_refused_is_refused_whatever_the_source(bind: str | None) -> None:
    async with scripted(_silent) as port:
        pass
    with pytest.raises(ConnectFailed) as failed:
        await connect(port, bind)
    assert failed.value.cause is ConnectCause.REFUSED


async def test_a_source_address_that_is_not_ours_is_our_fault() -> None:
    async with scripted(_silent) as port:
        with pytest.raises(ConnectFailed, match=r"source address cannot be used: 192\.0\.2\.77") as failed:
            await connect(port, "192.0.2.77")
    assert failed.value.cause is ConnectCause.SOURCE_ADDRESS


async def test_a_peer_that_does_not_greet_in_time_is_given_up() -> None:
    async with scripted(_silent) as port:
        with pytest.raises(ConnectFailed, match=r"timed out after 0\.1 s before the greeting") as failed:
            await connect(port, timeouts=Timeouts(greeting=0.1))
    assert failed.value.reply is None


async def test_a_peer_that_hangs_up_before_its_greeting_has_no_reply() -> None:
    async def script(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        return

    async with scripted(script) as port:
        with pytest.raises(ConnectFailed, match="connection lost before the greeting") as failed:
            await connect(port)
    assert failed.value.reply is None


async def _silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


# Broken off


def breaking_off(
    answers: list[bytes], ehlo: bytes = b"250-mx\r\n250 PIPELINING\r\n", *, hang: bool = False
) -> Script:
    """A server that gives these answers (after a content where one is 354) and then hangs up, or hangs."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx\r\n")
        await reader.readline()
        writer.write(ehlo)
        for answer in answers:
            await reader.readline()
            writer.write(answer)
            if answer.startswith(b"354"):
                await reader.readuntil(b"\r\n.\r\n")
        if hang:
            await reader.read()

    return script


OK = b"250 ok\r\n"
DROPS = [
    ([], Stage.MAIL, "connection lost while waiting for the reply to MAIL"),
    ([OK], Stage.RCPT, "connection lost while waiting for the reply to RCPT"),
    ([OK, OK], Stage.DATA, "connection lost while waiting for the reply to DATA"),
    ([OK, OK, b"354 go\r\n"], Stage.FINAL_DOT, "connection lost after the final dot, before the reply to it"),
]


@pytest.mark.parametrize("ehlo", [b"250-mx\r\n250 PIPELINING\r\n", b"250 mx\r\n"])
@pytest.mark.parametrize(("answers", "stage", "text"), DROPS)
async def test_a_lost_connection_is_a_4xx_of_our_own(
    answers: list[bytes], stage: Stage, text: str, ehlo: bytes
) -> None:
    async with scripted(breaking_off(answers, ehlo)) as port, connected(port) as connection:
        result = await connection.deliver("a@b.example", ("c@d.example",), TEXT)
        assert not result.usable
        assert not connection.usable
        (outcome,) = result.outcomes
        assert outcome.stage is stage
        assert (outcome.reply.code, outcome.reply.enhanced) == (451, "4.4.2")
        assert outcome.reply.speaker is Speaker.OURSELVES
        assert outcome.reply.lines[0].replace(" (Connection reset by peer)", "") == text
        again = await connection.deliver("a@b.example", ("c@d.example",), TEXT)
        assert (again.usable, again.outcomes[0].stage) == (False, Stage.CONNECT)


@pytest.mark.parametrize(("answers", "stage", "_text"), DROPS)
async def test_a_peer_that_falls_silent_is_timed_out(answers: list[bytes], stage: Stage, _text: str) -> None:
    short = Timeouts(mail=0.1, rcpt=0.1, data_init=0.1, data_block=0.1, final_dot=0.1, quit=0.1)
    async with (
        scripted(breaking_off(answers, hang=True)) as port,
        connected(port, timeouts=short) as connection,
    ):
        result = await connection.deliver("a@b.example", ("c@d.example",), TEXT)
    assert not result.usable
    assert result.outcomes[0].stage is stage
    assert result.outcomes[0].reply.lines[0].startswith("timed out after 0.1 s ")


async def test_a_peer_that_stops_reading_a_content_is_timed_out_before_the_final_dot() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx\r\n")
        for answer in (b"250 mx\r\n", OK, OK, b"354 go\r\n"):
            await reader.readline()
            writer.write(answer)
        await asyncio.wait_for(stopped.wait(), 20)

    stopped = asyncio.Event()
    async with scripted(script) as port, connected(port, timeouts=Timeouts(data_block=0.3)) as connection:
        result = await connection.deliver("a@b.example", ("c@d.example",), BIG * 2)
        stopped.set()
    assert result.outcomes[0].stage is Stage.DATA
    assert result.outcomes[0].reply.lines == ("timed out after 0.3 s while sending the content",)


async def test_421_in_the_middle_is_the_answer_for_all() -> None:
    script = breaking_off([OK, b"421 4.7.0 You send too fast\r\n"])
    async with scripted(script) as port, connected(port) as connection:
        result = await connection.deliver("a@b.example", ("c@d.example", "e@f.example"), TEXT)
    assert {o.reply.text for o in result.outcomes} == {"421 4.7.0 You send too fast"}
    assert not result.usable


async def test_a_peer_that_leaves_between_messages_makes_the_connection_unusable() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx\r\n")
        await reader.readline()
        writer.write(b"250 mx\r\n421 4.4.2 idle\r\n")

    async with scripted(script) as port:
        connection = await connect(port)
        await busy(connection)
        result = await connection.deliver("a@b.example", ("c@d.example",), TEXT)
        assert (result.usable, result.outcomes[0].stage) == (False, Stage.CONNECT)
        await connection.close()


async def test_cancelling_a_delivery_drops_the_connection() -> None:
    async with scripted(breaking_off([OK], hang=True)) as port, connected(port) as connection:
        task = asyncio.create_task(connection.deliver("a@b.example", ("c@d.example",), TEXT))
        await busy(connection)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not connection.usable


async def test_an_abort_from_elsewhere_ends_a_delivery() -> None:
    async with scripted(breaking_off([OK], hang=True)) as port, connected(port) as connection:
        task = asyncio.create_task(connection.deliver("a@b.example", ("c@d.example",), TEXT))
        await busy(connection)
        connection.abort()
        result = await task
        assert result.outcomes[0].reply.lines[0].startswith("given up ")


async def test_quit_does_not_wait_for_ever() -> None:
    async with scripted(breaking_off([], hang=True)) as port:
        connection = await connect(port, timeouts=Timeouts(quit=0.1))
        async with asyncio.timeout(2):
            await connection.close()


@pytest.mark.parametrize("loop", ["uvloop"])
def test_the_other_event_loop_carries_the_faults_too(loop: str) -> None:
    factory = pytest.importorskip(loop).new_event_loop
    for story in (
        test_a_refused_connection_has_no_reply,
        test_a_source_address_that_is_not_ours_is_our_fault,
        test_a_peer_that_stops_reading_a_content_is_timed_out_before_the_final_dot,
        test_cancelling_a_delivery_drops_the_connection,
        test_quit_does_not_wait_for_ever,
    ):
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(story())
