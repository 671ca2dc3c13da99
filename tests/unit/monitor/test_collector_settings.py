"""What the operator may write, and what is refused before anything is asked."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from monitor.collectors.settings import (
    DnsblSettings,
    ExtraZone,
    Nameserver,
    ResolverSettings,
    SenderScoreSettings,
)
from monitor.collectors.snds_settings import FetchMode, SndsAccount, SndsOAuth, SndsSettings


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("127.0.0.1:5353", Nameserver(host="127.0.0.1", port=5353)),
        ("127.0.0.1", Nameserver(host="127.0.0.1", port=53)),
        ("[::1]:5353", Nameserver(host="::1", port=5353)),
        ("[2001:db8::53]", Nameserver(host="2001:db8::53", port=53)),
        ("2001:db8::53", Nameserver(host="2001:db8::53", port=53)),
    ],
)
def test_nameservers_in_every_spelling(text: str, server: Nameserver) -> None:
    settings = ResolverSettings.model_validate({"nameservers": [text]})
    assert settings.nameservers == [server]
    again = ResolverSettings.model_validate(settings.model_dump(mode="json"))
    assert again == settings


@pytest.mark.parametrize("text", ["localhost:53", "127.0.0.1:dns", "127.0.0.1:99999", "", "[::1"])
def test_a_nameserver_must_be_an_address_with_a_port(text: str) -> None:
    with pytest.raises(ValidationError):
        ResolverSettings.model_validate({"nameservers": [text]})


def test_nameservers_that_stand_together_use_one_port() -> None:
    with pytest.raises(ValidationError, match="one port"):
        ResolverSettings.model_validate({"nameservers": ["127.0.0.1:53", "127.0.0.2:5353"]})
    apart = {"nameservers": ["127.0.0.1:53"], "second-nameservers": ["127.0.0.2:5353"]}
    assert ResolverSettings.model_validate(apart).second_nameservers[0].port == 5353


@pytest.mark.parametrize(
    "account",
    [
        {"name": "main"},
        {"name": "main", "key": "k", "key-file": "/run/key"},
        {"name": "main", "key": "k", "data-link": "https://x.example"},
        {"name": "main", "key": "k", "sign-in-file": "data/x"},
        {"name": "main", "key": "k", "base-url": "https://x.example/snds?key=k"},
        {"name": "a b", "key": "k"},
    ],
)
def test_an_snds_account_needs_exactly_one_way_in(account: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        SndsAccount.model_validate(account)


def test_two_snds_accounts_have_two_names() -> None:
    with pytest.raises(ValidationError, match="same name"):
        SndsSettings.model_validate({"accounts": [{"key": "a"}, {"key": "b"}]})


def test_two_snds_accounts_keep_two_sign_ins() -> None:
    with pytest.raises(ValidationError, match="same sign-in-file"):
        SndsSettings.model_validate(
            {"accounts": [{"name": "a", "sign-in-file": "x"}, {"name": "b", "sign-in-file": "x"}]}
        )


@pytest.mark.parametrize(
    ("account", "mode", "has_status"),
    [
        ({"key": "k"}, FetchMode.KEY, True),
        ({"key-file": "/run/key"}, FetchMode.KEY, True),
        ({"data-link": "https://x.example"}, FetchMode.LINK, False),
        ({"data-link": "https://x.example", "status-link": "https://x.example"}, FetchMode.LINK, True),
        ({"sign-in-file": "data/x"}, FetchMode.OAUTH, True),
    ],
)
def test_the_way_in_is_the_fetch_mode(account: dict[str, Any], mode: FetchMode, *, has_status: bool) -> None:
    read = SndsAccount.model_validate(account)
    assert (read.mode, read.has_status) == (mode, has_status)


def test_secrets_are_not_shown() -> None:
    settings = [
        SndsSettings.model_validate({"accounts": [{"key": "canary"}]}),
        DnsblSettings.model_validate({"keys": {"dq.spamhaus.net": "canary"}}),
    ]
    assert "canary" not in repr(settings) + str([s.model_dump(mode="json") for s in settings])


@pytest.mark.parametrize(
    "model",
    [ResolverSettings, ExtraZone, DnsblSettings, SenderScoreSettings, SndsAccount, SndsSettings, SndsOAuth],
)
def test_every_setting_has_a_sentence(model: type[ResolverSettings]) -> None:
    assert all(field.description for field in model.model_fields.values())


def test_durations_are_written_with_units() -> None:
    settings = DnsblSettings.model_validate({"interval": "30m", "self-test-interval": "2h"})
    assert (settings.interval, settings.self_test_interval) == (timedelta(minutes=30), timedelta(hours=2))
