"""Which share of replies puts a scope in trouble: for people to see, it throttles nothing."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from core.duration import Duration
from core.settings import Settings

Share = Annotated[float, Field(gt=0, lt=1)]


class ReplySettings(Settings):
    """Counts of the engine by source IP, provider and hour; the controller judges them for itself."""

    enabled: bool = Field(default=True, description="Whether they are kept beside the other readings.")
    interval: Duration = Field(
        default=timedelta(minutes=5), description="How often the hour that is not over yet is looked at."
    )
    silent_after: Duration = Field(
        default=timedelta(hours=24), description="Without mail for this long nothing is known any more."
    )
    deferrals_warn: Share = Field(
        default=0.03, description="Share of reputation deferrals that warns: Momentum's low mark."
    )
    deferrals_bad: Share = Field(default=0.20, description="Share of reputation deferrals that is bad.")
    blocks_warn: Share = Field(default=0.01, description="Share of blocks that warns.")
    blocks_bad: Share = Field(default=0.10, description="Share of blocks that is bad.")
    bounces_warn: Share = Field(
        default=0.05, description="Share of hard bounces that warns: Amazon SES reviews accounts there."
    )
    bounces_bad: Share = Field(
        default=0.10, description="Share of hard bounces that is bad: SES may pause sending there."
    )
    complaints_warn: Share = Field(
        default=0.001, description="Complaints per delivered recipient that warn: Gmail's target."
    )
    complaints_bad: Share = Field(
        default=0.003, description="Complaints per delivered recipient that are bad: Gmail's limit."
    )
