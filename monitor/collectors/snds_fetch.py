"""Downloads from SNDS, with the key in the URL and therefore with no URL in any error or log."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Final

import httpx
from pydantic import SecretStr

from core.errors import SignalError
from core.text import printable
from monitor.collectors import download
from monitor.collectors.snds_settings import FetchMode, SndsAccount, SndsOAuth, SndsSettings
from monitor.collectors.snds_sign_in import SignInOver
from monitor.collectors.snds_tokens import TokenKeeper


class Report(StrEnum):
    """The two things to ask for, by their legacy page names."""

    DATA = "data.aspx"
    STATUS = "ipStatus.aspx"


class MissingReport(SignalError):  # noqa: N818 - reads as what happened
    """Nothing there for that day. Normal for one day; for all of them the key or the link is dead."""


class NothingToTell(MissingReport):
    """HTTP 204: there is the report, and nothing is in it."""


class TokenRefused(SignalError):  # noqa: N818 - reads as what happened
    """SNDS does not take the access token, whatever its age."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for. `url` and `query` may hold the key."""

    url: str
    query: Mapping[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


_MISSING: Final = {400, 404}


class SndsFetcher:
    """One account's downloads."""

    def __init__(self, account: SndsAccount, settings: SndsSettings) -> None:
        self._account = account
        self._limit = settings.max_body
        self._seconds = settings.timeout.total_seconds()
        self._oauth = settings.oauth
        self._keeper = keeper_of(account, settings)
        download.keep_urls_out_of_logs()
        # a redirect leads to the sign-in page and would carry the key along: never followed
        self._client = httpx.AsyncClient(follow_redirects=False, timeout=self._seconds)

    async def fetch(self, report: Report, now: datetime, day: date | None = None) -> bytes:
        """The body of one report, for one report date or the newest.

        Raises SignalError without any secret in it, and SignInOver when a person has to sign in.
        """
        if self._keeper is None:
            return await self._get(await self._request(report, day))
        return await self._get_signed_in(self._keeper, report, now, day)

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _get_signed_in(
        self, keeper: TokenKeeper, report: Report, now: datetime, day: date | None
    ) -> bytes:
        token = await asyncio.to_thread(keeper.access_token, now)
        try:
            return await self._get(rest_request(self._oauth, report, day, token))
        except TokenRefused:
            token = await asyncio.to_thread(keeper.access_token, now, token)
        try:
            return await self._get(rest_request(self._oauth, report, day, token))
        except TokenRefused:
            raise SignInOver(self._account.name, "SNDS does not take the sign-in (HTTP 401)") from None

    async def _request(self, report: Report, day: date | None) -> Request:
        account = self._account
        if account.mode is FetchMode.LINK:
            return link_request(account, report)
        secret = account.key if account.key is not None else await asyncio.to_thread(_read_key, account)
        return key_request(account, report, day, secret)

    async def _get(self, request: Request) -> bytes:
        headers = {**request.headers, **download.ACCEPTED}
        try:
            async with (
                asyncio.timeout(self._seconds),
                self._client.stream("GET", request.url, params=request.query, headers=headers) as answer,
            ):
                _check(answer)
                return await download.read(answer, self._limit, "SNDS")
        except TimeoutError:
            raise SignalError(f"SNDS did not finish within {self._seconds:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ValueError) as error:
            # the exception's text holds the URL; its class says enough
            raise SignalError(f"SNDS could not be read: {type(error).__name__}") from None


def keeper_of(account: SndsAccount, settings: SndsSettings) -> TokenKeeper | None:
    """The keeper of an account's sign-in, where it has one."""
    if account.sign_in_file is None:
        return None
    return TokenKeeper(account.name, account.sign_in_file, settings.oauth, settings.timeout.total_seconds())


def key_request(account: SndsAccount, report: Report, day: date | None, key: SecretStr) -> Request:
    """`data.aspx?key=K&date=MMDDYY`, the shape until June 2026 (reference: signals.md 1.1)."""
    query = {"key": key.get_secret_value()}
    if day is not None:
        query["date"] = f"{day:%m%d%y}"
    return Request(f"{account.base_url.rstrip('/')}/{report}", query)


def link_request(account: SndsAccount, report: Report) -> Request:
    """The pasted link as it is: it knows the newest day only."""
    link = account.data_link if report is Report.DATA else account.status_link
    if link is None:
        raise SignalError("no status-link is configured")
    return Request(link.get_secret_value().strip())


def rest_request(oauth: SndsOAuth, report: Report, day: date | None, token: SecretStr) -> Request:
    """`report/data/2026-09-14` and `report/status/ip` with a bearer token (reference: signals.md 1.2)."""
    base = oauth.report_url.rstrip("/")
    path = "status/ip" if report is Report.STATUS else f"data/{day:%Y-%m-%d}" if day else "data"
    return Request(f"{base}/{path}", headers={"Authorization": f"Bearer {token.get_secret_value()}"})


def _check(answer: httpx.Response) -> None:
    status = answer.status_code
    if status == 204:
        raise NothingToTell("SNDS has nothing there (HTTP 204)")
    if status in _MISSING:
        raise MissingReport(f"SNDS has nothing there (HTTP {status})")
    if answer.is_redirect:
        raise SignalError(f"SNDS sent us elsewhere (HTTP {status}), most likely to a sign-in page")
    if status == 401:
        raise TokenRefused("SNDS does not know us (HTTP 401)", permanent=True)
    if status != 200:
        raise SignalError(f"SNDS answered HTTP {status}", permanent=400 <= status < 500)
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in {"text/html", "application/xhtml+xml"}:
        raise SignalError("SNDS answered a web page instead of data: a sign-in page, or a dead link")


def _read_key(account: SndsAccount) -> SecretStr:
    """The key from its file, read anew each time so that it can be replaced under a running monitor."""
    if account.key_file is None:
        raise SignalError("no key is configured")
    try:
        return SecretStr(account.key_file.read_text("utf-8").strip())
    except (OSError, UnicodeDecodeError) as error:
        raise SignalError(f"the key file cannot be read: {printable(type(error).__name__)}") from None
