"""The demo's pretend internet: who is who in it, and Tidegate's configuration for it."""

from datetime import date, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from core.address import IpAddress
from core.clock import Clock
from lab.configuration import write_configuration
from lab.judge import Temper
from lab.manners import GEEMAIL, OUTLANDISH, YAHOOLIGAN, with_temper
from lab.snds import FilterResult, SndsRow, activity_period
from lab.traffic import Stream
from lab.world import SCORE_ZONE, SNDS_KEY, Lab, Pool, lab_source
from lab.zones import Behaviour

LISTED = IPv4Address("203.0.113.7")
"""Gets listed."""

SIBLING = IPv4Address("203.0.113.8")
"""Shares LISTED's VirtualMTA and queues, and must not feel it."""

COLOURED = IPv4Address("203.0.113.16")
"""Turns red at SNDS."""

DEFERRED = IPv4Address("203.0.113.17")
"""Falls into disgrace at Yahooligan."""

BIG_LIST = "sbl.lab.test"
GOOD_LISTS = (BIG_LIST, "bl.lab.test", "css.lab.test", "spamtrap.lab.test")
REFUSING_LIST = "refusing.lab.test"
PARKED_LIST = "parked.lab.test"
DEAD_LIST = "dead.lab.test"
BROKEN_LISTS = (REFUSING_LIST, PARKED_LIST, DEAD_LIST)
ALERTS = "ops@harbour.test"

PAGE_TOKEN = "demo-page-token-0001"  # noqa: S105 - opens nothing outside one rehearsal on loopback

LIMITS = {"microsoft": 100, "google": 40, "yahoo": 40}
"""The operator's limit for each source IP at each provider, an hour."""

_NEARLY_FULL = 1.9
"""Marketing offers its two IPs this many times one's limit: a lower rate shows, and so does a rise."""

_INVOICES = {"microsoft": 40.0, "google": 6.0, "yahoo": 12.0}
_NOTICES = {"microsoft": 12.0, "google": 6.0, "yahoo": 30.0}

POOLS = (
    Pool("marketing", (lab_source(7), lab_source(8))),
    Pool("transactional", (lab_source(16),)),
    Pool("notices", (lab_source(17),)),
)


def opening_time(now: datetime) -> datetime:
    """The next Saturday at six: by Monday, when the digest of the week is mailed, the story is over."""
    days = (5 - now.weekday()) % 7 or 7
    return (now + timedelta(days=days)).replace(hour=6, minute=0, second=0, microsecond=0)


def demo_lab(clock: Clock, seed: int, directory: Path) -> Lab:
    """The lab before it is opened: three providers, seven lists of which three are broken, scores, SNDS."""
    quiet = Temper()
    lab = Lab(
        clock,
        providers=(
            with_temper(OUTLANDISH, quiet),
            with_temper(GEEMAIL, quiet),
            with_temper(YAHOOLIGAN, quiet),
        ),
        pools=POOLS,
        seed=seed,
        ledger_file=directory / "providers.jsonl",
    )
    for zone in GOOD_LISTS:
        lab.zones.add_blocklist(zone)
    lab.zones.add_blocklist(REFUSING_LIST, behaviour=Behaviour.REFUSES)
    lab.zones.add_blocklist(PARKED_LIST, behaviour=Behaviour.WILDCARD)
    lab.zones.add_blocklist(DEAD_LIST, behaviour=Behaviour.SILENT)
    for place, source in enumerate(lab.sources):
        lab.zones.score(SCORE_ZONE, source.address, 97 - place)
    publish_green_days(lab, clock.now())
    return lab


def publish_green_days(lab: Lab, now: datetime) -> None:
    """Three quiet days at SNDS for every IP, the newest before `reportable_day`."""
    for back in (3, 2, 1):
        day = reportable_day(now) - timedelta(days=back)
        lab.book.publish(day, [snds_row(s.address, day) for s in lab.sources])


def reportable_day(now: datetime) -> date:
    """The newest SNDS day whose activity period (8 AM to 8 AM UTC) has ended."""
    return (now - timedelta(hours=32)).date()


def snds_row(
    ip: IpAddress, day: date, colour: FilterResult = FilterResult.GREEN, complaints: float = 0.0
) -> SndsRow:
    """A plausible day of one IP at Outlandish."""
    start, end = activity_period(day)
    return SndsRow(
        ip, start, end, 2_410, 2_388, 2_402, colour, complaints, 0, "mta.lab.test", "news@sender.test"
    )


def streams(lab: Lab, *, eased: bool = False) -> list[Stream]:
    """Mail of every VirtualMTA to all providers; `eased`: so much less that what waits can leave."""
    domains = {ident: server.provider.domain for ident, server in lab.providers.items()}
    marketing = {at: limit * _NEARLY_FULL * (0.6 if eased else 1.0) for at, limit in LIMITS.items()}
    invoices = {**_INVOICES, "microsoft": 10.0} if eased else _INVOICES
    kinds = {"marketing": marketing, "transactional": invoices, "notices": _NOTICES}
    return [Stream(domains[at], vmta, rate) for vmta, rates in kinds.items() for at, rate in rates.items()]


def configure(
    lab: Lab, directory: Path, *, speed: float, origin: datetime, page: str = "127.0.0.1:0"
) -> Path:
    """Write Tidegate's configuration for the demo, its web monitor at `page`; returns its path."""
    over = {
        "clock": {"speed": speed, "origin": origin.isoformat()},
        "database": f"sqlite:///{directory / 'tidegate.db'}",
        "logging": {"format": "json"},
        "engine": {
            "providers": {ident: {"source-ip-max-msg-rate": f"{limit}/h"} for ident, limit in LIMITS.items()},
            # the usual 5 s would be 3 ms at this speed: a connection for each message
            # and one hour of backoff would be over before a person has read about it
            "domains": {
                "*": {
                    "connection-idle-timeout": "2h",
                    "backoff-retry-after": ["10m"],
                    "backoff-to-normal-after": "8h",
                    "smtp-pattern-list": "demo",
                }
            },
            "smtp-pattern-lists": {"demo": [{"reply": "/TSS0[1-9]/", "actions": ["mode=backoff"]}]},
        },
        "monitor": _monitor(lab),
        "controller": {
            "mode": "enforce",
            "interval": "10m",
            # half of the usual two hours, or the ramp alone would take a minute and a half
            "recovery": {"cool-down": "1h", "step": "1h"},
            "engine": {"url": f"http://127.0.0.1:{lab.api_port}", "token": "lab-control-token-0001"},
        },
        "web": {"listen": page, "tokens": [{"name": "you", "token": PAGE_TOKEN, "scope": "admin"}]},
    }
    return write_configuration(lab, directory, over)


def _monitor(lab: Lab) -> dict[str, Any]:
    catalogue_is_not_asked = {
        "enabled": True,
        "interval": "1h",
        "zones": [BIG_LIST],
        "extra-zones": [_list(zone) for zone in (*GOOD_LISTS, *BROKEN_LISTS)],
    }
    return {
        "resolver": {"nameservers": [f"127.0.0.1:{lab.resolver.port}"], "timeout": "1s", "tries": 1},
        "dnsbl": catalogue_is_not_asked,
        "sender-score": {"enabled": True, "interval": "6h", "zone": SCORE_ZONE},
        "snds": {
            "enabled": True,
            "interval": "1h",
            "accounts": [{"name": "main", "key": SNDS_KEY, "base-url": lab.snds.url}],
        },
        # a sweep waits a real second for the dead list: 24 minutes here
        "detection": {"dnsbl": {"max-age": "5h"}, "replies-max-age": "12h"},
        "notifications": {
            "from": "tidegate@lab.test",
            "recipients": [ALERTS],
            "smtp": {"host": "127.0.0.1", "port": lab.mailbox.port},
            # long enough, at this speed, for the controller's answer to be in the first mail
            "group-wait": "1h",
        },
        "digest": {"recipients": [ALERTS]},
    }


def _list(zone: str) -> dict[str, Any]:
    return {
        "zone": zone,
        "name": f"Lab {zone.partition('.')[0].upper()}",
        "severity": "critical" if zone == BIG_LIST else "high",
        "delist-url": f"https://{zone}/removal",
    }
