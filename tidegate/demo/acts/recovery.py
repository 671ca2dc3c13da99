"""Delisting: six clean hours, the resolved mail in the same thread, and the rate back step by step."""

from datetime import datetime

from core.incident import IncidentState
from core.lease import Directive, Lease
from lab.mailbox import Mail
from storage import incidents, leases
from tidegate.demo.acts.listing import about_listing
from tidegate.demo.console import Tone
from tidegate.demo.stage import Stage
from tidegate.demo.world import BIG_LIST, LISTED, streams

TITLE = f"{BIG_LIST} forgives {LISTED}"
LARGEST_STEP = 1.6
"""Times 1.5, and some for rounding to whole recipients: never back in one jump."""

_RECOVERY = 150.0


async def play(stage: Stage) -> None:
    """Delist, and follow the way back."""
    stage.facts["delisted-at"] = stage.clock.now()
    stage.lab.zones.delist(BIG_LIST, LISTED)
    stage.streams[:] = streams(stage.lab, eased=True)
    stage.say(f"DNS: {BIG_LIST} takes {LISTED} off", Tone.TROUBLE)
    await stage.expect("resolved", "the incident resolves after clean hours", 60, lambda: _resolved(stage))
    await stage.expect("resolved mail", "the resolved mail arrives", 30, lambda: _mailed(stage))
    stage.console.quote(stage.facts["resolved-mail"].text, 24)
    await _ramp(stage)


async def _resolved(stage: Stage) -> str | None:
    number = stage.facts["incident"].number
    found = stage.query(lambda s: incidents.find(s, number))
    if found.state is not IncidentState.RESOLVED:
        return None
    clean = found.resolved_at - stage.facts["delisted-at"]
    stage.insist(
        "clean hours",
        true=clean.total_seconds() >= 5.5 * 3600,
        otherwise=f"resolved after {clean}: three clean polls must span six hours",
    )
    return f"{found.label} resolved after {clean.total_seconds() / 3600:.1f} clean hours"


def _is_resolution(mail: Mail) -> bool:
    state = str(mail.message["X-Tidegate-State"] or "")
    return about_listing(mail) and "resolved" in (state or mail.text[:400]).lower()


async def _mailed(stage: Stage) -> str | None:
    found = stage.mails(_is_resolution)
    if not found:
        return None
    first: Mail = stage.facts["first-mail"]
    stage.insist(
        "same thread",
        true=found[-1].answers(first) and found[-1].subject.removeprefix("Re: ") == first.subject,
        otherwise=f"{found[-1].subject!r} with References {found[-1].ancestors} is another thread",
    )
    stage.facts["resolved-mail"] = found[-1]
    stage.facts["thread"] = len(stage.mails(about_listing))
    return f"{found[-1].subject}: References {found[-1].ancestors[0]}, the same thread"


async def _ramp(stage: Stage) -> None:
    """Print each step as the audit recorded it, until the last lease is gone."""
    told: list[datetime] = []

    async def back() -> str | None:
        held = [one for one in await stage.leases(LISTED) if _is_rate(one)]
        for at, changes in _steps(stage).items():
            if at not in told:
                told.append(at)
                stage.say(_told(len(told), changes))
        return None if held else f"{LISTED} is back at the operator's own limits after {len(told)} steps"

    await stage.expect("recovered", "every lease on the IP is lifted step by step", _RECOVERY, back)
    stage.facts["steps"] = len(told)
    stage.insist("stepwise", true=len(told) >= 4, otherwise=f"{len(told)} steps: a snap, not a ramp")


def _is_rate(lease: Lease) -> bool:
    return lease.directive is Directive.SOURCE_IP_MAX_MSG_RATE


def _steps(stage: Stage) -> dict[datetime, list[leases.LeaseChange]]:
    """The rises by the moment at which the controller made them; each must be a small one."""
    since = stage.facts["delisted-at"]
    history = stage.query(lambda s: leases.lease_history(s, since, LISTED))
    rises = [c for c in history if c.directive is Directive.SOURCE_IP_MAX_MSG_RATE and c.before]
    for change in rises:
        after = change.after.per_hour if change.after else None
        small = after is None or after <= change.before.per_hour * LARGEST_STEP
        stage.insist("no snap back", true=small, otherwise=f"from {change.before} to {change.after} at once")
    steps: dict[datetime, list[leases.LeaseChange]] = {}
    for change in rises:
        steps.setdefault(change.at, []).append(change)
    return steps


def _told(number: int, changes: list[leases.LeaseChange]) -> str:
    rises = [f"{c.scope.provider} {c.before} -> {c.after or 'lifted'}" for c in changes]
    return f"step {number}: {', '.join(rises)}"
