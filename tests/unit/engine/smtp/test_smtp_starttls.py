"""STARTTLS in bytes, on both sides: what was said in the clear does not outlive the handshake."""

from ipaddress import ip_address

import pytest

from engine.smtp.client import ClientSession, TlsPolicy
from engine.smtp.client_events import Event, Ready, Rejected, ShakeHands
from engine.smtp.client_states import State as ClientState
from engine.smtp.limits import Offers, Relaying, ServerLimits
from engine.smtp.message import ReceivedMessage
from engine.smtp.server import ServerSession
from engine.smtp.server_events import StartTls
from engine.smtp.server_states import State

LIMITS = ServerLimits("mta.example")
PEER = ip_address("192.0.2.1")
MAIL = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n"


def server(*, starttls: bool = True, relaying: Relaying = Relaying.ALLOWED) -> ServerSession:
    made = ServerSession(LIMITS, PEER, relaying, Offers(starttls=starttls))
    made.receive_data(b"EHLO x\r\n")
    return made


def said(session: ServerSession, data: bytes) -> bytes:
    session.data_to_send()
    session.receive_data(data)
    return session.data_to_send()


# The server's side


def test_starttls_is_offered_with_a_certificate_alone_and_not_twice() -> None:
    made = server()
    assert b"250-STARTTLS\r\n" in made.data_to_send()
    made.receive_data(b"STARTTLS\r\n")
    made.secured("TLSv1.3", "X")
    assert b"STARTTLS" not in said(made, b"EHLO x\r\n")
    assert said(made, b"STARTTLS\r\n").startswith(b"503 5.5.1")
    bare = server(starttls=False)
    assert b"STARTTLS" not in bare.data_to_send()
    assert said(bare, b"STARTTLS\r\n").startswith(b"502 ")


@pytest.mark.parametrize("injected", [b"MAIL FROM:<evil@b.example>\r\n", b"EHLO evil\r\n" + MAIL, b"NO"])
def test_commands_injected_behind_starttls_in_one_segment_are_discarded(injected: bytes) -> None:
    made = server()
    made.data_to_send()
    assert made.receive_data(b"STARTTLS\r\n" + injected) == [StartTls()]
    assert made.data_to_send() == b"220 2.0.0 Ready to start TLS\r\n"
    assert made.held == 0
    made.secured("TLSv1.3", "X")
    assert made.data_to_send() == b""
    assert said(made, b"MAIL FROM:<a@b.example>\r\n").startswith(b"503 5.5.1 Say EHLO first")


def test_what_comes_in_the_clear_during_the_handshake_is_dropped() -> None:
    made = server()
    made.receive_data(b"STARTTLS\r\n")
    made.data_to_send()
    assert made.receive_data(b"EHLO evil\r\n" + MAIL) == []
    assert made.data_to_send() == b""
    made.secured("TLSv1.3", "X")
    assert made.state is State.CONNECTED


def test_the_greeting_said_in_the_clear_is_forgotten() -> None:
    made = server()
    made.receive_data(b"STARTTLS\r\n")
    made.secured("TLSv1.3", "TLS_AES_256_GCM_SHA384")
    made.receive_data(b"EHLO inside\r\n" + MAIL + b"DATA\r\n")
    (message,) = made.receive_data(b"x\r\n.\r\n")
    assert isinstance(message, ReceivedMessage)
    assert (message.helo, message.protocol) == ("inside", "ESMTPS")
    assert (message.tls, message.cipher) == ("TLSv1.3", "TLS_AES_256_GCM_SHA384")


@pytest.mark.parametrize(
    ("line", "code"), [(b"STARTTLS now\r\n", b"501 5.5.4"), (MAIL + b"STARTTLS\r\n", b"503 5.5.1")]
)
def test_starttls_with_an_argument_or_within_a_transaction_is_refused(line: bytes, code: bytes) -> None:
    assert said(server(), line).splitlines()[-1].startswith(code)


def test_starttls_before_ehlo_is_out_of_order() -> None:
    made = ServerSession(LIMITS, PEER, Relaying.ALLOWED, Offers(starttls=True))
    assert said(made, b"STARTTLS\r\n").startswith(b"503 5.5.1")


def test_tls_alone_lets_nobody_relay() -> None:
    made = server(relaying=Relaying.DENIED)
    made.receive_data(b"STARTTLS\r\n")
    made.secured("TLSv1.3", "X")
    assert b"550 5.7.1 Relaying denied" in said(made, b"EHLO x\r\n" + MAIL)


# The client's side

OFFER = b"250-mx.example\r\n250-PIPELINING\r\n250 STARTTLS\r\n"
NO_OFFER = b"250-mx.example\r\n250 PIPELINING\r\n"


def client(policy: TlsPolicy, ehlo: bytes) -> tuple[ClientSession, list[Event]]:
    session = ClientSession("mta.example", policy)
    session.receive_data(b"220 mx.example\r\n")
    session.data_to_send()
    return session, session.receive_data(ehlo)


def test_the_client_starts_tls_where_it_is_offered_and_greets_again_inside() -> None:
    session, events = client(TlsPolicy.OPPORTUNISTIC, OFFER)
    assert (events, session.data_to_send()) == ([], b"STARTTLS\r\n")
    (event,) = session.receive_data(b"220 go\r\n")
    assert isinstance(event, ShakeHands)
    session.secured()
    assert session.data_to_send() == b"EHLO mta.example\r\n"
    (event,) = session.receive_data(b"250-mx.example\r\n250 SIZE 1000\r\n")
    assert isinstance(event, Ready)
    assert session.extensions == {"SIZE": "1000"}  # nothing of the clear EHLO is left


def test_a_policy_of_clear_text_says_no_starttls() -> None:
    session, (event,) = client(TlsPolicy.NEVER, OFFER)
    assert isinstance(event, Ready)
    assert session.data_to_send() == b""


@pytest.mark.parametrize("split", [True, False])
def test_replies_injected_in_the_clear_behind_the_go_ahead_are_not_heard(*, split: bool) -> None:
    session, _ = client(TlsPolicy.OPPORTUNISTIC, OFFER)
    evil = b"250-evil.example\r\n250 XEVIL\r\n250 ok\r\n"
    if split:
        assert len(session.receive_data(b"220 go\r\n")) == 1
        assert session.receive_data(evil) == []
    else:
        assert len(session.receive_data(b"220 go\r\n" + evil)) == 1
    session.secured()
    assert session.state is ClientState.EHLO
    (event,) = session.receive_data(b"250 mx.example\r\n")
    assert isinstance(event, Ready)
    assert session.extensions == {}


def test_half_a_reply_injected_in_the_clear_does_not_join_one_inside_tls() -> None:
    session, _ = client(TlsPolicy.OPPORTUNISTIC, OFFER)
    session.receive_data(b"220 go\r\n250-evil.example\r\n250-XEVIL")
    session.secured()
    session.receive_data(b"250-mx.example\r\n250 SIZE 7\r\n")
    assert session.extensions == {"SIZE": "7"}


@pytest.mark.parametrize("ehlo", [NO_OFFER, b"502 what\r\n"])
def test_stripping_with_tls_required_fails_closed(ehlo: bytes) -> None:
    session, events = client(TlsPolicy.REQUIRED, ehlo)
    events += session.receive_data(b"250 mx.example\r\n") if not events else []
    (event,) = events
    assert isinstance(event, Rejected)
    assert event.reply.text == "450 4.7.4 TLS required but not offered"
    assert session.state is ClientState.CLOSED


@pytest.mark.parametrize("answer", [b"454 4.7.0 not now\r\n", b"502 5.5.1 no\r\n"])
def test_a_declined_starttls_goes_on_in_the_clear_or_fails_closed(answer: bytes) -> None:
    session, _ = client(TlsPolicy.OPPORTUNISTIC, OFFER)
    (event,) = session.receive_data(answer)
    assert isinstance(event, Ready)
    session, _ = client(TlsPolicy.REQUIRED, OFFER)
    (event,) = session.receive_data(answer)
    assert isinstance(event, Rejected)
    assert event.reply.text.startswith("450 4.7.4 TLS required but declined")
