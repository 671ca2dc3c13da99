"""The engine in numbers. Series are bounded by the configuration: source IPs × providers, never domains."""

import platform
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from importlib import metadata

from core.clock import NANOSECONDS
from core.lease import Directive, Scope
from engine import health
from engine.accounting.latency import BOUNDS
from engine.engine import Engine
from engine.exposition import Family, Sample, counter, gauge, histogram, render
from engine.queue.queue import NEVER

_OUTCOMES = ("delivered", "deferred", "bounced")


def exposition(engine: Engine) -> str:
    """Everything, in Prometheus' text format."""
    return render(families(engine))


def families(engine: Engine) -> Iterator[Family]:
    """The same as values."""
    yield _build_info()
    yield gauge("start_time_seconds", "When the engine started.", engine.started_at.timestamp())
    yield from _deliveries(engine)
    yield from _queues(engine)
    yield from _limits(engine)
    yield from _spool(engine)
    yield from _accounting(engine)
    yield from _reloads(engine)


def _build_info() -> Family:
    labels = {"version": metadata.version("tidegate"), "python": platform.python_version()}
    return gauge("build_info", "Which program this is.", [(labels, 1)])


def _deliveries(engine: Engine) -> Iterator[Family]:
    lifetime = engine.statistics.lifetime()

    def of(name: str) -> Iterator[Sample]:
        for (source, provider), counts in lifetime.items():
            yield {"ip": str(source), "provider": provider}, counts[name]

    outcomes = [({**labels, "outcome": name}, value) for name in _OUTCOMES for labels, value in of(name)]
    yield counter("smtp_deliveries_total", "Replies of peers to recipients.", outcomes)
    yield counter("smtp_attempts_total", "Recipients reserved for an attempt.", of("attempted"))
    kinds = (("deferred", "reputation_deferred"), ("blocked", "blocked"))
    about_ip = [({**labels, "kind": kind}, value) for kind, name in kinds for labels, value in of(name)]
    yield counter("smtp_reputation_replies_total", "Replies whose subject is the source IP.", about_ip)
    others = (("domain", "domain_replies"), ("content", "content_replies"))
    about_mail = [({**labels, "subject": said}, value) for said, name in others for labels, value in of(name)]
    yield counter(
        "smtp_policy_replies_total", "Replies whose subject is the domain or the content.", about_mail
    )
    yield counter("smtp_hard_bounces_total", "Refusals whose subject is the recipient.", of("hard_bounced"))
    latency = engine.accounting.latency
    yield from histogram(
        "delivery_latency_seconds",
        "From acceptance to delivery, on the engine's clock.",
        BOUNDS,
        latency.counts,
        latency.total,
    )


def _queues(engine: Engine) -> Iterator[Family]:
    recipients: Counter[tuple[str, str]] = Counter()
    modes: Counter[str] = Counter()
    size = disabled = 0
    for queue in engine.queues:
        state = "paused" if queue.paused else str(queue.mode)
        modes[state] += 1
        recipients[queue.provider or "unknown", state] += queue.recipients
        size += queue.size
        disabled += len(queue.disabled)
    waiting = [({"provider": p, "state": s}, count) for (p, s), count in recipients.items()]
    yield gauge("queue_messages", "Recipients waiting or being sent.", waiting)
    yield gauge("queues", "Queues by state.", [({"state": s}, count) for s, count in modes.items()])
    yield gauge("queue_bytes", "Bytes of the messages that wait, once for each recipient.", size)
    yield gauge("disabled_sources", "Source IPs taken out of a queue.", disabled)
    yield gauge("smtp_sessions", "Submitters connected.", engine.sessions())
    open_to = Counter(engine.deliverer.parents())
    connections = [({"ip": ip, "provider": p}, count) for (ip, p), count in open_to.items()]
    yield gauge("connections", "Outbound connections.", connections)


def _limits(engine: Engine) -> Iterator[Family]:
    now, wall = engine.clock.monotonic_ns(), engine.clock.now()
    rates: list[Sample] = []
    ringing: list[Sample] = []
    waits: list[Sample] = []
    for parent in engine.shaping.parents():
        labels = {"ip": parent.address, "provider": parent.provider}
        scope = Scope(source_ip=parent.source.address, provider=parent.provider)
        found = (
            ("configured", engine.shaping.operator_limit(scope, Directive.SOURCE_IP_MAX_MSG_RATE)),
            (
                "effective",
                engine.shaping.scope_chain(scope, Directive.SOURCE_IP_MAX_MSG_RATE, wall).effective,
            ),
        )
        rates += [
            ({**labels, "kind": kind}, rate.per_hour / 3600) for kind, rate in found if not rate.is_unlimited
        ]
        ringing.append((labels, len(parent.ring)))
        asleep = parent.wake_at - now if parent.ring and parent.wake_at != NEVER else 0
        waits.append((labels, max(0, asleep) / NANOSECONDS))
    yield gauge("rate_limit_messages_per_second", "Recipients a second; none where nothing limits.", rates)
    yield gauge("limit_waiting_queues", "Queues waiting for a limit that they share.", ringing)
    yield gauge("limit_wait_seconds", "Until the first of them may go on.", waits)
    origins = Counter(str(lease.origin) for lease in engine.leases.all())
    yield gauge("leases", "Leases held.", [({"origin": o}, count) for o, count in origins.items()])
    yield gauge("lease_epoch", "The highest controller epoch seen.", engine.leases.epoch)


def _spool(engine: Engine) -> Iterator[Family]:
    size = engine.spool.size()
    yield gauge("spool_messages", "Messages not wholly settled.", size.messages)
    yield gauge("spool_live_bytes", "Bytes of those messages.", size.live_bytes)
    yield gauge("spool_disk_bytes", "Bytes of the log on disk.", size.disk_bytes)
    yield gauge("spool_segments", "Files of the log.", size.segments)
    yield gauge(
        "spool_free_bytes", "Bytes free on the spool's disk; -1 if unknown.", health.spool_free(engine)
    )
    for field in fields(engine.spool.counters):
        value = getattr(engine.spool.counters, field.name)
        yield counter(f"spool_{field.name}_total", f"Spool: {field.name.replace('_', ' ')}.", [({}, value)])


def _accounting(engine: Engine) -> Iterator[Family]:
    accounting = engine.accounting
    records = [({"kind": kind}, count) for kind, count in accounting.records.items()]
    yield counter("accounting_records_total", "Events, whether written or not.", records)
    yield counter("accounting_write_errors_total", "Writes that failed.", [({}, accounting.write_errors)])
    yield counter("accounting_dropped_total", "Records lost to full memory.", [({}, accounting.dropped)])
    hooks = accounting.webhooks
    results = (("posted", "posted"), ("failed", "failed"), ("dropped", "dropped"))
    told = [({"result": name}, sum(getattr(h, attribute) for h in hooks)) for name, attribute in results]
    yield counter("webhook_batches_total", "Batches posted and failed posts; records dropped.", told)
    yield gauge("event_followers", "Clients of /v1/events.", engine.events.followers)


def _reloads(engine: Engine) -> Iterator[Family]:
    reloads = engine.reloads
    yield gauge(
        "config_last_reload_successful", "Whether the last reload was taken.", int(not reloads.last_error)
    )
    yield gauge(
        "config_last_reload_success_timestamp_seconds",
        "When the configuration was last read without a mistake.",
        reloads.succeeded_at.timestamp(),
    )
