"""The client's state machine: every reply and every turn in every state."""

import itertools

import pytest
from smtp_client_steps import begun, ready

from core.errors import InternalError
from engine.smtp.client import ClientSession, TlsPolicy
from engine.smtp.client_events import Finished
from engine.smtp.client_states import TRANSITIONS, State, Turn
from engine.smtp.reply import Speaker

BEFORE = {
    State.GREETING: lambda: ClientSession("mta.example"),
    State.EHLO: lambda: heard(ClientSession("mta.example"), b"220 x\r\n"),
    State.HELO: lambda: heard(ClientSession("mta.example"), b"220 x\r\n502 what\r\n"),
    State.STARTTLS: lambda: heard(securing(), b"220 x\r\n250-x\r\n250 STARTTLS\r\n"),
    State.HANDSHAKE: lambda: heard(securing(), b"220 x\r\n250-x\r\n250 STARTTLS\r\n220 go\r\n"),
    State.READY: ready,
    State.RSET: lambda: reset(ready()),
    State.MAIL: begun,
    State.RCPT: lambda: heard(begun(), b"250 ok\r\n"),
    State.DATA: lambda: heard(begun(), b"250 ok\r\n" * 3),
    State.CONTENT: lambda: heard(begun(), b"250 ok\r\n" * 3 + b"354 go\r\n"),
    State.FINAL_DOT: lambda: written(heard(begun(), b"250 ok\r\n" * 3 + b"354 go\r\n")),
    State.QUIT: lambda: leaving(ready()),
    State.CLOSED: lambda: heard(ready(), b"421 bye\r\n"),
}


def heard(session: ClientSession, data: bytes) -> ClientSession:
    session.receive_data(data)
    return session


def securing() -> ClientSession:
    return ClientSession("mta.example", TlsPolicy.OPPORTUNISTIC)


def reset(session: ClientSession) -> ClientSession:
    session.rset()
    return session


def written(session: ClientSession) -> ClientSession:
    session.content_written()
    return session


def leaving(session: ClientSession) -> ClientSession:
    session.quit()
    return session


OK, GO, LATER, NO, BYE, ODD = "250 ok", "354 go", "451 later", "550 no", "421 bye", "199 odd"
# What each reply does in each state; CLOSED wherever it is not told.
EXPECTED: dict[tuple[State, str], State] = {
    (State.GREETING, OK): State.EHLO,
    (State.EHLO, OK): State.READY,
    (State.EHLO, NO): State.HELO,
    (State.HELO, OK): State.READY,
    (State.STARTTLS, OK): State.HANDSHAKE,
    (State.STARTTLS, LATER): State.READY,
    (State.STARTTLS, NO): State.READY,
    **{(State.HANDSHAKE, word): State.HANDSHAKE for word in (OK, GO, LATER, NO, BYE, ODD)},  # unheard
    (State.RSET, OK): State.READY,
    (State.MAIL, OK): State.RCPT,
    (State.MAIL, LATER): State.RCPT,  # pipelined: the other replies are on their way
    (State.MAIL, NO): State.RCPT,
    (State.RCPT, OK): State.RCPT,
    (State.RCPT, LATER): State.RCPT,
    (State.RCPT, NO): State.RCPT,
    (State.DATA, GO): State.CONTENT,
    (State.DATA, LATER): State.READY,
    (State.DATA, NO): State.READY,
    (State.FINAL_DOT, OK): State.READY,
    (State.FINAL_DOT, LATER): State.READY,
    (State.FINAL_DOT, NO): State.READY,
}


@pytest.mark.parametrize("reply", [OK, GO, LATER, NO, BYE, ODD])
@pytest.mark.parametrize("state", State)
def test_every_reply_in_every_state_leads_where_it_should(state: State, reply: str) -> None:
    session = BEFORE[state]()
    assert session.state is state
    session.receive_data(reply.encode() + b"\r\n")
    assert session.state is EXPECTED.get((state, reply), State.CLOSED)


@pytest.mark.parametrize(("state", "turn"), list(itertools.product(State, Turn)))
def test_every_turn_in_every_state_is_a_transition_or_refused(state: State, turn: Turn) -> None:
    session = BEFORE[state]()
    following = TRANSITIONS[state].get(turn)
    if following is None:
        with pytest.raises(InternalError):
            session._move(turn)
        assert session.state is state
    else:
        session._move(turn)
        assert session.state is following


@pytest.mark.parametrize("state", [s for s in State if s is not State.CLOSED])
def test_a_lost_connection_ends_every_state_in_one_event(state: State) -> None:
    session = BEFORE[state]()
    (event,) = session.lose("connection lost")
    assert session.state is State.CLOSED
    assert session.lose("connection lost") == []
    if isinstance(event, Finished):
        assert not event.result.usable
        replies = [o.reply for o in event.result.outcomes]
        assert {(r.code, r.enhanced, r.speaker) for r in replies} == {(451, "4.4.2", Speaker.OURSELVES)}
        assert {r.lines for r in replies} == {(f"connection lost {state}",)}
    else:
        assert event.reply.speaker is Speaker.OURSELVES
