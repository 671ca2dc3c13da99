"""The web part of the configuration: off by default, tokens by name, plain HTTP to the world warned about."""

from typing import Any

import pytest
import yaml

from core.clock import ManualClock
from core.errors import OperatorError
from tidegate.config.load import Loaded, parse
from tidegate.config.model import Config
from tidegate.config.problems import ConfigErrors
from tidegate.web.app import application
from tidegate.web.server import WebServer

TOKEN = {"name": "hetrix", "token": "a-token-long-enough"}


def loaded(**sections: Any) -> Loaded:
    return parse(yaml.safe_dump(sections), "config.yaml", {"HETRIX": "from-the-environment"})


def mistake(**sections: Any) -> str:
    with pytest.raises(ConfigErrors) as caught:
        loaded(**sections)
    return str(caught.value)


def test_nothing_listens_unless_somebody_may_come() -> None:
    assert not Config().web.is_on
    assert loaded(web={"tokens": [TOKEN]}).config.web.is_on
    assert loaded(web={"listen": "unix:data/watch.sock"}).config.web.is_on


def test_a_token_comes_from_the_environment_and_no_log_will_show_it() -> None:
    found = loaded(web={"tokens": [{"name": "hetrix", "token": "${HETRIX}"}]})
    secret = found.config.web.tokens[0].token
    assert secret is not None
    assert secret.get_secret_value() == "from-the-environment"
    assert found.redactor("Bearer from-the-environment") == "Bearer ***"


@pytest.mark.parametrize(
    ("web", "said"),
    [
        ({"tokens": [{"name": "a"}]}, "the token 'a' is not given"),
        ({"tokens": [TOKEN, dict(TOKEN)]}, "two tokens are named 'hetrix'"),
        ({"tokens": [{"name": "a:b", "token": "a-token-long-enough"}]}, "web.tokens[0].name"),
        ({"tokens": [{"name": "a", "token": "short"}]}, "the token 'a' has fewer than 16 characters"),
        ({"listen": "8026", "tokens": [TOKEN]}, "'8026' is not an address and a port"),
        ({"listen": "unix:"}, "the socket has no path"),
    ],
)
def test_a_mistake_is_named_with_what_to_write(web: dict[str, Any], said: str) -> None:
    assert said in mistake(web=web)


def test_a_secret_that_is_too_short_is_not_shown() -> None:
    assert "sesame" not in mistake(web={"tokens": [{"name": "a", "token": "sesame"}]})


def test_a_provider_that_the_engine_does_not_know_is_caught_before_an_alert_comes() -> None:
    assert "micrsoft" in mistake(monitor={"alerts": {"providers": {"outlook": "micrsoft"}}})


@pytest.mark.parametrize(
    ("listen", "warns"), [("127.0.0.1:1", False), ("[::1]:1", False), ("0.0.0.0:1", True), ("unix:x", False)]
)
def test_tokens_over_plain_http_from_other_machines_are_warned_about(listen: str, warns: bool) -> None:  # noqa: FBT001 - a table
    said = [w for w in loaded(web={"listen": listen, "tokens": [TOKEN]}).warnings if "plain HTTP" in w]
    assert bool(said) is warns


async def test_an_address_that_is_taken_is_said_with_its_key() -> None:
    app = application(Config().web, ManualClock(), object())  # type: ignore[arg-type] - nobody asks
    first = WebServer(app, "127.0.0.1:0")
    first.start()
    second = WebServer(app, first.address.removeprefix("http://"))
    try:
        with pytest.raises(OperatorError, match=r"web\.listen: 127\.0\.0\.1:\d+ cannot be had"):
            second.start()
    finally:
        await first.stop()
        await second.stop()
