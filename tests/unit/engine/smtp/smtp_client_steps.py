"""Steps that the tests of the client's session share."""

from engine.smtp.client import ClientSession
from engine.smtp.client_events import Event, Finished, Ready
from engine.smtp.outcome import Envelope, Stage

CONTENT = b"Subject: x\r\n\r\n.dot\r\n"
ENVELOPE = Envelope("a@b.example", ("c@d.example", "e@f.example"), CONTENT)
EHLO = b"250-mx.example\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"
BARE_EHLO = b"250 mx.example\r\n"


def ready(ehlo: bytes = EHLO) -> ClientSession:
    """A greeted session that owes nothing to say."""
    session = ClientSession("mta.example")
    assert session.receive_data(b"220 mx.example ESMTP\r\n") == []
    assert session.data_to_send() == b"EHLO mta.example\r\n"
    (event,) = session.receive_data(ehlo)
    assert isinstance(event, Ready)
    assert session.data_to_send() == b""
    return session


def begun(ehlo: bytes = EHLO, envelope: Envelope = ENVELOPE) -> ClientSession:
    """A session that has said MAIL."""
    session = ready(ehlo)
    assert session.transaction(envelope) == []
    session.data_to_send()
    return session


def outcomes(events: list[Event]) -> list[tuple[str, str, Stage]]:
    """What the one Finished event says, briefly."""
    (event,) = events
    assert isinstance(event, Finished)
    return [(o.recipient, o.reply.text, o.stage) for o in event.result.outcomes]


def usable(events: list[Event]) -> bool:
    return isinstance(events[0], Finished) and events[0].result.usable
