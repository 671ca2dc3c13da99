"""What the world's sources know, published where a monitor looks: DNS lists, Sender Score, SNDS."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from core.address import IpAddress
from lab.simulation.physics import HOURS, STEPS_PER_HOUR
from lab.simulation.scenarios import Script
from lab.simulation.signals import Signals, SndsDay
from lab.snds import FilterResult, SndsBook, SndsRow
from lab.snds_faults import SndsBehaviour
from lab.snds_server import SndsServer
from lab.zones import Zones

CSS: Final = "zen.spamhaus.org"
SPAMCOP: Final = "bl.spamcop.net"
_CODES: Final = {CSS: "127.0.0.3", SPAMCOP: "127.0.0.2"}
_SCORED_AT: Final = 6
"""The hour of the day at which a new Sender Score is published."""


@dataclass(frozen=True, slots=True)
class Sources:
    """The sources about one IP of a sender of whose recipients each stands for `worth` of the world's."""

    ip: IpAddress
    signals: Signals
    script: Script
    beginning: datetime
    worth: float
    zones: Zones
    score_zone: str
    snds: SndsServer

    def open(self) -> None:
        """The lists exist, and name nobody yet."""
        for zone in _CODES:
            self.zones.add_blocklist(zone)

    def publish(self, step: int) -> None:
        """What is known when this step begins."""
        hour, lists = step * HOURS, self.signals.lists
        listed = {
            CSS: lists.css.at(hour) or self.script.errs(0, step),
            SPAMCOP: lists.spamcop.at(hour),
        }
        for zone, is_listed in listed.items():
            if is_listed:
                self.zones.enlist(zone, self.ip, _CODES[zone], "see the evaluation")
            else:
                self.zones.delist(zone, self.ip)
        is_blind = self.script.is_blind(0, step)
        self.snds.behaviour = SndsBehaviour.ERROR if is_blind else SndsBehaviour.NORMAL
        if step % STEPS_PER_HOUR == 0:
            self._publish_hour(step // STEPS_PER_HOUR)

    def _publish_hour(self, hour: int) -> None:
        if hour % 24 == _SCORED_AT:
            self.zones.score(self.score_zone, self.ip, self.signals.sender_score())
        for day in self.signals.snds(float(hour)):
            _enter(self.snds.book, self._row(day))

    def _row(self, day: SndsDay) -> SndsRow:
        start = (self.beginning + timedelta(days=day.day)).replace(tzinfo=None)
        messages = round(day.messages / self.worth)
        return SndsRow(
            self.ip,
            start,
            start + timedelta(hours=23, minutes=59),
            messages,
            messages,
            messages,
            FilterResult.of_spam_share(day.spam),
            day.complaints,
            day.traps,
        )


def _enter(book: SndsBook, row: SndsRow) -> None:
    book.publish(row.start.date(), [row])
