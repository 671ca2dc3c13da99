"""AUTH in bytes: only where the password is safe, told to nobody, and not guessed at for long."""

import base64
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.smtp.limits import Authentication, Offers, Relaying, ServerLimits
from engine.smtp.message import ReceivedMessage
from engine.smtp.server import ServerSession
from engine.smtp.server_events import Credentials, Verdict
from engine.smtp.server_states import State

LIMITS = ServerLimits("mta.example")
PEER = ip_address("192.0.2.1")
CANARY = "hunter2-canary"
PLAIN = base64.b64encode(f"\0ann\0{CANARY}".encode())
MAIL = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n"
ANN = Credentials("ann", CANARY)


def session(authentication: Authentication = Authentication.OVER_TLS, *, tls: bool = True) -> ServerSession:
    made = ServerSession(LIMITS, PEER, Relaying.DENIED, Offers(starttls=True, authentication=authentication))
    if tls:
        made.receive_data(b"EHLO x\r\nSTARTTLS\r\n")
        made.secured("TLSv1.3", "X")
    made.receive_data(b"EHLO x\r\n")
    return made


def b64(text: str) -> bytes:
    return base64.b64encode(text.encode())


def said(made: ServerSession, data: bytes) -> bytes:
    made.data_to_send()
    made.receive_data(data)
    return made.data_to_send()


def logged_in() -> ServerSession:
    made = session()
    made.receive_data(b"AUTH PLAIN " + PLAIN + b"\r\n")
    made.verified(Verdict.ACCEPTED)
    made.data_to_send()
    return made


def test_auth_is_offered_inside_tls_alone_unless_clear_text_is_allowed() -> None:
    assert b"AUTH" not in session(tls=False).data_to_send()
    assert b"250-AUTH PLAIN LOGIN\r\n" in session().data_to_send()
    assert b"250-AUTH PLAIN LOGIN\r\n" in session(Authentication.ALWAYS, tls=False).data_to_send()
    assert b"AUTH" not in session(Authentication.NONE).data_to_send()


@pytest.mark.parametrize("mechanism", [b"PLAIN", b"LOGIN", b"CRAM-MD5"])
def test_a_password_offered_in_the_clear_is_not_even_looked_at(mechanism: bytes) -> None:
    made = session(tls=False)
    assert made.receive_data(b"AUTH " + mechanism + b" " + PLAIN + b"\r\n") == []
    assert made.data_to_send().splitlines()[-1].startswith(b"538 5.7.11")
    assert made.state is State.GREETED


def test_plain_with_an_initial_response() -> None:
    made = session()
    assert made.receive_data(b"AUTH PLAIN " + PLAIN + b"\r\n") == [ANN]
    made.data_to_send()
    made.verified(Verdict.ACCEPTED)
    assert made.data_to_send() == b"235 2.7.0 Authentication succeeded\r\n"


def test_plain_in_two_steps_and_in_any_case() -> None:
    made = session()
    assert said(made, b"auth plain\r\n") == b"334 \r\n"
    assert made.receive_data(PLAIN + b"\r\n") == [ANN]


@pytest.mark.parametrize("initial", [True, False])
def test_login_asks_for_the_name_and_the_password(*, initial: bool) -> None:
    made = session()
    if initial:
        assert said(made, b"AUTH LOGIN " + b64("ann") + b"\r\n") == b"334 UGFzc3dvcmQ6\r\n"
    else:
        assert said(made, b"AUTH LOGIN\r\n") == b"334 VXNlcm5hbWU6\r\n"
        assert said(made, b64("ann") + b"\r\n") == b"334 UGFzc3dvcmQ6\r\n"
    assert made.receive_data(b64(CANARY) + b"\r\n") == [ANN]


def test_who_has_logged_in_may_relay_and_is_named_with_the_message() -> None:
    made = logged_in()
    assert [line[:3] for line in said(made, MAIL + b"DATA\r\n").splitlines()] == [b"250", b"250", b"354"]
    (message,) = made.receive_data(b"x\r\n.\r\n")
    assert isinstance(message, ReceivedMessage)
    assert (message.user, message.protocol) == ("ann", "ESMTPSA")


def test_before_the_login_a_stranger_stays_a_stranger() -> None:
    made = session()
    assert b"550 5.7.1 Relaying denied" in said(made, MAIL)
    made.receive_data(b"RSET\r\nAUTH PLAIN " + PLAIN + b"\r\n")
    made.verified(Verdict.REFUSED)
    assert b"550 5.7.1 Relaying denied" in said(made, MAIL)


def test_input_behind_credentials_waits_for_the_verdict() -> None:
    made = session()
    made.data_to_send()
    assert made.receive_data(b"AUTH PLAIN " + PLAIN + b"\r\n" + MAIL) == [ANN]
    assert (made.data_to_send(), made.held) == (b"", len(MAIL))
    made.verified(Verdict.ACCEPTED)
    assert [line[:3] for line in made.data_to_send().splitlines()] == [b"235", b"250", b"250"]


def test_the_third_wrong_password_ends_the_session() -> None:
    made = session()
    heard = []
    for _ in range(3):
        made.data_to_send()
        made.receive_data(b"AUTH PLAIN " + PLAIN + b"\r\n")
        made.verified(Verdict.REFUSED)
        heard.append(made.data_to_send()[:9])
    assert heard == [b"535 5.7.8", b"535 5.7.8", b"421 4.7.0"]
    assert made.is_closed


def test_somebody_locked_out_is_told_to_come_later() -> None:
    made = session()
    made.receive_data(b"AUTH PLAIN " + PLAIN + b"\r\n")
    made.data_to_send()
    made.verified(Verdict.LOCKED_OUT)
    assert made.data_to_send().startswith(b"454 4.7.0")


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (b"AUTH\r\n", b"504 5.5.4"),
        (b"AUTH CRAM-MD5\r\n", b"504 5.5.4"),
        (b"AUTH PLAIN !!!\r\n", b"501 5.5.2"),
        (b"AUTH PLAIN =\r\n", b"501 5.5.2"),
        (b"AUTH PLAIN " + base64.b64encode(b"\0\xff\0x") + b"\r\n", b"501 5.5.2"),
        (b"AUTH PLAIN " + b64("root\0ann\0x") + b"\r\n", b"501 5.5.2"),
        (b"AUTH PLAIN " + b64("\0\0x") + b"\r\n", b"501 5.5.2"),
        (b"AUTH PLAIN\r\n*\r\n", b"501 5.7.0"),
        (b"AUTH LOGIN\r\n*\r\n", b"501 5.7.0"),
        (b"AUTH LOGIN\r\n" + b"A" * 5_000 + b"\r\n", b"500 5.5.2"),
        (MAIL.replace(b"RCPT TO:<c@d.example>\r\n", b"") + b"AUTH PLAIN\r\n", b"503 5.5.1"),
    ],
)
def test_exchanges_that_go_wrong_get_their_code_and_lead_nowhere(lines: bytes, code: bytes) -> None:
    made = session()
    made.data_to_send()
    assert made.receive_data(lines) == []
    assert made.data_to_send().splitlines()[-1].startswith(code)
    assert made.state in {State.GREETED, State.SENDER}


def test_nobody_logs_in_twice() -> None:
    made = logged_in()
    assert said(made, b"AUTH PLAIN " + PLAIN + b"\r\n").startswith(b"503 5.5.1")


def test_a_password_is_in_no_reply_and_no_representation() -> None:
    made = session()
    heard = made.data_to_send()
    (credentials,) = made.receive_data(b"AUTH PLAIN " + PLAIN + b"\r\n")
    made.verified(Verdict.REFUSED)
    heard += made.data_to_send()
    heard += said(made, b"AUTH PLAIN " + PLAIN + b"junk\r\n") + said(made, b"XAUTH " + PLAIN + b"\r\n")
    assert CANARY not in repr(credentials)
    for form in (CANARY.encode(), PLAIN, b64(CANARY)):
        assert form not in heard


@given(st.binary(max_size=200))
def test_no_exchange_makes_the_session_raise(data: bytes) -> None:
    for mechanism in (b"AUTH PLAIN ", b"AUTH LOGIN ", b"AUTH LOGIN\r\n"):
        made = session()
        made.receive_data(mechanism + data + b"\r\n" + data + b"\r\n")
        made.data_to_send()
