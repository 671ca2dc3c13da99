"""The client of the control API: what it asks, and what its errors say."""

import json

import httpx
import pytest

from core.errors import ConflictError, EngineUnreachable, NotFoundError, OperatorError, PeerError
from tests.unit.tidegate.carrying import carrying
from tidegate.client import DeniedError, EngineClient


def client(answer: httpx.Response | Exception, seen: list[httpx.Request] | None = None) -> EngineClient:
    def handle(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return EngineClient("127.0.0.1:8025", "t0ken", carrying(handle))


def problem(status: int, detail: str) -> httpx.Response:
    return httpx.Response(status, json={"title": "No", "detail": detail})


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (problem(401, "no token"), DeniedError, "TIDEGATE_TOKEN"),
        (problem(403, "needs operate"), DeniedError, "needs operate"),
        (problem(404, "there is no queue a/b"), NotFoundError, "there is no queue a/b"),
        (problem(409, "epoch 3 is old"), ConflictError, "epoch 3 is old"),
        (problem(412, "changed"), ConflictError, "changed"),
        (problem(422, "value: not a rate"), OperatorError, "not a rate"),
        (problem(500, "oh"), PeerError, "failed: oh"),
        (httpx.Response(502, text="<html>"), PeerError, "502 Bad Gateway"),
        (httpx.Response(200, text="<html>hello"), PeerError, "does not speak"),
        (httpx.Response(200, json=[1]), PeerError, "does not speak"),
        (httpx.ConnectError("refused"), EngineUnreachable, "no engine answers at 127.0.0.1:8025"),
        (httpx.ReadTimeout(""), EngineUnreachable, "ReadTimeout"),
    ],
)
def test_an_answer_that_is_not_a_success_is_one_of_our_errors(
    answer: httpx.Response | Exception, kind: type[Exception], said: str
) -> None:
    with client(answer) as api, pytest.raises(kind, match=said) as raised:
        api.status()
    assert "t0ken" not in str(raised.value)


def test_the_token_and_the_filters_are_sent_and_absent_ones_are_not() -> None:
    seen: list[httpx.Request] = []
    with client(httpx.Response(200, json={"queues": []}), seen) as api:
        api.queues("*.example.com", mode=None, sort="rcpt", limit=5)
    assert seen[0].headers["authorization"] == "Bearer t0ken"
    assert dict(seen[0].url.params) == {"name": "*.example.com", "sort": "rcpt", "limit": "5"}


def test_names_are_quoted_into_paths() -> None:
    seen: list[httpx.Request] = []
    with client(httpx.Response(200, json={}), seen) as api:
        api.queue("example.com", "a/../b?x")
    assert seen[0].url.raw_path == b"/v1/queues/example.com/a%2F..%2Fb%3Fx"


def test_limit_chains_come_back_as_values() -> None:
    chain = {"subject": "s", "directive": "source-ip-max-msg-rate", "terms": []}
    with client(httpx.Response(200, content=json.dumps({"chains": [chain]}))) as api:
        assert str(api.explain("203.0.113.7")[0].effective) == "unlimited"
    with client(httpx.Response(200, json={"chains": [{}]})) as api, pytest.raises(PeerError, match="shape"):
        api.explain("203.0.113.7")


@pytest.mark.parametrize("wrong", ["ftp://x", "a/b"])
def test_an_endpoint_in_the_wrong_form_is_explained(wrong: str) -> None:
    with pytest.raises(OperatorError, match="unix:PATH"):
        EngineClient(wrong)
