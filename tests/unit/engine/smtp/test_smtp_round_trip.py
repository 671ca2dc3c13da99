"""Our client against our server, in memory, with the bytes cut anywhere."""

from collections.abc import Iterator
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.smtp.client import ClientSession
from engine.smtp.client_events import Closed, Event, Finished, Ready
from engine.smtp.data import normalise
from engine.smtp.limits import ServerLimits
from engine.smtp.message import ReceivedMessage
from engine.smtp.outcome import Envelope, Stage
from engine.smtp.reply import Reply
from engine.smtp.server import ServerSession

QUEUED = Reply(250, "2.0.0", ("Queued",))


class Pair:
    """A client and a server whose bytes travel in pieces of the given sizes, again and again."""

    def __init__(self, sizes: list[int], limits: ServerLimits | None = None) -> None:
        self.client = ClientSession("mta.example")
        self.server = ServerSession(limits or ServerLimits("mx.example"), ip_address("192.0.2.1"))
        self.received: list[ReceivedMessage] = []
        self.events: list[Event] = []
        self._sizes = sizes

    def run(self) -> None:
        """Carry bytes until both fall silent."""
        while (said := self.server.data_to_send()) or (asked := self.client.data_to_send()):
            for piece in self._pieces(said):
                self.events += self.client.receive_data(piece)
            if said:
                continue
            for piece in self._pieces(asked):
                self._take(self.server.receive_data(piece))
            self.client.content_written()

    def deliver(self, envelope: Envelope) -> Finished:
        self.events = self.client.transaction(envelope)
        self.run()
        (event,) = self.events
        assert isinstance(event, Finished)
        return event

    def _take(self, messages: list[ReceivedMessage]) -> None:
        while messages:
            self.received += messages
            messages = self.server.finish(QUEUED)

    def _pieces(self, data: bytes) -> Iterator[bytes]:
        at, turn = 0, 0
        while at < len(data):
            size = self._sizes[turn % len(self._sizes)]
            yield data[at : at + size]
            at, turn = at + size, turn + 1


CONTENTS = st.lists(
    st.sampled_from([b".", b"..", b"\r\n", b"\n", b"\r", b"x", b"\xe9", b"\r\n.\r\n"]), max_size=40
)
LOCALS = st.from_regex(r"[a-z0-9!#$%&'*+/=?^_`{|}~.-]{1,20}", fullmatch=True)
ADDRESSES = st.builds("{}@{}.example".format, LOCALS, st.sampled_from(["a", "b-c", "d.e"]))
SIZES = st.lists(st.integers(1, 40), min_size=1, max_size=5)


@given(st.lists(CONTENTS, min_size=1, max_size=3), st.lists(ADDRESSES, min_size=1, max_size=4), SIZES)
def test_what_is_sent_is_what_arrives(
    contents: list[list[bytes]], people: list[str], sizes: list[int]
) -> None:
    pair = Pair(sizes)
    pair.run()
    assert isinstance(pair.events[0], Ready)
    sent = [normalise(b"".join(parts)) for parts in contents]
    for content in sent:
        finished = pair.deliver(Envelope(people[0], tuple(people), content))
        assert finished.result.usable
        assert {(o.reply, o.stage) for o in finished.result.outcomes} == {(QUEUED, Stage.FINAL_DOT)}
    assert [m.content for m in pair.received] == sent
    assert {m.recipients for m in pair.received} == {tuple(people)}
    assert {m.sender for m in pair.received} == {people[0]}


def test_a_message_beyond_the_limit_leaves_the_connection_usable() -> None:
    pair = Pair([1_000], ServerLimits("mx.example", max_size=100))
    pair.run()
    pair.client.extensions.pop("SIZE")  # a client that does not look
    refused = pair.deliver(Envelope("a@b", ("c@d",), b"x" * 200 + b"\r\n"))
    assert [o.reply.text[:9] for o in refused.result.outcomes] == ["552 5.3.4"]
    taken = pair.deliver(Envelope("a@b", ("c@d",), b"x\r\n"))
    assert taken.result.outcomes[0].reply == QUEUED


def test_more_recipients_than_the_server_takes_are_put_off_and_the_others_delivered() -> None:
    pair = Pair([1_000], ServerLimits("mx.example", max_recipients=100))
    pair.run()
    people = tuple(f"u{n}@d.example" for n in range(150))
    codes = [o.reply.code for o in pair.deliver(Envelope("a@b", people, b"x\r\n")).result.outcomes]
    assert codes == [250] * 100 + [452] * 50
    assert pair.received[0].recipients == people[:100]


@pytest.mark.parametrize("sender", ["", "bücher@例え.example"])
def test_the_null_sender_and_utf8_addresses_travel(sender: str) -> None:
    pair = Pair([3])
    pair.run()
    pair.deliver(Envelope(sender, ("用户@d.example",), b"x\r\n"))
    assert (pair.received[0].sender, pair.received[0].recipients) == (sender, ("用户@d.example",))
    assert pair.received[0].smtp_utf8


def test_quit_ends_both_sides() -> None:
    pair = Pair([7])
    pair.run()
    pair.client.quit()
    pair.run()
    assert pair.server.is_closed
    assert isinstance(pair.events[-1], Closed)
