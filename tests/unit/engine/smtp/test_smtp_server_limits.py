"""What the server's session refuses: strangers, floods, sizes, browsers."""

from ipaddress import ip_address

import pytest

from engine.smtp.limits import Relaying, ServerLimits
from engine.smtp.reply import Reply
from engine.smtp.server import ServerSession
from engine.smtp.server_states import State

PEER = ip_address("192.0.2.1")
QUEUED = Reply(250, "2.0.0", ("Queued",))
LIMITS = ServerLimits("mta.example", max_size=100_000, max_recipients=100)
ENVELOPE = b"EHLO client.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n"


def session(path: bytes = b"", relaying: Relaying = Relaying.ALLOWED) -> ServerSession:
    made = ServerSession(LIMITS, PEER, relaying)
    made.receive_data(path)
    made.data_to_send()
    return made


def codes(reply: bytes) -> list[int]:
    """The codes of the replies, one per reply."""
    return [int(line[:3]) for line in reply.splitlines() if line[3:4] != b"-"]


RELAY_FORMS = [
    "user@other.example",
    "user%other.example@mta.example",
    "@a.example:user@other.example",
    '"user@other.example"@mta.example',
    "user@[192.0.2.9]",
    "user@[IPv6:2001:db8::9]",
    "other.example!user@mta.example",
    "@a.example,@b.example:u@c.example",
    "user%other.example@[127.0.0.1]",
    '"user%other.example"@mta.example',
    "user@localhost",
    "user@mta.example",
    "postmaster",
    "Postmaster",
    "a!b%c@d.example",
    '"a!b"@d.example',
    "user@127.0.0.1",
    "x@xn--bcher-kva.example",
    "@mta.example:user@other.example",
    "user@sub.mta.example",
]


@pytest.mark.parametrize("form", RELAY_FORMS)
def test_a_stranger_relays_in_no_form(form: str) -> None:
    made = session(b"EHLO x\r\nMAIL FROM:<a@b>\r\n", relaying=Relaying.DENIED)
    made.receive_data(f"RCPT TO:<{form}>\r\nDATA\r\n".encode())
    denied, data, *_ = made.data_to_send().splitlines()
    assert denied == b"550 5.7.1 Relaying denied: 192.0.2.1 may not send mail through this server"
    assert data.startswith(b"554 5.5.1")


def test_the_hundredth_recipient_is_taken_and_the_next_is_put_off() -> None:
    made = session(b"EHLO x\r\nMAIL FROM:<a@b>\r\n" + b"RCPT TO:<c@d>\r\n" * 100)
    made.receive_data(b"RCPT TO:<c@d>\r\n" * 50)
    assert set(made.data_to_send().splitlines()) == {b"452 4.5.3 Too many recipients"}
    assert made.state is State.RECIPIENTS


def test_a_message_that_lied_about_its_size_is_refused_by_count() -> None:
    made = session(b"EHLO x\r\nMAIL FROM:<a@b> SIZE=10\r\nRCPT TO:<c@d>\r\nDATA\r\n")
    for _ in range(2_000):
        made.receive_data(b"x" * 98 + b"\r\n")
    assert made.receive_data(b".\r\n") == []
    assert made.data_to_send().startswith(b"552 5.3.4")
    assert made.state is State.GREETED


@pytest.mark.parametrize("chunk", [1, 7, 5_000])
def test_a_line_that_is_too_long_is_refused_once_and_skipped(chunk: int) -> None:
    made = session()
    stream = b"NOOP " + b"x" * 5_000 + b"\r\nNOOP\r\n"
    said = b""
    for at in range(0, len(stream), chunk):
        made.receive_data(stream[at : at + chunk])
        assert made.held <= LIMITS.max_line + chunk + 2
        said += made.data_to_send()
    assert codes(said) == [500, 250]


def test_a_line_of_the_very_limit_passes_over_any_split() -> None:
    line = b"NOOP " + b"x" * (LIMITS.max_line - 5)
    for cut in (1, len(line), len(line) + 1):
        made = session()
        made.receive_data((line + b"\r\n")[:cut])
        made.receive_data((line + b"\r\n")[cut:])
        assert codes(made.data_to_send()) == [250]


def test_after_twenty_errors_the_session_ends() -> None:
    made = session()
    made.receive_data(b"FOO\r\n" * 30)
    assert codes(made.data_to_send()) == [500] * 20 + [421]
    assert made.is_closed
    made.receive_data(b"NOOP\r\n")
    assert made.data_to_send() == b""


def test_an_accepted_message_forgives_errors() -> None:
    made = session(b"EHLO x\r\n" + b"FOO\r\n" * 19)
    made.receive_data(ENVELOPE + b"DATA\r\n.\r\n")
    made.finish(QUEUED)
    made.receive_data(b"FOO\r\n" * 19)
    assert not made.is_closed


def test_a_flood_of_idle_commands_ends_the_session() -> None:
    made = session(b"EHLO x\r\n")
    made.receive_data(b"NOOP\r\nRSET\r\n" * 100)
    assert made.is_closed
    assert made.data_to_send().endswith(b"421 4.7.0 Too many errors, closing the connection\r\n")


def test_a_browser_is_hung_up_on() -> None:
    made = session()
    made.receive_data(b"POST / HTTP/1.1\r\nHost: x\r\n\r\nEHLO x\r\nMAIL FROM:<a@b>\r\n")
    assert made.is_closed
    assert codes(made.data_to_send()) == [421]


def test_single_octets_are_no_progress_but_commands_and_content_are() -> None:
    made = session(b"EHLO x\r\n")
    before = made.progress
    made.receive_data(b"NOO")
    assert made.progress == before
    made.receive_data(b"P\r\n")
    assert made.progress == before + 1
    made.receive_data(b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n")
    before = made.progress
    made.receive_data(b"x" * 100)
    assert made.progress == before
    made.receive_data(b"x" * 2_000)
    assert made.progress == before + 2
    made.receive_data(b"\r\n.\r\n")
    assert made.progress > before + 2
