"""The server's session: order of commands, refusals, limits, smuggling, pipelining."""

import itertools
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.smtp.limits import PLAIN_SMTP, Authentication, Offers, ServerLimits
from engine.smtp.message import ReceivedMessage
from engine.smtp.reply import Reply
from engine.smtp.server import ServerSession
from engine.smtp.server_states import TRANSITIONS, Input, State

PEER = ip_address("192.0.2.1")
QUEUED = Reply(250, "2.0.0", ("Queued",))
LIMITS = ServerLimits("mta.example", max_size=100_000, max_recipients=100)
ENVELOPE = b"EHLO client.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n"

# How to bring a fresh session into each state.
PATHS = {
    State.CONNECTED: b"",
    State.GREETED: b"EHLO x\r\n",
    State.SENDER: b"EHLO x\r\nMAIL FROM:<a@b>\r\n",
    State.RECIPIENTS: b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n",
    State.CONTENT: b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n",
    State.COMMITTING: b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n.\r\n",
    State.SECURING: b"EHLO x\r\nSTARTTLS\r\n",
    State.CREDENTIALS: b"EHLO x\r\nAUTH LOGIN\r\n",
    State.VERIFYING: b"EHLO x\r\nAUTH PLAIN AGEAYg==\r\n",
    State.CLOSED: b"QUIT\r\n",
}
LINES = {
    Input.EHLO: b"EHLO x\r\n",
    Input.HELO: b"HELO x\r\n",
    Input.MAIL: b"MAIL FROM:<a@b>\r\n",
    Input.RCPT: b"RCPT TO:<c@d>\r\n",
    Input.DATA: b"DATA\r\n",
    Input.RSET: b"RSET\r\n",
    Input.NOOP: b"NOOP\r\n",
    Input.VRFY: b"VRFY someone\r\n",
    Input.HELP: b"HELP\r\n",
    Input.QUIT: b"QUIT\r\n",
    Input.STARTTLS: b"STARTTLS\r\n",
    Input.AUTH: b"AUTH LOGIN\r\n",
}
OFFERS = Offers(starttls=True, authentication=Authentication.ALWAYS)
SUCCESS = {
    Input.DATA: b"354",
    Input.STARTTLS: b"220",
    Input.AUTH: b"334",
    Input.QUIT: b"221",
    Input.VRFY: b"252",
    Input.HELP: b"214",
}


def session(path: bytes = b"", offers: Offers = PLAIN_SMTP) -> ServerSession:
    made = ServerSession(LIMITS, PEER, offers=offers)
    made.receive_data(path)
    made.data_to_send()
    return made


def codes(reply: bytes) -> list[int]:
    """The codes of the replies, one per reply."""
    return [int(line[:3]) for line in reply.splitlines() if line[3:4] != b"-"]


def test_the_banner_names_the_host() -> None:
    assert ServerSession(LIMITS, PEER).data_to_send() == b"220 mta.example ESMTP Tidegate\r\n"


def test_every_state_and_every_input_is_in_the_table_or_refused() -> None:
    assert set(TRANSITIONS) == set(State)
    for state, row in TRANSITIONS.items():
        assert set(row) <= set(Input)
        assert set(row.values()) <= set(State)
        assert state is State.CLOSED or row[Input.CLOSE] is State.CLOSED


@pytest.mark.parametrize("state", PATHS)
@pytest.mark.parametrize("command", LINES)
def test_each_command_in_each_state_does_what_the_table_says(state: State, command: Input) -> None:
    made = session(PATHS[state], OFFERS)
    assert made.state is state
    made.receive_data(LINES[command])
    reply = made.data_to_send()
    if state is State.CREDENTIALS:
        # a command is no command here: at most its word happens to be base64
        assert (made.state, reply[:3]) in {(State.GREETED, b"501"), (State.CREDENTIALS, b"334")}
        return
    if state in {State.CONTENT, State.COMMITTING, State.SECURING, State.VERIFYING, State.CLOSED}:
        assert (made.state, reply) == (state, b"")  # content, held input, nobody listening
        return
    following = TRANSITIONS[state].get(command)
    assert made.state is (following or state)
    if following is None:
        assert reply[:3] in {b"503", b"554"}
    else:
        assert reply[:3] == SUCCESS.get(command, b"250")


def test_ehlo_offers_what_we_can_do() -> None:
    made = session()
    made.receive_data(b"EHLO x\r\n")
    assert made.data_to_send().split(b"\r\n")[:-1] == [
        b"250-mta.example", b"250-PIPELINING", b"250-SIZE 100000", b"250-8BITMIME",
        b"250-ENHANCEDSTATUSCODES", b"250-SMTPUTF8", b"250-DSN", b"250 HELP",
    ]  # fmt: skip


def test_a_message_comes_out_whole_and_is_answered_with_what_accept_said() -> None:
    made = session()
    (message,) = made.receive_data(ENVELOPE + b"DATA\r\nSubject: x\r\n\r\n..dot\r\n.\r\n")
    assert message == ReceivedMessage(
        PEER, "client.example", "a@b.example", ("c@d.example",), b"Subject: x\r\n\r\n.dot\r\n"
    )
    assert message.protocol == "ESMTP"
    assert codes(made.data_to_send()) == [250, 250, 250, 354]
    assert made.finish(QUEUED) == []
    assert made.data_to_send() == b"250 2.0.0 Queued\r\n"


def test_eight_bit_is_what_the_octets_say() -> None:
    (message,) = session().receive_data(ENVELOPE + b"DATA\r\ncaf\xe9\r\n.\r\n")
    assert message.eight_bit


def test_input_during_a_commit_is_held_and_not_lost() -> None:
    made = session()
    again = b"MAIL FROM:<e@f>\r\nRCPT TO:<g@h>\r\nDATA\r\nsecond\r\n.\r\nQUIT\r\n"
    (first,) = made.receive_data(ENVELOPE + b"DATA\r\nfirst\r\n.\r\n" + again)
    made.data_to_send()
    assert made.held == len(again)
    (second,) = made.finish(QUEUED)
    assert codes(made.data_to_send()) == [250, 250, 250, 354]
    assert made.finish(QUEUED) == []
    assert codes(made.data_to_send()) == [250, 221]
    assert made.is_closed
    assert (first.content, second.content) == (b"first\r\n", b"second\r\n")


def test_a_refusing_accept_keeps_the_session_usable() -> None:
    made = session(ENVELOPE + b"DATA\r\nx\r\n.\r\n")
    made.finish(Reply(452, "4.3.1", ("full",)))
    assert made.data_to_send() == b"452 4.3.1 full\r\n"
    assert made.state is State.GREETED


def test_pipelined_replies_come_in_one_write() -> None:
    made = session()
    made.receive_data(ENVELOPE + b"RCPT TO:<bad>\r\nRCPT TO:<e@f>\r\nNOOP\r\nDATA\r\n")
    assert codes(made.data_to_send()) == [250, 250, 250, 501, 250, 250, 354]


STREAM = (
    ENVELOPE + b"RCPT TO:<broken\r\nDATA\r\nSubject: x\r\n\r\n..a\r\n.\r\nMAIL FROM:<> BODY=8BITMIME\r\n"
    b"NONSENSE\r\nRCPT TO:<x@y>\r\nDATA\r\n\r\r\n.\r\n"
    b"MAIL FROM:<q@r>\r\nRCPT TO:<x@y>\r\nDATA\r\n.\r\nQUIT\r\n"
)


def run(chunks: list[bytes]) -> tuple[list[ReceivedMessage], bytes]:
    """Feed the chunks, accept everything at once."""
    made, messages, said = ServerSession(LIMITS, PEER), [], b""
    for chunk in chunks:
        got = made.receive_data(chunk)
        said += made.data_to_send()
        while got:
            messages += got
            got = made.finish(QUEUED)
            said += made.data_to_send()
    return messages, said


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_the_split_of_the_bytes_does_not_matter(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    chunks = [STREAM[a:b] for a, b in itertools.pairwise(edges)]
    assert run(chunks) == run([STREAM])
    assert [m.content for m in run([STREAM])[0]] == [b"Subject: x\r\n\r\n.a\r\n", b""]


@given(st.binary(max_size=300))
def test_no_bytes_make_the_session_raise(data: bytes) -> None:
    session(data)
    session(ENVELOPE + data)
    session(ENVELOPE + b"DATA\r\n" + data)


@pytest.mark.parametrize("form", [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n", b"\r\n\0.\r\n"])
@pytest.mark.parametrize("segments", [1, 3])
def test_smuggling_is_refused_after_the_real_end(form: bytes, segments: int) -> None:
    made = session(ENVELOPE + b"DATA\r\n")
    parts = [b"one", form, b"MAIL FROM:<evil@x>\r\nRCPT TO:<v@x>\r\nDATA\r\ntwo"]
    for chunk in parts if segments == 3 else [b"".join(parts)]:
        assert made.receive_data(chunk) == []
    assert made.data_to_send() == b""
    assert made.receive_data(b"\r\n.\r\n") == []
    assert made.data_to_send().startswith(b"550 5.5.2 ")
    assert made.state is State.GREETED


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"FOO", b"500 5.5.1"),
        (b"", b"500 5.5.1"),
        (b"STARTTLS", b"502 5.5.1"),
        (b"AUTH PLAIN x", b"502 5.5.1"),
        (b"BDAT 10 LAST", b"502 5.5.1"),
        (b"EHLO", b"501 5.5.4"),
        (b"HELO a b", b"501 5.5.4"),
        (b"MAIL <a@b>", b"501 5.5.4"),
        (b"MAIL FROM:a@b", b"501 5.1.7"),
        (b"MAIL FROM:<a@b> FOO=1", b"555 5.5.4"),
        (b"MAIL FROM:<a@b> SIZE=x", b"501 5.5.4"),
        (b"MAIL FROM:<a@b> SIZE=100001", b"552 5.3.4"),
        (b"MAIL FROM:<b\xc3\xbc@b>", b"553 5.6.7"),
        (b"MAIL FROM:<b\xfc@b> SMTPUTF8", b"500 5.5.2"),
        (b"MAIL FROM:<a\0@b>", b"500 5.5.2"),
        (b"MAIL FROM:<a@b>\rRCPT TO:<c@d>", b"500 5.5.2"),
        (b"NOOP\nNOOP", b"500 5.5"),
        (b"RSET now", b"501 5.5.4"),
        (b"VRFY", b"501 5.5.4"),
    ],
)
def test_bad_commands_get_their_code_and_change_nothing(line: bytes, code: bytes) -> None:
    made = session(b"EHLO x\r\n")
    made.receive_data(line + b"\r\n")
    assert made.data_to_send().startswith(code)
    assert made.state is State.GREETED


def test_verbs_and_keywords_may_be_in_any_case_and_a_space_after_the_colon_is_forgiven() -> None:
    made = session()
    made.receive_data(b"ehlo x\r\nmail from: <a@b> size=5\r\nRcpt To: <c@d>\r\n")
    assert made.state is State.RECIPIENTS


def test_who_wrote_it_may_be_named_in_auth_and_is_not_believed() -> None:
    made = session(b"EHLO x\r\n")
    made.receive_data(b"MAIL FROM:<a@b> AUTH=<>\r\nRSET\r\nMAIL FROM:<a@b> AUTH=e+3Dmc2@example.com\r\n")
    assert codes(made.data_to_send()) == [250, 250, 250]


def test_smtp_utf8_must_be_declared() -> None:
    made = session("EHLO x\r\nMAIL FROM:<bü@b> SMTPUTF8\r\nRCPT TO:<用@例>\r\nDATA\r\n".encode())
    (message,) = made.receive_data(b".\r\n")
    assert (message.sender, message.recipients) == ("bü@b", ("用@例",))
    assert message.protocol == "UTF8SMTP"
    made = session(b"EHLO x\r\nMAIL FROM:<a@b>\r\n")
    made.receive_data("RCPT TO:<用@例>\r\n".encode())
    assert made.data_to_send().startswith(b"553 5.6.7")


def test_postmaster_without_a_domain_is_ours() -> None:
    made = session(b"HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<Postmaster>\r\nDATA\r\n")
    (message,) = made.receive_data(b".\r\n")
    assert message.recipients == ("postmaster@mta.example",)
    assert (message.sender, message.protocol) == ("", "SMTP")
