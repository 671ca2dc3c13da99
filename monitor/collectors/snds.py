"""Microsoft SNDS, account by account. An account that cannot be read changes nothing about any IP."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from ipaddress import IPv4Address

from core.address import IpAddress, contains
from core.errors import SignalError
from core.reading import Reading
from monitor.collectors import snds_parser, snds_readings
from monitor.collectors.collected import Collected
from monitor.collectors.settings import SndsAccount, SndsSettings
from monitor.collectors.snds_fetch import LINK_LIFE_DAYS, MissingReport, Report, SndsFetcher
from monitor.collectors.snds_parser import StatusRange
from monitor.health import OutcomeKind, SourceOutcome

_WARN_DAYS = 5


@dataclass(frozen=True, slots=True)
class AccountAnswer:
    """What one account said. `ranges` is None when its status could not be read."""

    account: SndsAccount
    readings: list[Reading] = field(default_factory=list)
    ranges: list[StatusRange] | None = None
    problems: tuple[str, ...] = ()

    def covers(self, ip: IPv4Address) -> bool:
        return not self.account.networks or contains(self.account.networks, ip)


class SndsCollector:
    """Asks every account for the last days' data and the present status. IPv4 only, as SNDS is."""

    name = "snds"

    def __init__(self, settings: SndsSettings) -> None:
        self._settings = settings
        self._fetchers = [(account, SndsFetcher(account, settings)) for account in settings.accounts]

    async def collect(self, ips: Sequence[IpAddress], now: datetime) -> Collected:
        """Readings of what could be read, and one outcome per account (`snds:NAME`)."""
        ours = [ip for ip in dict.fromkeys(ips) if isinstance(ip, IPv4Address)]
        asked = (self._ask(account, fetcher, ours, now) for account, fetcher in self._fetchers)
        answers = await asyncio.gather(*asked)
        readings = snds_readings.merged(r for answer in answers for r in answer.readings)
        readings += [r for ip in ours if (r := status_of(ip, answers, now))]
        return Collected(self.name, readings, [outcome(answer, now) for answer in answers])

    async def aclose(self) -> None:
        for _, fetcher in self._fetchers:
            await fetcher.aclose()

    async def _ask(
        self, account: SndsAccount, fetcher: SndsFetcher, ips: list[IPv4Address], now: datetime
    ) -> AccountAnswer:
        problems: list[str] = []
        readings: list[Reading] = []
        ranges: list[StatusRange] | None = None
        try:
            readings = await self._data(account, fetcher, ips, now)
        except SignalError as error:
            problems.append(f"data: {error}")
        if account.data_link is None or account.status_link is not None:
            try:
                ranges = snds_parser.parse_status(await fetcher.fetch(Report.STATUS))
            except SignalError as error:
                problems.append(f"status: {error}")
        return AccountAnswer(account, readings, ranges, tuple(problems))

    async def _data(
        self, account: SndsAccount, fetcher: SndsFetcher, ips: list[IPv4Address], now: datetime
    ) -> list[Reading]:
        """All days or none: half an answer would read as an answer."""
        readings: list[Reading] = []
        missing: list[MissingReport] = []
        days = report_dates(account, now, self._settings.lookback_days)
        for day in days:
            try:
                body = await fetcher.fetch(Report.DATA, day)
            except MissingReport as error:
                missing.append(error)
                continue
            rows = snds_parser.parse_data(body)
            readings += snds_readings.of_rows(rows, set(ips), day, now, self._settings)
        if len(missing) == len(days):
            raise missing[-1]
        return readings


def report_dates(account: SndsAccount, now: datetime, lookback_days: int) -> list[date | None]:
    """Today and the days before, because rows arrive late; a pasted link knows the newest day only."""
    if account.data_link is not None:
        return [None]
    today = now.astimezone(UTC).date()
    return [today - timedelta(days=back) for back in range(lookback_days + 1)]


def status_of(ip: IPv4Address, answers: Sequence[AccountAnswer], now: datetime) -> Reading | None:
    """One IP's status over all accounts that may cover it: clean only when every one of them says so."""
    covering = [a for a in answers if a.covers(ip) and (a.ranges is not None or _was_asked(a))]
    if not covering:
        return None
    found = snds_readings.of_status(ip, [r for a in covering for r in a.ranges or ()], now)
    unread = next((a for a in covering if a.ranges is None), None)
    if unread is None or found.value:
        return found
    reason = next((p for p in unread.problems if p.startswith("status:")), "not read")
    return snds_readings.unknown_status(ip, f"account {unread.account.name}: {reason}", now)


def outcome(answer: AccountAnswer, now: datetime) -> SourceOutcome:
    """How an account did, with a warning ahead of the day on which pasted links stop working."""
    source = f"snds:{answer.account.name}"
    expiry = _expiry(answer.account, now)
    if answer.problems:
        said = "; ".join((*answer.problems, *([expiry] if expiry else [])))
        return SourceOutcome(source, OutcomeKind.FAILED, said)
    return SourceOutcome(source, OutcomeKind.ANSWERED, expiry)


def _was_asked(answer: AccountAnswer) -> bool:
    return answer.account.data_link is None or answer.account.status_link is not None


def _expiry(account: SndsAccount, now: datetime) -> str:
    if account.links_issued is None or account.data_link is None:
        return ""
    last = account.links_issued + timedelta(days=LINK_LIFE_DAYS)
    today = now.astimezone(UTC).date()
    if today >= last:
        return f"the links stopped working on {last}: make new ones in the SNDS portal"
    return f"the links stop working on {last}" if today >= last - timedelta(days=_WARN_DAYS) else ""
