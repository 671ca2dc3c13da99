"""Ours, as it is sold: limits, statistics, accounting, Backoff Insight on, a process of its own."""

import contextlib
import platform
import re
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import httpx
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bench.relay.contender import Relay, Site
from bench.relay.load import until_listening
from bench.relay.processes import launched
from lab.ports import free_port

_SOURCES = ("127.0.1.1", "127.0.1.2")
_ABOVE_ALL = "100000/s"
"""A limit that is counted for every recipient and never binds."""

_SAMPLE = re.compile(r"^(tidegate_\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Tidegate:
    """`tidegate engine`; `signing` adds an RSA-2048 DKIM signature to every message."""

    signing: bool = False

    @property
    def name(self) -> str:
        return "tidegate-dkim" if self.signing else "tidegate"

    async def version(self) -> str:
        return f"{metadata.version('tidegate')} (Python {platform.python_version()})"

    @contextlib.asynccontextmanager
    async def running(self, site: Site) -> AsyncIterator[Relay]:
        port, socket = free_port(), site.folder / "control.sock"
        config = site.folder / "tidegate.yaml"
        config.write_text(yaml.safe_dump(configuration(site, port, self._keys(site.folder))))
        command = [*site.wrapper, sys.executable, "-m", "tidegate", "engine", "--config", str(config)]
        async with launched(command, site.folder) as group:
            await until_listening(port, group)
            transport = httpx.AsyncHTTPTransport(uds=str(socket))
            async with httpx.AsyncClient(transport=transport, base_url="http://engine") as api:
                yield Relay(port, group, lambda: counters(api))

    def _keys(self, folder: Path) -> list[dict[str, str]]:
        if not self.signing:
            return []
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        path = folder / "dkim.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        path.chmod(0o600)
        return [{"domain": "bench.test", "selector": "bench", "key-file": str(path)}]


def configuration(site: Site, port: int, keys: list[dict[str, str]]) -> dict[str, Any]:
    """Every kind of limit is there, at each level, and has to be asked for each recipient."""
    return {
        "ip-lists": {"bench": list(_SOURCES)},
        "engine": {
            "hostname": "mta.bench.test",
            "listen": [f"127.0.0.1:{port}"],
            "spool": str(site.folder / "spool"),
            "accounting-files": [{"path": str(site.folder / "accounting.jsonl")}],
            "control-api": {"listen": f"unix:{site.folder}/control.sock"},
            "routes": {"dest.test": {"hosts": [f"127.0.0.1:{site.sink_port}"], "provider": "bench"}},
            "providers": {
                "bench": {"source-ip-max-msg-rate": _ABOVE_ALL, "source-ip-max-connect-rate": _ABOVE_ALL}
            },
            "virtual-mtas": {"default": {"source-ips": list(_SOURCES)}},
            "domains": {
                "*": {
                    "max-msg-rate": _ABOVE_ALL,
                    "source-ip-max-msg-rate": _ABOVE_ALL,
                    "max-smtp-out": 50,
                    "source-ip-max-smtp-out": 50,
                }
            },
            "dkim-keys": keys,
        },
    }


async def counters(api: httpx.AsyncClient) -> Mapping[str, float]:
    """What the engine's own metrics say of durability and delivery, with short names."""
    answer = await api.get("/metrics")
    answer.raise_for_status()
    return parse_metrics(answer.text)


def parse_metrics(text: str) -> dict[str, float]:
    """`syncs`, `synced_messages`, `delivered`, `queued` from the metrics, each summed over its labels."""
    wanted = {
        "tidegate_spool_syncs_total": "syncs",
        "tidegate_spool_synced_messages_total": "synced_messages",
        "tidegate_smtp_deliveries_total": "delivered",
        "tidegate_queue_messages": "queued",
    }
    found = dict.fromkeys(wanted.values(), 0.0)
    for name, labels, value in _SAMPLE.findall(text):
        if name in wanted and ("outcome=" not in labels or 'outcome="delivered"' in labels):
            found[wanted[name]] += float(value)
    return found
