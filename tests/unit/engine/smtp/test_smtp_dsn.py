"""RFC 3461 as it passes through us: read from a submitter, kept as a text, said to a peer that offers DSN."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.smtp import dsn
from engine.smtp.dsn import RecipientWish, Wishes
from engine.smtp.limits import Relaying, ServerLimits
from engine.smtp.message import ReceivedMessage
from engine.smtp.outcome import Envelope
from engine.smtp.server import ServerSession
from engine.smtp.transaction import Transaction

_NOTIFY = st.sampled_from(
    ["", "NEVER", "SUCCESS", "SUCCESS,FAILURE", "FAILURE,DELAY", "SUCCESS,FAILURE,DELAY"]
)
_ORCPT = st.sampled_from(["", "rfc822;jo@x.test", "rfc822;a+2Bb@x.test", "utf-8;j\\x{F6}@x.test"])
_WISHES = st.builds(
    Wishes,
    st.sampled_from(["", "FULL", "HDRS"]),
    st.sampled_from(["", "QQ314159", "a+3Db"]),
    st.lists(st.builds(RecipientWish, _NOTIFY, _ORCPT), min_size=1, max_size=4).map(tuple),
)


def talk(lines: bytes) -> tuple[list[ReceivedMessage], bytes]:
    session = ServerSession(ServerLimits("mta.example"), ip_address("127.0.0.1"))
    found = session.receive_data(b"EHLO x\r\n" + lines)
    return [m for m in found if isinstance(m, ReceivedMessage)], session.data_to_send()


@given(_WISHES)
def test_wishes_come_back_from_the_spool_as_they_were(wishes: Wishes) -> None:
    assert dsn.load(wishes.dump()) == (wishes if wishes.dump() else None)


@given(_WISHES)
def test_wishes_pass_from_a_submitter_to_a_peer_unchanged(wishes: Wishes) -> None:
    recipients = tuple(f"r{number}@x.test" for number in range(len(wishes.recipients)))
    envelope = Envelope("a@example.com", recipients, b"x\r\n", wishes=wishes)
    transaction = Transaction(envelope)
    said = transaction.mail_command({"DSN": ""}) + transaction.rcpt_commands()
    (message,), _ = talk(said + b"DATA\r\nx\r\n.\r\n")
    assert message.wishes == (wishes if wishes.dump() else None)


def test_a_peer_without_dsn_hears_nothing_of_it() -> None:
    wishes = Wishes("FULL", "id", (RecipientWish("NEVER", "rfc822;x@x.test"),))
    transaction = Transaction(Envelope("a@example.com", ("b@x.test",), b"x\r\n", wishes=wishes))
    assert transaction.mail_command({"SIZE": "0"}) == b"MAIL FROM:<a@example.com> SIZE=3\r\n"
    assert transaction.rcpt_commands() == b"RCPT TO:<b@x.test>\r\n"


def test_an_ordinary_message_has_no_wishes() -> None:
    (message,), _ = talk(b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@x.test>\r\nDATA\r\nx\r\n.\r\n")
    assert message.wishes is None


def test_one_recipients_wish_does_not_become_anothers() -> None:
    (message,), _ = talk(
        b"MAIL FROM:<a@example.com> RET=hdrs\r\nRCPT TO:<b@x.test>\r\nRCPT TO:<c@x.test> NOTIFY=never\r\nDATA\r\nx\r\n.\r\n"
    )
    assert message.wishes == Wishes("HDRS", "", (RecipientWish(), RecipientWish("NEVER")))


def test_wishes_are_forgotten_with_the_transaction() -> None:
    (message,), _ = talk(
        b"MAIL FROM:<a@example.com> ENVID=x\r\nRCPT TO:<b@x.test> NOTIFY=NEVER\r\nRSET\r\n"
        b"MAIL FROM:<a@example.com>\r\nRCPT TO:<c@x.test>\r\nDATA\r\nx\r\n.\r\n"
    )
    assert message.wishes is None


@pytest.mark.parametrize(
    "command",
    [
        b"MAIL FROM:<a@x.test> RET=SOME",
        b"MAIL FROM:<a@x.test> ENVID=",
        b"MAIL FROM:<a@x.test> ENVID=" + b"x" * 101,
        b"MAIL FROM:<a@x.test> ENVID=a+zz",
        b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test> NOTIFY=NEVER,FAILURE",
        b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test> NOTIFY=FAILURE,FAILURE",
        b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test> NOTIFY",
        b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test> ORCPT=jo@x.test",
        b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test> ORCPT=rfc822;" + b"x" * 600,
    ],
)
def test_what_the_rfc_does_not_allow_is_refused(command: bytes) -> None:
    _, said = talk(command + b"\r\n")
    assert said.split(b"\r\n")[-2].startswith(b"501 5.5.4 ")


@pytest.mark.parametrize(
    ("notify", "failure", "success"),
    [
        ("", True, False),
        ("NEVER", False, False),
        ("SUCCESS", False, True),
        ("FAILURE", True, False),
        ("SUCCESS,FAILURE", True, True),
    ],
)
def test_what_a_notify_asks_for(notify: str, failure: bool, success: bool) -> None:  # noqa: FBT001
    wish = RecipientWish(notify)
    assert (wish.wants_failure, wish.wants_success) == (failure, success)


def test_a_stranger_may_write_to_report_addresses_alone() -> None:
    limits = ServerLimits("mta.example", open_to=lambda address: address == "fbl@example.com")
    session = ServerSession(limits, ip_address("198.51.100.1"), Relaying.DENIED)
    session.receive_data(b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<fbl@example.com>\r\nRCPT TO:<b@x.test>\r\n")
    replies = session.data_to_send().split(b"\r\n")
    assert [line[:3] for line in replies[-3:-1]] == [b"250", b"550"]
