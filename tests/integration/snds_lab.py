"""An SNDS server of the lab with days in its book, and a browser that signs in there."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import httpx

from core.address import IpAddress, parse_ip
from core.clock import ManualClock
from lab.snds import FilterResult, SndsBook, SndsRow, activity_period
from lab.snds_server import SndsServer

KEY = "canary-snds-key"
IP = parse_ip("203.0.113.7")


def row(day: date, colour: FilterResult = FilterResult.GREEN, ip: IpAddress = IP, **said: Any) -> SndsRow:
    """A day of one IP; `said` overrides what a quiet day says."""
    start, end = activity_period(day)
    quiet: dict[str, Any] = {"helo": f"mx{day.day}.mail.example", "mail_from": f"news{day.day}@mail.example"}
    return SndsRow(ip, start, end, 2_410, 2_388, 2_402, colour, **(quiet | said))


@contextmanager
def serving(clock: ManualClock, days: int = 3) -> Iterator[SndsServer]:
    """A server whose book knows the `days` green days before the clock's present one."""
    server = SndsServer(SndsBook(), KEY, clock=clock)
    server.sign_in.prefix = "canary"
    today = clock.now().date()
    for back in range(1, days + 1):
        day = today - timedelta(days=back)
        server.book.publish(day, [row(day)])
    server.start()
    try:
        yield server
    finally:
        server.stop()


def visited(page: str) -> str:
    """Where a browser ends up that opens the page and whose person signs in; the last page is not opened."""
    answer = httpx.get(page, follow_redirects=False)
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


async def come_back(address: str) -> httpx.Response:
    """The browser follows the redirect; `localhost` may mean ::1 first, where nobody listens."""
    return await asyncio.to_thread(httpx.get, address.replace("//localhost", "//127.0.0.1"))
