"""How the SNDS-like server misbehaves: the real one's habits, and those of a stranger who means harm."""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

HTML: Final = "text/html; charset=utf-8"
SIGN_IN_PAGE: Final = (
    b"<!DOCTYPE html>\r\n<html><head><title>Sign in</title></head><body>Sign in to continue</body></html>"
)
_MEGABYTE: Final = b"203.0.113.7,,,,,,,,,,,,,\r\n" * 41_944  # 26 bytes a row, a little more than a megabyte


class SndsBehaviour(StrEnum):
    """How the server treats whoever asks for a report."""

    NORMAL = "answers with data when the key is right"
    SIGN_IN = "answers every request with a sign-in page and status 200"
    ERROR = "answers 500"
    EMPTY = "answers 200 with nothing"
    MISSING = "answers 404"
    NO_CONTENT = "answers 204"
    REDIRECT = "sends everybody round in a circle"
    TRUNCATED = "closes the connection in the middle of the body, having promised all of it"
    CUT = "ends the body in the middle of a row, as if that were all"
    WRONG_ENCODING = "answers in UTF-16"
    HUGE = "answers with a hundred megabytes"
    BOMB = "answers with a hundred megabytes that are packed into a hundred kilobytes"
    SLOW = "sends one byte, waits, sends another"


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer. `pieces` are sent one by one instead of `body`, with no length promised."""

    status: int = 200
    kind: str = "text/csv"
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    pieces: Callable[[], Iterator[bytes]] | None = None


def misbehaving(behaviour: SndsBehaviour, target: str) -> Answer | None:
    """What is answered whatever was asked for; None where the request counts."""
    if behaviour is SndsBehaviour.REDIRECT:
        return Answer(302, HTML, b"", {"Location": target})
    return _REGARDLESS.get(behaviour)


def damaged(behaviour: SndsBehaviour, right: Answer) -> Answer:
    """The right answer, spoilt on its way."""
    half = right.body[: len(right.body) * 2 // 3]
    match behaviour:
        case SndsBehaviour.TRUNCATED:
            promised = {"Content-Length": str(len(right.body) or 1)}
            return Answer(right.status, right.kind, half, promised)
        case SndsBehaviour.CUT:
            return Answer(right.status, right.kind, half)
        case SndsBehaviour.WRONG_ENCODING:
            return Answer(right.status, right.kind, right.body.decode().encode("utf-16"))
        case SndsBehaviour.SLOW:
            return Answer(pieces=lambda: (b"2" for _ in range(10_000)))
        case _:
            return right


def _bomb() -> Iterator[bytes]:
    packer = zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
    for _ in range(100):
        yield packer.compress(_MEGABYTE)
    yield packer.flush()


_REGARDLESS: Final = {
    SndsBehaviour.SIGN_IN: Answer(200, HTML, SIGN_IN_PAGE),
    SndsBehaviour.ERROR: Answer(500, HTML, b"<html><body>Runtime Error</body></html>"),
    SndsBehaviour.EMPTY: Answer(),
    SndsBehaviour.MISSING: Answer(404, HTML, b"<html><body>Not found</body></html>"),
    SndsBehaviour.NO_CONTENT: Answer(204),
    SndsBehaviour.HUGE: Answer(pieces=lambda: (_MEGABYTE for _ in range(100))),
    SndsBehaviour.BOMB: Answer(headers={"Content-Encoding": "gzip"}, pieces=_bomb),
}
