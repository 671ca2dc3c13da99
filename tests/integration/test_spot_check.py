"""`tidegate check IP…` without daemon and configuration, against real DNS: the resolver first, then the lists."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from monitor.collectors.settings import ResolverClient
from tests.integration.scripted_dns import ScriptedDns, serving
from tidegate import spot_check
from tidegate.cli import run

IP, OTHER = "203.0.113.7", "203.0.113.8"
ZEN, COP = "zen.spamhaus.org", "bl.spamcop.net"
LISTS = ["--zone", ZEN, "--zone", COP]


async def checked(
    capsys: pytest.CaptureFixture[str], script: Callable[[ScriptedDns], None], *words: str
) -> tuple[int, str]:
    async with serving() as dns:
        script(dns)
        line = ["check", *words, "--resolver", f"127.0.0.1:{dns.port}"]
        code = await asyncio.to_thread(run, line)
    return code, capsys.readouterr().out


def well(dns: ScriptedDns) -> None:
    dns.healthy(ZEN, COP)
    dns.names["7.113.0.203.score.senderscore.com"] = ("127.0.4.97",)


def listing(dns: ScriptedDns) -> None:
    well(dns)
    dns.list(IP, COP, "127.0.0.2")
    dns.texts[f"7.113.0.203.{COP}"] = "Blocked\x1b[2J - see https://www.spamcop.net/"


def refusing(dns: ScriptedDns) -> None:
    dns.suffixes = {ZEN: ("127.255.255.254",), "score.senderscore.com": ("127.255.255.255",)}
    dns.healthy(COP)


def test_another_resolver_is_asked_by_the_client_that_is_configured(tmp_path: Path) -> None:
    config = tmp_path / "tidegate.yaml"
    config.write_text("monitor: {resolver: {client: aiodns, tries: 4, nameservers: [192.0.2.53]}}\n")
    asked = spot_check.settings(str(config), ["127.0.0.1:5353"], []).resolver
    assert (asked.client, asked.tries) == (ResolverClient.AIODNS, 4)
    assert [str(server) for server in asked.nameservers] == ["127.0.0.1:5353"]


async def test_a_clean_ip_is_clean_with_its_score(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = await checked(capsys, well, IP, *LISTS)
    assert code == 0
    assert text.startswith("Resolver: Spamhaus answers its test entry\n")
    assert f"{IP}: 0 listed, 2 clean\n" in text
    assert "Sender Score 97" in text


async def test_a_listing_is_told_in_the_lists_own_words_with_the_way_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, text = await checked(capsys, listing, IP, OTHER, *LISTS)
    assert code == 10
    assert f"{IP}: 1 listed, 1 clean\n" in text
    assert f"{OTHER}: 0 listed, 2 clean" in text
    assert "Blocked [2J - see https://www.spamcop.net/" in text
    assert "\x1b" not in text
    assert "removal  https://www.spamcop.net/" in text


async def test_a_resolver_that_spamhaus_refuses_is_said_first_and_lists_nobody(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, text = await checked(capsys, refusing, IP, OTHER, *LISTS)
    assert code == 0
    assert text.startswith("Resolver: Spamhaus refuses it: public resolver (127.255.255.254)")
    assert "--resolver ADDRESS" in text.splitlines()[0]
    assert text.count("the list refuses our queries") == 1  # once, not for each IP
    assert text.count("my.validity.com") == 1
    assert "LISTED" not in text


async def test_when_nobody_answers_nothing_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = await checked(capsys, lambda dns: None, IP, "--zone", ZEN)
    assert code == 1
    assert "gave no usable answer (no such name)" in text
    assert f"{IP}: 0 listed, 1 unknown" in text


@pytest.mark.parametrize(
    ("script", "code", "line"),
    [
        (well, 0, "TIDEGATE OK - 1 IPs, 0 listings, 0 answers unknown | listed=0;;0 unknown=0\n"),
        (listing, 2, f"TIDEGATE CRITICAL - 1 IPs, 1 listings, 0 answers unknown; {IP} on {COP} | listed=1;;0 unknown=0\n"),
        (refusing, 0, "TIDEGATE OK - 1 IPs, 0 listings, 2 answers unknown | listed=0;;0 unknown=2\n"),
        (lambda dns: None, 3, "TIDEGATE UNKNOWN - 1 IPs, 0 listings, 3 answers unknown | listed=0;;0 unknown=3\n"),
    ],
)  # fmt: skip
async def test_nagios_gets_one_line_and_its_own_exit_codes(
    capsys: pytest.CaptureFixture[str], script: Callable[[ScriptedDns], None], code: int, line: str
) -> None:
    assert await checked(capsys, script, IP, "--nagios", *LISTS) == (code, line)


async def test_json_says_what_the_resolver_said(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = await checked(capsys, refusing, IP, "--json", *LISTS)
    document = json.loads(text)
    assert (code, document["schema"], document["found"]) == (0, "check/v1", False)
    assert "Spamhaus refuses it" in document["resolver"]
    assert {r["status"] for r in document["readings"] if r["metric"] == ZEN} == {"unknown"}


def test_what_is_no_address_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "mail.example.com"]) == 2
    assert "write it like 203.0.113.7" in capsys.readouterr().err
