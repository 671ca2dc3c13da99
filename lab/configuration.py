"""Tidegate's configuration for a lab: a complete YAML file that points every door at loopback."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from lab.world import Lab

TOKEN = "lab-control-token-0001"  # noqa: S105 - opens nothing outside one rehearsal on loopback


def engine_part(lab: Lab, directory: Path) -> dict[str, Any]:
    """`ip-lists:` and `engine:` for the lab's pools, providers and DNS; the spool under `directory`."""
    return {
        "ip-lists": {
            pool.name: [{"address": str(s.address), "bind": str(s.bind)} for s in pool.sources]
            for pool in lab.pools
        },
        "engine": {
            "hostname": "mta.lab.test",
            "listen": [f"127.0.0.1:{lab.engine_port}"],
            "spool": str(directory / "spool"),
            "accounting-files": [{"path": str(directory / "accounting.jsonl")}],
            "smtp-port": lab.smtp_port,
            "control-api": {
                "listen": f"127.0.0.1:{lab.api_port}",
                "tokens": [{"name": "lab", "token": TOKEN, "scope": "admin"}],
            },
            "resolver": {"nameservers": [f"127.0.0.1:{lab.dns.port}"], "timeout": "1s"},
            "providers": {
                ident: {"mx": [server.provider.exchanger]} for ident, server in lab.providers.items()
            },
            "dsn": {"enabled": False},  # the traffic's sender has no mailbox
            "default-virtual-mta": lab.pools[0].name,
            "virtual-mtas": {
                pool.name: {"source-ips": [str(s.address) for s in pool.sources]} for pool in lab.pools
            },
        },
    }


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid on `base`, mapping by mapping; anything else is replaced."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            result[key] = merged(below, value)
        else:
            result[key] = value
    return result


def write_configuration(lab: Lab, directory: Path, over: Mapping[str, Any] | None = None) -> Path:
    """Write `config.yaml` into `directory`, with `over` laid on top; returns its path.

    The file holds the lab's token and is readable by its owner alone.
    """
    content = merged(engine_part(lab, directory), over or {})
    path = directory / "config.yaml"
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path
