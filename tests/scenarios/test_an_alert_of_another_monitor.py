"""Somebody keeps HetrixTools: its webhook opens an incident, a limit follows, and it lifts after the all-clear.

The real programs, as `tidegate run` starts them, on a clock that runs 10,000 times as fast.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.unit.monitor.alerts.alert_bodies import hetrix

TOKEN = "scenario-token-0000001"
PATIENCE = 90.0


def configuration(folder: Path) -> dict[str, Any]:
    return {
        "ip-lists": {"main": [{"address": "203.0.113.7", "bind": "127.0.0.1"}]},
        "database": f"sqlite:///{folder}/tidegate.db",
        "engine": {
            "listen": ["127.0.0.1:0"],
            "spool": f"{folder}/spool",
            "accounting-files": [],
            "control-api": {"listen": f"unix:{folder}/api"},
            "providers": {
                "microsoft": {"mx": ["*.ms.test"], "source-ip-max-msg-rate": "1200/h"},
                "google": {"mx": ["*.goo.test"], "source-ip-max-msg-rate": "2000/h"},
            },
            "virtual-mtas": {"default": {"source-ips": ["203.0.113.7"]}},
        },
        "monitor": {
            "dnsbl": {"enabled": False},
            "digest": {"enabled": False},
            "notifications": {"enabled": False},
        },
        "controller": {"mode": "enforce", "engine": {"url": f"unix:{folder}/api"}},
        "web": {"listen": "127.0.0.1:0", "tokens": [{"name": "hetrix", "token": TOKEN}]},
        "logging": {"format": "json"},
        "clock": {"speed": 10_000},
    }


class House:
    """The running programs, seen from outside."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        transport = httpx.HTTPTransport(uds=f"{folder}/api")
        self.engine = httpx.Client(transport=transport, base_url="http://engine", timeout=20)
        self.web = httpx.Client(headers={"Authorization": f"Bearer {TOKEN}"}, timeout=20)

    def lines(self, event: str) -> list[dict[str, Any]]:
        found = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in found if line.get("event") == event]

    def address(self) -> str:
        (line,) = self.lines("watch.listens")
        return str(line["message"]).rpartition(" ")[2]

    def binding(self, provider: str) -> tuple[str, str]:
        answer = self.engine.get("/v1/explain", params={"ip": "203.0.113.7", "provider": provider})
        first = answer.json()["chains"][0]["terms"][0]
        return first["value"], first["origin"]

    def close(self) -> None:
        self.engine.close()
        self.web.close()


@pytest.fixture
def house() -> Iterator[House]:
    # a unix socket's path may be 107 bytes long; pytest's own directories are longer
    with tempfile.TemporaryDirectory(prefix="tg") as made:
        folder = Path(made)
        (folder / "config.yaml").write_text(yaml.safe_dump(configuration(folder)))
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tidegate", "run", "--config", str(folder / "config.yaml")],
                stdout=log,
                stderr=log,
            )
            running = House(folder)
            try:
                yield running
            finally:
                running.close()
                process.terminate()
                assert process.wait(30) == 0


def until(happened: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
def test_a_webhook_of_hetrixtools_holds_the_ip_back_and_its_all_clear_lets_it_climb(house: House) -> None:
    until(lambda: house.lines("watch.listens") and house.lines("engine.started"))
    assert house.binding("microsoft") == ("1200/h", "configuration")
    door = f"{house.address()}/v1/alerts"

    answer = house.web.post(door, json=[hetrix("zen.spamhaus.org")])
    assert answer.status_code == 200, answer.text
    until(lambda: house.binding("microsoft") == ("120/h", "controller"))
    until(lambda: house.binding("google") == ("1000/h", "controller"))
    (opened,) = house.lines("incident.changed")
    assert "INC-1 203.0.113.7 listed on DNS lists, says hetrix" in opened["message"]

    assert house.web.post(door, json=[hetrix(ip="198.51.100.1")]).status_code == 422
    assert house.web.post(door, json=[], headers={"Authorization": "Bearer nobody"}).status_code == 401

    assert house.web.post(door, json=[hetrix(before=1)]).status_code == 200
    until(lambda: len(house.lines("incident.changed")) == 2)
    assert "resolved, says hetrix" in house.lines("incident.changed")[1]["message"]
    until(lambda: house.binding("microsoft") == ("1200/h", "configuration"))
    until(lambda: house.binding("google") == ("2000/h", "configuration"))
    assert TOKEN not in house.log.read_text()
