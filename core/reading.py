"""What a reputation source said about one IP for one period, in three values: good, bad, or not known."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from core.address import IpAddress


class Status(StrEnum):
    """What an answer means for the IP. UNKNOWN never starts, tightens, relaxes or clears anything."""

    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    UNKNOWN = "unknown"


class Quality(StrEnum):
    """How far the answer can be trusted."""

    OK = "ok"
    STALE = "stale"
    NO_DATA = "no data"
    ERROR = "error"
    INVALID_SOURCE = "invalid source"


class Source(StrEnum):
    """Who was asked."""

    SNDS_DATA = "snds-data"
    SNDS_STATUS = "snds-status"
    SENDER_SCORE = "sender-score"
    DNSBL = "dnsbl"
    ALERT = "alert"
    REPLIES = "replies"


class Reading(BaseModel):
    """One source's answer about one IP for one period.

    `metric` tells series of one source apart: the zone of a DNS list, `filter-result`, `complaint-rate`,
    `trap-hits` of SNDS, `SENDER:KEY` of another monitor's alert, `PROVIDER:COUNT` of what the engine was
    replied. A polled source has `period_start == period_end == observed_at`; a daily one has the activity
    period that it reported, replies the hour of sending.
    """

    model_config = ConfigDict(frozen=True)

    ip: IpAddress
    source: Source
    metric: str = ""
    period_start: datetime
    period_end: datetime
    observed_at: datetime
    status: Status
    quality: Quality = Quality.OK
    value: float | None = None
    detail: str = ""
    evidence: dict[str, Any] = Field(default_factory=dict)

    @property
    def series(self) -> tuple[str, Source, str]:
        return (str(self.ip), self.source, self.metric)
