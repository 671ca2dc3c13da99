"""Tidegate's configuration for a rehearsal: as it comes, but for what a fast clock asks for."""

from pathlib import Path
from typing import Any

from controller.settings import Mode
from core.clock import ScaledClock
from lab.configuration import TOKEN, write_configuration
from lab.realtime.sources import CSS, SPAMCOP
from lab.realtime.world import LOOP, WorldLab
from lab.world import SCORE_ZONE, SNDS_KEY
from tidegate.evaluate import ours


def write(lab: WorldLab, directory: Path, clock: ScaledClock, worth: float, mode: Mode) -> Path:
    """Write it; returns its path."""
    limit = str(ours.operator_limit(worth))
    over: dict[str, Any] = {
        "clock": {"speed": clock.speed, "origin": clock.origin.isoformat()},
        "database": f"sqlite:///{directory / 'tidegate.db'}",
        "logging": {"format": "json"},
        "engine": {
            "providers": {name: {"source-ip-max-msg-rate": limit} for name in (*lab.providers, "*")},
            # backoff is a policy of its own: the evaluation has it as a rival
            "smtp-pattern-lists": {"none": []},
            # the usual 5 s would be some milliseconds: a connection for each message
            "domains": {"*": {"smtp-pattern-list": "none", "connection-idle-timeout": "2h"}},
            "feedback-loop": {"addresses": [LOOP]},
        },
        "monitor": _monitor(lab),
        "controller": {
            "mode": str(mode),
            # a tick a minute would be many a second
            "interval": "5m",
            "engine": {"url": f"http://127.0.0.1:{lab.api_port}", "token": TOKEN},
            # a real tenth of a second is minutes here
            "guard": {"clock-tolerance": "2h"},
        },
    }
    return write_configuration(lab, directory, over)


def _monitor(lab: WorldLab) -> dict[str, Any]:
    return {
        "resolver": {"nameservers": [f"127.0.0.1:{lab.resolver.port}"], "timeout": "1s"},
        "dnsbl": {"enabled": True, "interval": "1h", "zones": [CSS, SPAMCOP]},
        "sender-score": {"enabled": True, "zone": SCORE_ZONE},
        "snds": {
            "enabled": True,
            "interval": "1h",
            "accounts": [{"name": "main", "key": SNDS_KEY, "base-url": lab.snds.url}],
        },
        "replies": {"interval": "1h"},
        "detection": {"replies-max-age": "12h"},
        "notifications": {
            "from": "tidegate@lab.test",
            "recipients": ["ops@lab.test"],
            "smtp": {"host": "127.0.0.1", "port": lab.mailbox.port},
        },
    }
