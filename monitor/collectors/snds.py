"""Microsoft SNDS, account by account. An account that cannot be read changes nothing about any IP."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from ipaddress import IPv4Address
from typing import Final

from core.address import IpAddress, contains
from core.errors import SignalError
from core.reading import Reading
from monitor.collectors import snds_access, snds_days, snds_parser, snds_readings
from monitor.collectors.collected import Collected
from monitor.collectors.snds_access import Access
from monitor.collectors.snds_fetch import MissingReport, NothingToTell, Report, SndsFetcher
from monitor.collectors.snds_parser import DataRow, StatusRange
from monitor.collectors.snds_settings import FetchMode, SndsAccount, SndsSettings
from monitor.collectors.snds_sign_in import SignInOver
from monitor.health import OutcomeKind, SourceOutcome
from storage.snds import Activity

PATIENCE: Final = 2
"""Failures in a row after which a round asks no more: a dead server costs minutes, not an hour."""

SILENT: Final = (
    "SNDS told nothing at all: no row for any IP on any day, and no address in trouble. "
    "A dead key or link answers so, and so does an account without traffic"
)

ReadThrough = Callable[[str], date | None]
"""From an account's name to the last day up to which nothing of it is missing."""


@dataclass(slots=True)
class Days:
    """What the data reports said. `alive`: some row about anybody came, so the key works."""

    rows: list[tuple[date | None, DataRow]] = field(default_factory=list)
    asked: list[date] = field(default_factory=list)
    unread: list[date] = field(default_factory=list)
    alive: bool = False
    problem: str = ""
    over: str = ""


@dataclass(frozen=True, slots=True)
class AccountAnswer:
    """What one account said. `ranges` is None when its status could not be read, or not be believed."""

    account: SndsAccount
    readings: list[Reading] = field(default_factory=list)
    ranges: list[StatusRange] | None = None
    problems: tuple[str, ...] = ()
    activity: list[Activity] = field(default_factory=list)
    read_through: date | None = None
    access: list[Access] = field(default_factory=list)

    def covers(self, ip: IPv4Address) -> bool:
        return not self.account.networks or contains(self.account.networks, ip)


class SndsCollector:
    """Asks every account for the last days' data and the present status. IPv4 only, as SNDS is."""

    name = "snds"

    def __init__(self, settings: SndsSettings, read_through: ReadThrough = lambda _account: None) -> None:
        self._settings = settings
        self._read_through = read_through
        self._fetchers = [(account, SndsFetcher(account, settings)) for account in settings.accounts]

    async def collect(self, ips: Sequence[IpAddress], now: datetime) -> Collected:
        """Readings of what could be read, and one outcome per account (`snds:NAME`)."""
        ours = [ip for ip in dict.fromkeys(ips) if isinstance(ip, IPv4Address)]
        asked = (self._ask(account, fetcher, ours, now) for account, fetcher in self._fetchers)
        answers = await asyncio.gather(*asked)
        readings = snds_readings.merged(r for answer in answers for r in answer.readings)
        readings += [r for ip in ours if (r := status_of(ip, answers, now))]
        return Collected(
            self.name,
            readings,
            [outcome(answer) for answer in answers],
            activity=[one for answer in answers for one in answer.activity],
            read_through={a.account.name: a.read_through for a in answers if a.read_through is not None},
            access=[one for answer in answers for one in answer.access],
        )

    async def aclose(self) -> None:
        for _, fetcher in self._fetchers:
            await fetcher.aclose()

    async def _ask(
        self, account: SndsAccount, fetcher: SndsFetcher, ips: list[IPv4Address], now: datetime
    ) -> AccountAnswer:
        before = await asyncio.to_thread(self._read_through, account.name)
        days = await self._data(account, fetcher, set(ips), before, now)
        ranges, problem = await self._status(account, fetcher, now)
        problems = [f"data: {days.problem}"] if days.problem else []
        problems += [f"status: {problem}"] if problem and not days.over else []
        if not days.alive and not ranges:
            # "no trouble" and "no rows" count only when they come from an account that is known to work
            ranges, days.unread = None, list(days.asked)
            problems = problems or [SILENT]
        readings, activity = self._read(account, days, now)
        signed_in = snds_access.sign_in(account, over=days.over, answered=not problems)
        return AccountAnswer(
            account,
            readings,
            ranges,
            tuple(problems),
            activity,
            snds_days.read_until(before, days.asked, days.unread, self._settings),
            snds_access.of_account(account, self._settings, now, signed_in),
        )

    async def _data(
        self,
        account: SndsAccount,
        fetcher: SndsFetcher,
        ips: set[IPv4Address],
        before: date | None,
        now: datetime,
    ) -> Days:
        """Day by day; what was read of one stands whatever became of the others."""
        days = Days()
        if account.mode is not FetchMode.LINK:
            days.asked = snds_days.wanted(before, now, self._settings)
        missing = failed = 0
        for day in days.asked:
            if failed >= PATIENCE or days.over:
                days.unread.append(day)
                continue
            try:
                await self._one_day(fetcher, days, day, ips, now)
            except MissingReport:
                missing += 1
            except SignalError as error:
                failed += 1
                _note(days, error, day)
            else:
                failed = 0
        if not days.alive and not days.problem:
            await self._newest(fetcher, days, ips, now, everything_missing=missing == len(days.asked))
        return days

    async def _newest(
        self,
        fetcher: SndsFetcher,
        days: Days,
        ips: set[IPv4Address],
        now: datetime,
        *,
        everything_missing: bool,
    ) -> None:
        """The newest day that there is: all that a pasted link knows, and a sign of life from the others."""
        try:
            await self._one_day(fetcher, days, None, ips, now)
        except MissingReport as error:
            if everything_missing:
                days.problem, days.unread = str(error), list(days.asked)
        except SignalError as error:
            _note(days, error, None)

    async def _one_day(
        self, fetcher: SndsFetcher, days: Days, day: date | None, ips: set[IPv4Address], now: datetime
    ) -> None:
        body = await fetcher.fetch(Report.DATA, now, day)
        # beside the loop: an answer about a large fleet takes a second to read
        found, others = await asyncio.to_thread(_ours, body, ips)
        for row in found:
            snds_readings.period(row, day, now, self._settings)  # refuses the whole report
        days.rows += [(day, row) for row in found]
        days.alive = days.alive or bool(found) or others

    async def _status(
        self, account: SndsAccount, fetcher: SndsFetcher, now: datetime
    ) -> tuple[list[StatusRange] | None, str]:
        if not account.has_status:
            return None, ""
        try:
            body = await fetcher.fetch(Report.STATUS, now)
            return await asyncio.to_thread(snds_parser.parse_status, body), ""
        except NothingToTell:
            return [], ""
        except SignalError as error:
            return None, str(error)

    def _read(self, account: SndsAccount, days: Days, now: datetime) -> tuple[list[Reading], list[Activity]]:
        readings: list[Reading] = []
        activity: list[Activity] = []
        for day, row in days.rows:
            readings += snds_readings.of_row(row, day, now, self._settings)
            activity.append(snds_readings.activity(row, account.name, day, now, self._settings))
        return readings, activity


def _ours(body: bytes, ips: set[IPv4Address]) -> tuple[list[DataRow], bool]:
    """The rows about our IPs, and whether there are any about others. Raises SignalError."""
    found: list[DataRow] = []
    others = False
    for row in snds_parser.data_rows(body):
        if row.ip in ips:
            found.append(row)
        else:
            others = True
    return found, others


def _note(days: Days, error: SignalError, day: date | None) -> None:
    if day is not None:
        days.unread.append(day)
    days.problem = days.problem or str(error)
    if isinstance(error, SignInOver):
        days.over = str(error)


def status_of(ip: IPv4Address, answers: Sequence[AccountAnswer], now: datetime) -> Reading | None:
    """One IP's status over all accounts that may cover it: clean only when every one of them says so."""
    covering = [a for a in answers if a.covers(ip) and (a.ranges is not None or a.account.has_status)]
    if not covering:
        return None
    found = snds_readings.of_status(ip, [r for a in covering for r in a.ranges or ()], now)
    unread = next((a for a in covering if a.ranges is None), None)
    if unread is None or found.value:
        return found
    reason = next((p for p in unread.problems if p.startswith("status:")), "")
    reason = reason or next(iter(unread.problems), "not read")
    return snds_readings.unknown_status(ip, f"account {unread.account.name}: {reason}", now)


def outcome(answer: AccountAnswer) -> SourceOutcome:
    """How an account did, and what will keep it from doing so."""
    source = f"snds:{answer.account.name}"
    told = "; ".join(answer.problems)
    expiring = [one.said for one in answer.access if one.needs_somebody and one.said not in told]
    said = [*answer.problems, *expiring]
    kind = OutcomeKind.FAILED if answer.problems else OutcomeKind.ANSWERED
    return SourceOutcome(source, kind, "; ".join(said))
