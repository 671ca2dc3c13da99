"""Who is told, as the configuration checks it: names exist, addresses are ones, our own mail is never throttled."""

from typing import Any

import pytest
import yaml

from tests.unit.monitor.watching import IP
from tidegate.config.load import Loaded, parse
from tidegate.config.problems import ConfigErrors
from tidegate.messengers import background

LISTS = {"marketing": ["203.0.113.7"], "invoices": ["203.0.113.8"]}
KEY = "0123456789abcdef0123456789abcdef"


def loaded(notifications: dict[str, Any], **sections: Any) -> Loaded:
    text = yaml.safe_dump({"ip-lists": LISTS, "monitor": {"notifications": notifications}, **sections})
    return parse(text, "config.yaml", {})


def mistake(notifications: dict[str, Any], **sections: Any) -> str:
    with pytest.raises(ConfigErrors) as caught:
        loaded(notifications, **sections)
    return str(caught.value)


def test_everything_may_be_named_and_no_log_shows_what_lets_others_post() -> None:
    hook = "https://hooks.slack.example/T000/B000/XXXX"
    found = loaded(
        {
            "recipients": ["ops@example.com", {"address": "ny@example.com", "time-zone": "America/New_York"}],
            "channels": {
                "slack": {"chat": {"url": hook}},
                "pagerduty": {"oncall": {"routing-key": KEY}},
                "alertmanager": {"am": {"url": "http://127.0.0.1:9093"}},
                "webhooks": {"panel": {"url": "https://panel.example/x", "secret": "sesame-sesame"}},
            },
            "routes": {
                "office": {"channels": ["chat", "panel", "am"], "hours": "mon-fri 08:00-18:00"},
                "night": {"channels": ["oncall"], "minimum-severity": "critical", "ip-lists": ["invoices"]},
            },
            "heartbeat": {"url": "https://hc.example/ping/uuid-uuid"},
        }
    )
    assert not [warning for warning in found.warnings if "notifications" in warning]
    for secret in (hook, KEY, "sesame-sesame", "https://hc.example/ping/uuid-uuid"):
        assert secret not in found.redactor(f"failed: {secret}")
        assert secret not in str(found.config)


@pytest.mark.parametrize(
    ("notifications", "said"),
    [
        ({"routes": {"a": {"channels": ["chta"]}}, "channels": {"slack": {"chat": {"url": "https://x.example"}}}}, "did you mean chat"),
        ({"routes": {"a": {"ip-lists": ["marketting"], "recipients": ["a@b.example"]}}}, "there is no ip-list 'marketting'"),
        ({"routes": {"a": {}}}, "the route leads to nobody"),
        ({"routes": {"a": {"hours": "9 to 5", "recipients": ["a@b.example"]}}}, "mon-fri 08:00-18:00"),
        ({"channels": {"slack": {"chat": {"url": "hooks.example"}}}}, "not a web address"),
        ({"channels": {"alertmanager": {"am": {}}}}, "not a web address"),
        ({"heartbeat": {"url": "hc.example"}}, "not a web address"),
        ({"channels": {"pagerduty": {"p": {"routing-key": "short"}}}}, "has 32 characters"),
        (
            {"channels": {"slack": {"x": {"url": "https://x.example"}}, "webhooks": {"x": {"url": "https://x.example"}}}},
            "two channels are named 'x'",
        ),
        ({"smtp": {"virtual-mta": "notices"}}, "there is no virtual-mta 'notices'"),
        ({"smtp": {"virtual-mta": "default"}}, "takes leases: its mail would wait when it matters"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_what_to_write(notifications: dict[str, Any], said: str) -> None:
    text = mistake(notifications)
    assert said in text
    assert "config.yaml:" in text
    assert "short" not in text


@pytest.mark.parametrize(
    ("notifications", "said"),
    [
        ({}, "nobody is told about incidents"),
        ({"enabled": False}, ""),
        ({"routes": {"a": {"ip-lists": ["marketing"], "recipients": ["a@b.example"]}}}, "when monitoring goes blind"),
        ({"recipients": ["a@b.example"], "channels": {"slack": {"x": {"url": "https://x.example"}}}}, "no route leads to the channel 'x'"),
    ],
)  # fmt: skip
def test_what_leaves_somebody_without_word_is_a_warning(notifications: dict[str, Any], said: str) -> None:
    warnings = [one for one in loaded(notifications).warnings if "told" in one or "route" in one]
    assert any(said in one for one in warnings) if said else not warnings


def test_mail_through_the_engine_takes_a_route_of_its_own() -> None:
    engine = {
        "virtual-mtas": {
            "default": {"source-ips": ["203.0.113.7"]},
            "notices": {"source-ips": ["203.0.113.9"], "takes-leases": False},
        }
    }
    lists = {**LISTS, "own": ["203.0.113.9"]}
    told = {"recipients": ["a@b.example"], "smtp": {"port": 2525, "virtual-mta": "notices"}}
    assert loaded(told, engine=engine, **{"ip-lists": lists}).config.engine.lease_free
    engine["virtual-mtas"]["default"]["source-ips"] = ["203.0.113.9"]
    assert "give each its own source IPs" in mistake(told, engine=engine, **{"ip-lists": lists})


@pytest.mark.parametrize(
    ("host", "listen", "count"),
    [
        ("localhost", "127.0.0.1:2525", 1),
        ("::1", "[::]:2525", 1),
        ("192.0.2.1", "192.0.2.1:2525", 1),
        ("192.0.2.1", "127.0.0.1:2525", 0),
        ("localhost", "127.0.0.1:2526", 0),
    ],
)
def test_mail_that_would_leave_through_the_ips_that_it_is_about_is_warned_of(
    host: str, listen: str, count: int
) -> None:
    told = {"recipients": ["a@b.example"], "smtp": {"host": host, "port": 2525}}
    warnings = loaded(told, engine={"listen": [listen]}).warnings
    assert len([one for one in warnings if "leaves through the engine's own IPs" in one]) == count


def test_notifications_know_the_lists_of_an_ip_and_the_way_back_of_a_rate() -> None:
    config = loaded({}, controller={"recovery": {"step": "1h", "factor": 2, "cool-down": "3h"}}).config
    known = background(config)
    assert known.lists_of(IP) == {"marketing"}
    assert (known.ramp.first().total_seconds(), known.ramp.factor) == (3 * 3600, 2)
    assert known.ramp.threshold == config.controller.recovery.threshold
