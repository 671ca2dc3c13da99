"""The doctor in a healthy house on loopback, and in one where everything is wrong. Real DNS, SMTP and HTTP."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import dnslib
import pytest
import yaml

from core.clock import SystemClock
from engine import service
from lab.mailbox import Mailbox
from lab.ports import free_port
from storage import database
from tests.integration import scripted_dns
from tests.integration.scripted_dns import Reply, ScriptedDns
from tidegate.config.load import load
from tidegate.doctor import machine
from tidegate.doctor.examine import examine
from tidegate.doctor.finding import Finding, Verdict

ZEN = "2.0.0.127.zen.spamhaus.org"


class Names(ScriptedDns):
    """Answers for names of IPs, too."""

    def __init__(self) -> None:
        super().__init__()
        self.pointers: dict[str, str] = {}

    def answer(self, packet: bytes, *, tcp: bool) -> bytes | None:
        request = dnslib.DNSRecord.parse(packet)
        name = str(request.q.qname).rstrip(".")
        if request.q.qtype == dnslib.QTYPE.PTR and name in self.pointers:
            reply = request.reply()
            reply.add_answer(dnslib.RR(name, dnslib.QTYPE.PTR, rdata=dnslib.PTR(self.pointers[name])))
            return bytes(reply.pack())
        if request.q.qtype == dnslib.QTYPE.AAAA:
            reply = request.reply()
            reply.header.rcode = dnslib.RCODE.NXDOMAIN
            return bytes(reply.pack())
        return super().answer(packet, tcp=tcp)


@pytest.fixture
def folder() -> Iterator[Path]:
    # a unix socket's path may be 107 bytes long; pytest's own directories are longer
    with tempfile.TemporaryDirectory(prefix="tg") as made:
        yield Path(made)


@asynccontextmanager
async def dns(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Names]:
    monkeypatch.setattr(scripted_dns, "ScriptedDns", Names)
    async with scripted_dns.serving() as served:
        assert isinstance(served, Names)
        yield served


def write(folder: Path, dns_port: int, mail_port: int, **over: Any) -> Path:
    content: dict[str, Any] = {
        "ip-lists": {"main": ["127.0.0.9"]},
        "database": f"sqlite:///{folder}/t.db",
        "engine": {
            "hostname": "mta1.lab.test",
            "listen": ["127.0.0.1:0"],
            "spool": f"{folder}/spool",
            "accounting-files": [],
            "control-api": {"listen": f"unix:{folder}/api"},
            "virtual-mtas": {"default": {"source-ips": ["127.0.0.9"]}},
        },
        "controller": {"engine": {"url": f"unix:{folder}/api"}},
        "monitor": {
            "resolver": {"nameservers": [f"127.0.0.1:{dns_port}"], "timeout": "1s", "tries": 1},
            "sender-score": {"enabled": True, "probe-ip": "127.0.0.9"},
            "notifications": {
                "recipients": ["ops@lab.test"],
                "smtp": {"host": "127.0.0.1", "port": mail_port, "starttls": "never"},
            },
        },
    }
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(content | over))
    return file


def by_check(findings: tuple[Finding, ...]) -> dict[str, Finding]:
    """The worst that each check found."""
    return {one.check: one for one in sorted(findings, key=lambda one: one.verdict.rank)}


async def test_a_healthy_house_has_nothing_to_mend(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        machine, "is_synchronised", lambda: True
    )  # a container's clock is its host's business
    mailbox = Mailbox(SystemClock())
    await mailbox.start()
    async with dns(monkeypatch) as names:
        names.names = {
            ZEN: ("127.0.0.2", "127.0.0.4"),
            "mta1.lab.test": ("127.0.0.9",),
            "9.0.0.127.score.senderscore.com": ("127.0.4.97",),
        }
        names.pointers = {"9.0.0.127.in-addr.arpa": "mta1.lab.test"}
        file = write(folder, names.port, mailbox.port)
        engine = database.open_database(f"sqlite:///{folder}/t.db")
        database.upgrade(engine)
        engine.dispose()
        async with service.running(load(file, {}).config.engine, SystemClock()):
            found = await examine(str(file), SystemClock())
    await mailbox.stop()
    assert found.worst is Verdict.FINE, found.text()
    told = by_check(found.findings)
    assert "answers as mta1.lab.test" in told["engine"].said
    assert told["resolver"].said == "Spamhaus answers its test entry"
    assert told["sender score"].said == "Sender Score answers"
    assert told["reverse names"].said == "all 1 IPs have a reverse name that leads back to them"
    assert mailbox.matching(lambda _mail: True) == []


async def test_in_a_sick_house_each_thing_is_named_with_its_cure(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with dns(monkeypatch) as names:
        names.names = {
            ZEN: ("127.255.255.254",),
            "mta1.lab.test": Reply.SERVFAIL,
            "9.0.0.127.score.senderscore.com": ("127.255.255.255",),
        }
        names.pointers = {"9.0.0.127.in-addr.arpa": "elsewhere.lab.test"}
        file = write(
            folder, names.port, free_port(), controller={"engine": {"url": f"http://127.0.0.1:{free_port()}"}},
            web={"listen": f"127.0.0.1:{free_port()}", "tokens": [{"name": "a", "token": "a-token-long-enough"}]},
        )  # fmt: skip
        found = await examine(str(file), SystemClock())
    told = by_check(found.findings)
    assert told["engine"].verdict is told["mail"].verdict is told["watch"].verdict is Verdict.BROKEN
    assert told["resolver"].verdict is Verdict.BROKEN
    assert "Spamhaus refuses it: public resolver (127.255.255.254)" in told["resolver"].said
    assert "recursing resolver of your own" in told["resolver"].mend
    assert told["sender score"].verdict is Verdict.BROKEN
    assert "my.validity.com" in told["sender score"].mend
    assert told["reverse names"].said == (
        "the reverse name does not lead back to its IP: 127.0.0.9 (elsewhere.lab.test)"
    )
    assert told["greeting"].verdict is Verdict.UNKNOWN
    assert told["database"].mend == "it is made when tidegate run or tidegate watch starts"
    assert not (folder / "t.db").exists()
    assert "a-token-long-enough" not in found.text()


async def test_a_resolver_that_makes_names_up_is_found_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with dns(monkeypatch) as names:
        names.names = {"no-such-name.invalid": ("198.51.100.1",), ZEN: ("127.0.0.2",)}
        file = write(folder, names.port, free_port(), controller={"engine": {"url": "http://127.0.0.1:1"}})
        found = await examine(str(file), SystemClock())
    assert "rewrites answers" in by_check(found.findings)["resolver"].said
    await asyncio.sleep(0)
