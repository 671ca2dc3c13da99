"""Trouble at one provider stays there: a red day at SNDS, and 421s from Yahooligan."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from core.address import IpAddress
from core.incident import Rule
from core.provider import MICROSOFT
from lab import ledger
from lab.snds import FilterResult, SndsRow
from tidegate.demo.acts.listing import described
from tidegate.demo.console import Tone
from tidegate.demo.stage import Stage, names
from tidegate.demo.world import COLOURED, DEFERRED, reportable_day, snds_row

TITLE = f"{COLOURED} turns red at SNDS; Yahooligan defers {DEFERRED}"
QUEUE = "yahooligan.test/notices"
YAHOO = "yahoo"
_DISGRACE = 15.0


async def play(stage: Stage) -> None:
    """Both, one after the other."""
    day = reportable_day(stage.clock.now())
    stage.lab.book.publish(day, [_row(ip.address, day) for ip in stage.lab.sources])
    stage.say(f"SNDS publishes {day}: {COLOURED} RED, complaints 0.4%; the others green", Tone.TROUBLE)
    await stage.expect("snds incident", "the red day opens an incident", 30, lambda: _red(stage))
    await stage.expect(
        "microsoft only", "a lease at Microsoft's", 20, lambda: _held(stage, COLOURED, MICROSOFT)
    )
    stage.facts["deferred-at"] = stage.clock.now()
    stage.lab.providers[YAHOO].hold_in(str(DEFERRED), _DISGRACE)
    stage.say(f"Yahooligan loses its patience with {DEFERRED}", Tone.TROUBLE)
    await stage.expect("421", "Yahooligan answers 421", 20, lambda: _deferred(stage))
    await stage.expect("backoff", "the queue goes into backoff mode", 20, lambda: _backoff(stage))
    await stage.cli("show", "queues", QUEUE, most=32)
    await stage.cli("show", "topqueues", "--maxitems", "4", table=True)
    await stage.expect("yahoo only", "a lease at Yahoo's", 40, lambda: _held(stage, DEFERRED, YAHOO))
    stage.lab.providers[YAHOO].forgive(str(DEFERRED))
    stage.say(f"Yahooligan forgives {DEFERRED}")


def _row(ip: IpAddress, day: date) -> SndsRow:
    if ip == COLOURED:
        return snds_row(ip, day, FilterResult.RED, 0.004)
    return snds_row(ip, day)


async def _red(stage: Stage) -> str | None:
    found = [one for one in stage.open_incidents(COLOURED) if one.rule is Rule.SNDS_RED]
    return f"{found[0].label} ({found[0].severity}) opened: {found[0].title}" if found else None


async def _held(stage: Stage, ip: IpAddress, provider: str) -> str | None:
    leases = await stage.leases(ip)
    here = [one for one in leases if one.scope.provider == provider]
    if not here:
        return None
    elsewhere = [str(one.scope) for one in leases if one.scope.provider != provider]
    stage.insist(f"{provider} only", true=not elsewhere, otherwise=f"also held back: {names(elsewhere)}")
    return f"lease at that provider only: {described(here[0])}; {here[0].reason}"


async def _deferred(stage: Stage) -> str | None:
    seen = stage.lab.ledger.since(stage.facts["deferred-at"])
    mine = ledger.attempts(seen, address=str(DEFERRED), provider=YAHOO)
    refused = [e for e in mine if e.reply.startswith("421")]
    return f"{refused[0].reply}" if refused else None


async def _backoff(stage: Stage) -> str | None:
    queue: Mapping[str, Any] = stage.client.queue(*QUEUE.split("/"))
    why = queue.get("backoff")
    if queue["mode"] != "backoff" or not why:
        return None
    for key in ("since", "pattern", "reply", "source_ip"):
        stage.insist("backoff insight", true=bool(why.get(key)), otherwise=f"backoff does not tell {key}")
    verbatim = {e.reply for e in stage.lab.ledger.since(stage.facts["deferred-at"])}
    stage.insist(
        "verbatim", true=why["reply"] in verbatim, otherwise=f"{why['reply']!r} is not what the provider said"
    )
    if not queue.get("next_retry_at"):
        return None
    return (
        f"{QUEUE} in backoff since {why['since'][11:19]}, pattern {why['pattern']}, by {why['source_ip']}, "
        f"next retry {queue['next_retry_at'][11:19]}"
    )
