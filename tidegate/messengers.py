"""What tells people, run by the watch process: the outbox, Alertmanagers, the heartbeat."""

from collections import defaultdict
from datetime import timedelta

from sqlalchemy import Engine

from core.address import IpAddress
from core.clock import Clock
from monitor.notifications.channels.alertmanager import Feed
from monitor.notifications.heartbeat import Heart
from monitor.notifications.ramp import Ramp
from monitor.notifications.routing import Background
from monitor.notifications.sender import Sender
from tidegate.config.model import Config
from tidegate.jobs import Jobs


def background(config: Config) -> Background:
    """What notifications know of the other parts of the configuration."""
    lists: dict[IpAddress, set[str]] = defaultdict(set)
    for name, sources in config.ip_lists.items():
        for source in sources:
            lists[source.address].add(name)
    recovery = config.controller.recovery
    return Background(
        lists={ip: frozenset(names) for ip, names in lists.items()},
        ramp=Ramp(
            cool_down=recovery.cool_down,
            relapse_factor=recovery.relapse_factor,
            longest_cool_down=recovery.longest_cool_down,
            step=recovery.step,
            factor=recovery.factor,
            threshold=recovery.threshold,
            increment=recovery.increment,
            slow_factor=recovery.slow_factor,
        ),
    )


def plan(jobs: Jobs, engine: Engine, clock: Clock, config: Config, outbox_every: timedelta) -> None:
    """Give each its job."""
    settings = config.monitor.notifications
    jobs.every("mail", outbox_every, Sender(engine, clock, settings).deliver, first=outbox_every)
    if settings.enabled:
        for name, one in settings.channels.alertmanager.items():
            feed = Feed(name, engine, clock, settings, background(config))
            jobs.every(f"alertmanager:{name}", one.interval, feed.tell, first=outbox_every)
    if settings.heartbeat.url is not None:
        heart = Heart(engine, clock, settings.heartbeat)
        jobs.every("heartbeat", settings.heartbeat.interval, heart.beat, first=outbox_every)
