"""The wire over real sockets: TCP and unix, and what is said when nobody answers."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.errors import OperatorError
from lab.ports import free_port
from tidegate.wire import Unreachable, Wire

REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


@contextmanager
def answering(listening: socket.socket, reply: bytes) -> Iterator[list[bytes]]:
    """One connection, one request, one reply."""
    heard: list[bytes] = []

    def serve() -> None:
        peer, _ = listening.accept()
        with peer:
            heard.append(_request(peer))
            peer.sendall(reply)

    listening.listen()
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield heard
    finally:
        thread.join()
        listening.close()


def _request(peer: socket.socket) -> bytes:
    """A head and its body, in however many pieces they come."""
    with peer.makefile("rb") as file:
        lines = []
        while (line := file.readline()) not in {b"\r\n", b""}:
            lines.append(line)
        length = [int(line.split()[1]) for line in lines if line.lower().startswith(b"content-length")]
        return b"".join(lines) + b"\r\n" + file.read(length[0] if length else 0)


def tcp() -> socket.socket:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    return listening


@pytest.mark.parametrize("form", ["127.0.0.1:{}", "http://127.0.0.1:{}"])
def test_a_request_goes_over_tcp(form: str) -> None:
    listening = tcp()
    endpoint = form.format(listening.getsockname()[1])
    with answering(listening, REPLY) as heard:
        answer = Wire(endpoint, 5)("PUT", "/v1/x?a=1", {"Authorization": "Bearer t"}, b'{"a": 1}')
    assert (answer.status, answer.reason, answer.body) == (200, "OK", b"{}")
    assert heard[0].startswith(b"PUT /v1/x?a=1 HTTP/1.1\r\n")
    assert b"Authorization: Bearer t\r\n" in heard[0]
    assert heard[0].endswith(b'{"a": 1}')


def test_a_request_goes_over_a_unix_socket(tmp_path: Path) -> None:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "s"))
    with answering(listening, REPLY):
        assert Wire(f"unix:{tmp_path / 's'}", 5)("GET", "/", {}, None).status == 200


def test_nobody_there_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="Connection refused"):
        Wire(f"127.0.0.1:{free_port()}", 5)("GET", "/", {}, None)
    with pytest.raises(Unreachable, match="No such file or directory"):
        Wire(f"unix:{tmp_path / 'none'}", 5)("GET", "/", {}, None)


def test_what_is_no_http_is_no_answer() -> None:
    listening = tcp()
    with answering(listening, b"220 mail.example ESMTP\r\n"), pytest.raises(Unreachable):
        Wire(f"127.0.0.1:{listening.getsockname()[1]}", 5)("GET", "/", {}, None)


def test_patience_ends() -> None:
    with tcp() as listening:
        listening.listen()
        with pytest.raises(Unreachable, match=r"no answer within 0\.05 seconds"):
            Wire(f"127.0.0.1:{listening.getsockname()[1]}", 0.05)("GET", "/", {}, None)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n: a\n\ndat\r\n6\r\na: {}\n\r\n"


def test_lines_come_one_by_one_however_they_are_cut() -> None:
    listening = tcp()
    port = listening.getsockname()[1]
    with answering(listening, CHUNKED + b"0\r\n\r\n") as heard:
        with Wire(f"127.0.0.1:{port}", 5).listen("/v1/trace", {"Accept": "x"}, 5) as (answer, lines):
            assert (answer.status, list(lines)) == (200, [b": a\n", b"\n", b"data: {}\n"])
    assert heard[0].startswith(b"GET /v1/trace HTTP/1.1\r\n")


def test_a_refusal_is_read_at_once() -> None:
    listening = tcp()
    port = listening.getsockname()[1]
    with answering(listening, REPLY.replace(b"200 OK", b"404 Not Found")):
        with Wire(f"127.0.0.1:{port}", 5).listen("/", {}, 5) as (answer, _):
            assert (answer.status, answer.body) == (404, b"{}")


def test_silence_ends_a_stream_and_what_the_reader_does_wrong_is_its_own() -> None:
    with tcp() as listening:
        listening.listen()
        with pytest.raises(Unreachable, match=r"no answer within 0\.05 seconds"):
            with Wire(f"127.0.0.1:{listening.getsockname()[1]}", 0.05).listen("/", {}, 5):
                pass
    listening = tcp()
    port = listening.getsockname()[1]
    with answering(listening, CHUNKED), pytest.raises(BrokenPipeError):
        with Wire(f"127.0.0.1:{port}", 5).listen("/", {}, 5):
            raise BrokenPipeError


@pytest.mark.parametrize("wrong", ["ftp://x", "a/b", "http://", "127.0.0.1:http", "x?y"])
def test_what_is_no_endpoint_is_refused(wrong: str) -> None:
    with pytest.raises(OperatorError, match="write http://HOST:PORT or unix:PATH"):
        Wire(wrong, 1)
