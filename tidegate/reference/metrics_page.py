"""docs/reference/metrics.md: what an engine that has met everything once would expose."""

import tempfile
from collections.abc import Iterable
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

from core.clock import ManualClock
from core.lease import Directive, Lease, Origin, Scope
from core.rate import Rate
from engine import metrics
from engine.classification import ReplyClass
from engine.engine import Engine
from engine.exposition import Family
from engine.settings import EngineSettings
from engine.spool.memory import MemorySpool
from engine.state import StateStore
from tidegate.reference.markdown import WRITTEN_BY, cell, table

_IP, _PROVIDER = ip_address("203.0.113.7"), "microsoft"

_HEAD = (
    "`/metrics` of the engine's control API, in Prometheus' text format; it needs a token with the role "
    "read. Series are bounded by the configuration: labels are source IPs and providers, never domains."
)


def page() -> str:
    """The whole page."""
    with tempfile.TemporaryDirectory() as folder:
        engine = _busy(Path(folder))
        try:
            families = [one for one in metrics.families(engine) if one.help]
        finally:
            engine.state.close()
    parts = [
        "# Metrics",
        WRITTEN_BY,
        _HEAD,
        table(("name", "type", "labels", ""), _rows(families)),
    ]
    return "\n\n".join(parts) + "\n"


def _rows(families: Iterable[Family]) -> list[tuple[str, str, str, str]]:
    return [
        (f"`tidegate_{one.name.removesuffix('_bucket')}`", str(one.kind), _labels(one), cell(one.help))
        for one in families
    ]


def _labels(family: Family) -> str:
    names = {name: None for labels, _ in family.samples for name in labels}
    return ", ".join(f"`{name}`" for name in names)


def _busy(folder: Path) -> Engine:
    """An engine that runs nowhere, with a queue, a lease and a reply of each kind."""
    (folder / "spool").mkdir()
    written = {
        "spool": str(folder / "spool"),
        "accounting-files": [{"path": str(folder / "accounting.jsonl")}],
        "accounting-webhooks": [{"url": "https://example.com/events", "buffer": str(folder / "webhook")}],
        "virtual-mtas": {"default": {"source-ips": [str(_IP)]}},
        "providers": {_PROVIDER: {"mx": ["*.example.com"], "source-ip-max-msg-rate": "1000/h"}},
    }
    clock = ManualClock()
    engine = Engine(
        EngineSettings.model_validate(written), clock, MemorySpool(), StateStore(folder / "state.db")
    )
    engine.scheduler.stop()
    at = clock.now().timestamp()
    engine.statistics.attempted(_IP, _PROVIDER, 1, at)
    for kind in ReplyClass:
        engine.statistics.answered(_IP, _PROVIDER, kind, "250 2.0.0 OK", at)
    engine.shaping.parent(next(iter(engine.sources())), _PROVIDER, clock.monotonic_ns(), clock.now())
    engine.queues.queue("example.com", "default")
    engine.leases.put(_lease(clock))
    return engine


def _lease(clock: ManualClock) -> Lease:
    now = clock.now()
    return Lease(
        key="auto",
        scope=Scope(source_ip=_IP, provider=_PROVIDER),
        directive=Directive.SOURCE_IP_MAX_MSG_RATE,
        value=Rate.parse("100/h"),
        origin=Origin.CONTROLLER,
        reason="listed",
        set_by="controller",
        set_at=now,
        expires_at=now + timedelta(hours=6),
    )
