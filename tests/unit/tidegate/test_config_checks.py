"""What only shows when sections are held against each other."""

import pytest

from core.errors import ConfigError
from tidegate.config.load import parse

API = "engine: {control-api: {listen: '127.0.0.1:8025', tokens: [{name: c, token: s3cret, scope: SCOPE}]}}\n"
CONTROLLER = "controller: {mode: enforce, engine: {url: 'http://127.0.0.1:8025', token: TOKEN}}\n"


def both(scope: str = "operate", token: str = "s3cret") -> str:
    return (API + CONTROLLER).replace("SCOPE", scope).replace("TOKEN", token)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (both(token="other"), r"config.yaml:2: controller.engine.token: the engine knows no such token"),
        (both(scope="read"), r"the engine's token 'c' may only read \(give it scope: operate\)"),
        (
            "controller: {mode: enforce, engine: {url: 'http://mta:8025'}}",
            "the controller enforces over TCP and has no token",
        ),
        ("controller: {engine: {url: 'mta:8025'}}", "write http://HOST:PORT or unix:PATH"),
        ("monitor: {snds: {enabled: true}}", "SNDS is enabled and has no account"),
        ("monitor:\n  digest: {cron: '0 7 * *'}", "config.yaml:2: monitor.digest.cron: .* is not a cron"),
        ("monitor:\n  digest:\n    time-zone: Mars/Olympus", "config.yaml:3: .* is not a time zone"),
        (
            "monitor:\n  dnsbl:\n    zones: [no.such.list]",
            "config.yaml:3: monitor.dnsbl.zones: .*no.such.list",
        ),
        (
            "engine: {default-virtual-mta: bills, virtual-mtas: {bills: {}}}\ncontroller: {protected-virtual-mtas: [bill]}",
            "config.yaml:2: controller.protected-virtual-mtas.*: there is no virtual-mta 'bill' .did you mean bills",
        ),
    ],
)
def test_a_contradiction_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as raised:
        parse(text)
    assert "s3cret" not in str(raised.value)


def test_a_controller_with_the_engines_token_is_fine() -> None:
    assert parse(both()).config.controller.mode == "enforce"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is no source IP"),
        ("ip-lists: {a: [203.0.113.7]}", "nobody is told about incidents"),
        ("ip-lists: {a: [203.0.113.7]}", "no virtual-mta names a source IP"),
        ("clock: {speed: 60}", "60 times as fast as time"),
        ("controller: {engine: {url: 'unix:/run/other.sock'}}", "the controller asks unix:/run/other.sock"),
        ("monitor: {snds: {enabled: true, accounts: [{key: k}]}}", "takes none since June 2026"),
        (
            "monitor: {snds: {enabled: true, accounts: [{data-link: 'https://x.example/?k=s3cret'}]}}",
            "write links-issued",
        ),
    ],
)
def test_what_is_unwise_is_a_warning_with_its_line(text: str, said: str) -> None:
    assert any(said in warning and warning.startswith("config.yaml:1: ") for warning in parse(text).warnings)


def test_each_program_warns_about_its_own_part() -> None:
    loaded = parse(
        "ip-lists: {a: [203.0.113.7]}\nweb: {listen: '192.0.2.1:80', tokens: [{name: t, token: s3cret-s3cret-s3cret}]}\n"
        "clock: {speed: 60}\n"
    )
    said = {
        name: " ".join(c.text for c in loaded.cautions if c.concerns(name)) for name in ("engine", "watch")
    }
    assert "nobody is told" in said["watch"]
    assert "plain HTTP" in said["watch"]
    assert "nobody is told" not in said["engine"]
    assert "plain HTTP" not in said["engine"]
    assert "virtual-mta" in said["engine"]
    assert "virtual-mta" not in said["watch"]
    assert all("60 times as fast" in each for each in said.values())


SHARED = (
    "ip-lists: {a: [203.0.113.7, 203.0.113.8]}\n"
    "engine: {default-virtual-mta: bills, virtual-mtas: {bills: {source-ips: [203.0.113.7]}, news: {source-ips: [203.0.113.7, 203.0.113.8]}}}\n"
    "controller: {protected-virtual-mtas: [bills]}\n"
)


def test_a_protected_virtual_mta_protects_its_ips_and_whoever_shares_them_is_told() -> None:
    loaded = parse(SHARED)
    assert {str(ip) for ip in loaded.config.protected_ips} == {"203.0.113.7"}
    assert any("203.0.113.7 of virtual-mta news is protected, too" in text for text in loaded.warnings)
