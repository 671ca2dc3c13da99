"""The client's session: what it says, and what it makes of every answer."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smtp_client_steps import BARE_EHLO, CONTENT, EHLO, ENVELOPE, begun, outcomes, ready, usable

from core.errors import InternalError
from engine.smtp.client import ClientSession
from engine.smtp.client_events import Closed, Event, Finished, Ready, Rejected
from engine.smtp.client_states import State
from engine.smtp.outcome import Envelope, RecipientOutcome, Stage
from engine.smtp.reply import Reply, Speaker

# Greetings


@pytest.mark.parametrize("banner", [b"421 4.7.0 too many\r\n", b"554 5.7.1 go away\r\n", b"451 x\r\n"])
def test_a_refusing_banner_is_handed_over_verbatim(banner: bytes) -> None:
    (event,) = ClientSession("mta.example").receive_data(banner)
    assert isinstance(event, Rejected)
    assert event.reply.text == banner.decode().strip()
    assert event.reply.speaker is Speaker.PEER


def test_a_server_without_ehlo_gets_helo_and_no_parameters() -> None:
    session = ClientSession("mta.example")
    session.receive_data(b"220 old\r\n500 what?\r\n")
    assert session.data_to_send() == b"EHLO mta.example\r\nHELO mta.example\r\n"
    (event,) = session.receive_data(b"250 hello\r\n")
    assert isinstance(event, Ready)
    session.transaction(Envelope("a@b", ("c@d",), CONTENT, eight_bit=True))
    assert session.data_to_send() == b"MAIL FROM:<a@b>\r\n"


@pytest.mark.parametrize("hostname", ["", "a b", "x\r\nMAIL", "é.example"])
def test_a_hostname_that_cannot_be_said_is_refused(hostname: str) -> None:
    with pytest.raises(ValueError, match="cannot be said"):
        ClientSession(hostname)


# Transactions


def test_pipelined_the_whole_envelope_is_one_write() -> None:
    session = ready()
    session.transaction(ENVELOPE)
    assert session.data_to_send() == (
        b"MAIL FROM:<a@b.example> SIZE=20\r\nRCPT TO:<c@d.example>\r\nRCPT TO:<e@f.example>\r\nDATA\r\n"
    )
    assert session.receive_data(b"250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n") == []
    assert session.data_to_send() == b"Subject: x\r\n\r\n..dot\r\n.\r\n"
    session.content_written()
    events = session.receive_data(b"250 2.0.0 queued as 7\r\n")
    assert usable(events)
    assert outcomes(events) == [
        ("c@d.example", "250 2.0.0 queued as 7", Stage.FINAL_DOT),
        ("e@f.example", "250 2.0.0 queued as 7", Stage.FINAL_DOT),
    ]


def test_in_lockstep_each_command_waits_for_its_turn() -> None:
    session = ready(BARE_EHLO)
    session.transaction(ENVELOPE)
    said = [session.data_to_send()]
    for answer in (b"250 ok\r\n", b"550 5.1.1 no\r\n", b"250 ok\r\n", b"354 go\r\n"):
        assert session.receive_data(answer) == []
        said.append(session.data_to_send())
    assert said == [
        b"MAIL FROM:<a@b.example>\r\n", b"RCPT TO:<c@d.example>\r\n", b"RCPT TO:<e@f.example>\r\n", b"DATA\r\n",
        b"Subject: x\r\n\r\n..dot\r\n.\r\n",
    ]  # fmt: skip
    session.content_written()
    assert outcomes(session.receive_data(b"451 4.3.0 later\r\n")) == [
        ("c@d.example", "550 5.1.1 no", Stage.RCPT),
        ("e@f.example", "451 4.3.0 later", Stage.FINAL_DOT),
    ]


def test_when_all_recipients_fail_but_data_goes_ahead_a_lone_dot_ends_it() -> None:
    session = begun()
    session.receive_data(b"250 ok\r\n450 busy\r\n550 no\r\n354 go\r\n")
    assert session.data_to_send() == b".\r\n"
    session.content_written()
    events = session.receive_data(b"250 took the empty one\r\n")
    assert outcomes(events) == [
        ("c@d.example", "450 busy", Stage.RCPT),
        ("e@f.example", "550 no", Stage.RCPT),
    ]
    assert usable(events)


def test_when_mail_fails_in_a_pipeline_its_reply_counts_and_the_rest_is_drained() -> None:
    session = begun()
    refusals = b"451 4.7.1 slow down\r\n503 no MAIL\r\n250 odd but so\r\n"
    assert session.receive_data(refusals) == []
    events = session.receive_data(b"354 even so\r\n")
    assert (events, session.data_to_send()) == ([], b".\r\n")
    session.content_written()
    events = session.receive_data(b"554 no recipients\r\n")
    assert outcomes(events) == [
        (recipient, "451 4.7.1 slow down", Stage.MAIL) for recipient in ENVELOPE.recipients
    ]
    session.transaction(ENVELOPE)
    assert session.data_to_send().startswith(b"MAIL")


def test_in_lockstep_a_refused_mail_ends_the_transaction_at_once() -> None:
    session = begun(BARE_EHLO)
    events = session.receive_data(b"550 5.7.1 blocked\r\n")
    assert usable(events)
    assert {stage for _, _, stage in outcomes(events)} == {Stage.MAIL}


@pytest.mark.parametrize("ehlo", [EHLO, BARE_EHLO])
def test_an_open_transaction_is_reset_before_the_next(ehlo: bytes) -> None:
    session = begun(ehlo)
    answers = b"250 ok\r\n550 a\r\n550 b\r\n" + (b"503 no\r\n" if ehlo is EHLO else b"")
    for line in answers.splitlines(keepends=True):
        events = session.receive_data(line)
    assert usable(events)
    session.data_to_send()
    session.transaction(ENVELOPE)
    assert session.data_to_send().startswith(b"RSET\r\n" + (b"MAIL" if ehlo is EHLO else b""))
    assert session.receive_data(b"250 reset\r\n") == []
    assert session.state is State.MAIL
    assert session.data_to_send().startswith(b"" if ehlo is EHLO else b"MAIL")
    events = session.lose("connection lost")
    assert {stage for _, _, stage in outcomes(events)} == {Stage.MAIL}


def test_a_refused_data_is_the_answer_for_those_who_were_accepted() -> None:
    events = begun().receive_data(b"250 ok\r\n250 ok\r\n550 no\r\n451 4.3.0 not now\r\n")
    assert outcomes(events) == [
        ("c@d.example", "451 4.3.0 not now", Stage.DATA),
        ("e@f.example", "550 no", Stage.RCPT),
    ]


@pytest.mark.parametrize("answered", range(4))
def test_421_at_any_time_answers_all_who_have_no_answer(answered: int) -> None:
    session = begun()
    for answer in (b"250 ok\r\n", b"550 no\r\n", b"250 ok\r\n")[:answered]:
        session.receive_data(answer)
    events = session.receive_data(b"421 4.7.0 Try later\r\n")
    assert not usable(events)
    stage = [Stage.MAIL, Stage.RCPT, Stage.RCPT, Stage.DATA][answered]
    first = ("c@d.example", "550 no", Stage.RCPT)
    told = [(r, "421 4.7.0 Try later", stage) for r in ENVELOPE.recipients]
    assert outcomes(events) == ([first, told[1]] if answered >= 2 else told)
    assert session.receive_data(b"250 too late\r\n") == []


def test_an_answer_before_the_content_is_written_counts_but_ends_the_connection() -> None:
    session = begun()
    session.receive_data(b"250 ok\r\n" * 3 + b"354 go\r\n")
    events = session.receive_data(b"552 5.3.4 too big\r\n")
    assert not usable(events)
    assert {(text, stage) for _, text, stage in outcomes(events)} == {("552 5.3.4 too big", Stage.DATA)}


@pytest.mark.parametrize("garbage", [b"hello there\r\n", b"354 go\r\n", b"199 x\r\n", b"\xff\xfe\r\n"])
def test_a_peer_out_of_step_is_a_local_4xx_and_the_end(garbage: bytes) -> None:
    session = begun()
    (event,) = session.receive_data(garbage)
    assert isinstance(event, Finished)
    assert not event.result.usable
    assert {(o.reply.code, o.reply.speaker) for o in event.result.outcomes} == {(451, Speaker.OURSELVES)}


def test_a_reply_nobody_asked_for_ends_the_session() -> None:
    (event,) = ready().receive_data(b"250 surprise\r\n")
    assert isinstance(event, Closed)


def test_quit_is_said_and_its_answer_ends_the_session() -> None:
    session = ready()
    session.quit()
    assert session.data_to_send() == b"QUIT\r\n"
    assert isinstance(session.receive_data(b"221 bye\r\n")[0], Closed)


# What is not even tried


def test_parameters_are_used_only_when_offered() -> None:
    session = ready()
    session.transaction(Envelope("ü@b", ("c@d",), b"\xff\r\n", eight_bit=True, smtp_utf8=True))
    assert session.data_to_send().startswith("MAIL FROM:<ü@b> SIZE=3 BODY=8BITMIME SMTPUTF8\r\n".encode())


@pytest.mark.parametrize(
    "envelope",
    [
        Envelope("a@b", ("c@d",), CONTENT, smtp_utf8=True),
        Envelope("ü@b", ("c@d",), CONTENT),
        Envelope("a@b", ("ü@d",), CONTENT),
    ],
)
def test_utf8_without_the_extension_fails_for_good_and_locally(envelope: Envelope) -> None:
    session = ready(BARE_EHLO)
    (event,) = session.transaction(envelope)
    assert isinstance(event, Finished)
    assert event.result.usable
    (outcome,) = event.result.outcomes
    assert (outcome.reply.code, outcome.reply.enhanced) == (550, "5.6.7")
    assert outcome.reply.speaker is Speaker.OURSELVES
    assert session.data_to_send() == b""


def test_a_message_beyond_the_peers_limit_is_not_sent() -> None:
    (event,) = ready().transaction(Envelope("a@b", ("c@d",), b"x" * 998 + b"\r\n\r\n"))
    assert isinstance(event, Finished)
    assert event.result.outcomes[0].reply.text.startswith("552 5.3.4 the message has 1002 octets")


EVIL = [
    "c@d>\r\nRCPT TO:<evil@x",
    "c@d\r\n",
    "c\n@d",
    "c@d\0",
    "c@d> SIZE=1 <",
    "c d@e",
    "",
    "c@d\u2028",
    "c\x7f@d",
]


@pytest.mark.parametrize("evil", EVIL)
def test_an_address_that_could_inject_is_answered_by_ourselves(evil: str) -> None:
    session = ready()
    session.transaction(Envelope("a@b", (evil, "good@d"), CONTENT))
    assert session.data_to_send() == b"MAIL FROM:<a@b> SIZE=20\r\nRCPT TO:<good@d>\r\nDATA\r\n"
    session.receive_data(b"250 ok\r\n250 ok\r\n354 go\r\n")
    session.content_written()
    (event,) = session.receive_data(b"250 done\r\n")
    assert isinstance(event, Finished)
    refused, good = event.result.outcomes
    assert (refused.reply.code, refused.reply.enhanced, refused.recipient) == (553, "5.1.3", evil)
    assert good == RecipientOutcome("good@d", Reply(250, None, ("done",)), Stage.FINAL_DOT)


@pytest.mark.parametrize("evil", [e for e in EVIL if e])
def test_a_sender_that_could_inject_is_never_said(evil: str) -> None:
    session = ready()
    (event,) = session.transaction(Envelope(evil, ("c@d",), CONTENT))
    assert isinstance(event, Finished)
    assert event.result.outcomes[0].reply.enhanced == "5.1.7"
    assert session.data_to_send() == b""


def test_a_transaction_cannot_begin_during_another() -> None:
    with pytest.raises(InternalError):
        begun().transaction(ENVELOPE)


# Any bytes


DIALOGUE = (
    b"220-mx\r\n220 ESMTP\r\n"
    + EHLO
    + b"250 ok\r\n450-4.2.0 try\r\n450 4.2.0 later\r\n250 ok\r\n354 go\r\n250 done\r\n"
)


def replay(chunks: list[bytes]) -> tuple[list[Event], bytes]:
    """Feed the chunks to a session that sends one message."""
    session, events, said = ClientSession("mta.example"), [], b""
    for chunk in chunks:
        got = session.receive_data(chunk)
        events += got
        if any(isinstance(event, Ready) for event in got) and session.is_ready:
            events += session.transaction(ENVELOPE)
        said += session.data_to_send()
        session.content_written()
    return events, said


@given(st.lists(st.integers(0, len(DIALOGUE)), max_size=8))
def test_the_split_of_the_bytes_does_not_matter(cuts: list[int]) -> None:
    # a peer answers only what it was asked: one cut is always after its EHLO reply, one before the last
    fixed = [DIALOGUE.index(b"250 ok"), DIALOGUE.index(b"250 done")]
    whole = [DIALOGUE[a:b] for a, b in itertools.pairwise([0, *fixed, len(DIALOGUE)])]
    edges = sorted([0, *fixed, *cuts, len(DIALOGUE)])
    assert replay([DIALOGUE[a:b] for a, b in itertools.pairwise(edges)]) == replay(whole)


@given(
    st.lists(
        st.sampled_from([b"250 ok\r\n", b"354 go\r\n", b"421 x\r\n", b"5", b"50 no\r\n", b"\r\n", b"\xff"])
    )
)
def test_no_peer_can_make_the_session_raise_or_lose_a_recipient(chunks: list[bytes]) -> None:
    session = begun()
    events: list[Event] = []
    for chunk in chunks:
        events += session.receive_data(chunk)
        session.content_written()
    events += session.lose("connection lost")
    (finished,) = [event for event in events if isinstance(event, Finished)]
    assert tuple(o.recipient for o in finished.result.outcomes) == ENVELOPE.recipients
