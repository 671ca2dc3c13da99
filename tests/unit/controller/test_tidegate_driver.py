"""The wire side of the driver: what it asks for, and what it makes of bad answers."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from controller_world import NOON
from pydantic import SecretStr

from controller.drivers import tidegate
from controller.settings import EngineAccess
from core.errors import ConfigError, ConflictError, EngineUnreachable, OperatorError

Answer = Callable[[httpx.Request], httpx.Response]


def driver(answer: Answer) -> tidegate.TidegateEngine:
    client = httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://engine")
    return tidegate.TidegateEngine(client, "http://engine")


def always(status: int, **more: object) -> Answer:
    return lambda _request: httpx.Response(status, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, OperatorError), (403, OperatorError), (409, ConflictError), (412, ConflictError),
        (422, OperatorError), (429, EngineUnreachable), (500, EngineUnreachable), (503, EngineUnreachable),
    ],
)  # fmt: skip
async def test_a_refusal_is_told_by_whose_fault_it_is(status: int, error: type[Exception]) -> None:
    problem = {"title": "No", "detail": "epoch 1 is over\x1b[31m"}
    with pytest.raises(error, match=r"refused: epoch 1 is over \[31m"):
        await driver(always(status, json=problem)).delete("auto:x", 1)


async def test_a_refusal_without_a_problem_document_shows_its_status() -> None:
    with pytest.raises(EngineUnreachable, match="502 Bad Gateway"):
        await driver(always(502, text="<html>")).status()


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"[]", b"{}", b'{"leases": {}}', b'{"leases": [{"key": "x"}]}'],
)
async def test_an_answer_that_cannot_be_read_is_permanently_unreachable(body: bytes) -> None:
    with pytest.raises(EngineUnreachable) as caught:
        await driver(always(200, content=body)).leases()
    assert caught.value.permanent


async def test_fields_that_a_newer_engine_adds_are_ignored() -> None:
    body = {"scopes": [{"source_ip": "203.0.113.7", "provider": "google", "operator_limit": "5/m", "new": 1}]}
    (report,) = await driver(always(200, json=body)).scopes()
    assert (report.scope.provider, str(report.operator_limit), report.queued) == ("google", "5/m", 0)


async def test_the_epoch_and_the_key_travel_as_the_engine_wants_them() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(204)

    await driver(answer).delete("auto:2001:db8::7:*:source-ip-max-msg-rate", 7)
    assert seen[0].headers["tidegate-epoch"] == "7"
    assert seen[0].url.raw_path == b"/v1/leases/auto%3A2001%3Adb8%3A%3A7%3A%2A%3Asource-ip-max-msg-rate"


async def test_since_is_sent_in_utc() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.params["since"])
        return httpx.Response(200, json={"minutes": []})

    assert await driver(answer).statistics(NOON) == []
    assert seen == ["2026-11-23T12:00:00+00:00"]


async def test_the_token_is_sent_and_never_shown(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("sesame\n")
    for access in (
        EngineAccess(token=SecretStr("sesame"), url="http://127.0.0.1:9"),
        EngineAccess(token_file=tmp_path / "token", url="http://127.0.0.1:9"),
        EngineAccess(token=SecretStr("sesame"), url=f"unix:{tmp_path}/no.sock"),
    ):
        made = tidegate.connect(access)
        assert made._client.headers["authorization"] == "Bearer sesame"
        assert "sesame" not in repr(access)
        with pytest.raises(EngineUnreachable) as caught:
            await made.status()
        assert "sesame" not in str(caught.value)
        await made.close()


def test_a_token_file_that_is_not_there_is_a_mistake_in_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="token-file: cannot read"):
        tidegate.connect(EngineAccess(token_file=tmp_path / "nowhere"))
