"""Every channel of the configuration with what carries its messages."""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial

from core.clock import Clock
from monitor.notifications.bulletin import Bulletin
from monitor.notifications.channels import alertmanager, pagerduty, slack, webhook
from monitor.notifications.channels.apprise import AppriseCourier
from monitor.notifications.channels.post import HttpCourier, Post
from monitor.notifications.channels.settings import ChannelSettings
from monitor.notifications.courier import Courier
from monitor.notifications.routing import MAIL
from monitor.notifications.settings import NotificationSettings
from monitor.notifications.smtp import SmtpCourier

Wording = Callable[[Bulletin, datetime], Post]


def couriers(settings: NotificationSettings, clock: Clock) -> dict[str, Courier]:
    """By the channel's name; mail by the empty one."""
    channels = settings.channels
    found: dict[str, Courier] = {MAIL: SmtpCourier(settings.smtp, settings.envelope_sender)}
    for name, wording in _wordings(channels):
        found[name] = HttpCourier(wording, clock, channels.timeout)
    for name, services in channels.apprise.items():
        found[name] = AppriseCourier(services.urls)
    return found


def _wordings(channels: ChannelSettings) -> Iterator[tuple[str, Wording]]:
    yield from ((name, partial(webhook.worded, one)) for name, one in channels.webhooks.items())
    yield from ((name, partial(slack.worded, one)) for name, one in channels.slack.items())
    yield from ((name, partial(pagerduty.worded, one)) for name, one in channels.pagerduty.items())
    yield from ((name, partial(alertmanager.rehearsed, one)) for name, one in channels.alertmanager.items())
