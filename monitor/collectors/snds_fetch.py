"""Downloads from SNDS, with the key in the URL and therefore with no URL in any error or log."""

import asyncio
import logging
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Final

import httpx
from pydantic import SecretStr

from core.errors import SignalError
from core.text import printable
from monitor.collectors.settings import SndsAccount, SndsSettings

LINK_LIFE_DAYS: Final = 30
"""Pasted links stop working after 30 days (reference: signals.md 1.0)."""


class Report(StrEnum):
    """The two things to ask for, by their legacy page names."""

    DATA = "data.aspx"
    STATUS = "ipStatus.aspx"


class MissingReport(SignalError):  # noqa: N818 - reads as what happened
    """Nothing there for that day. Normal for one day; for all of them the key or the link is dead."""


class _NoUrls(logging.Filter):
    """httpx logs every request's URL at INFO, keys and all; httpcore whole headers at DEBUG."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING


_NO_URLS = _NoUrls()
# each by name: a filter does not see what a logger below its own hands up
_TALKATIVE: Final = (
    "httpx",
    *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")),
)
_MISSING = {204, 400, 404}


def keep_urls_out_of_logs() -> None:
    """From here on httpx and httpcore log no requests in this process. Harmless to repeat."""
    for name in _TALKATIVE:
        logging.getLogger(name).addFilter(_NO_URLS)


class SndsFetcher:
    """One account's downloads."""

    def __init__(self, account: SndsAccount, settings: SndsSettings) -> None:
        self._account = account
        self._limit = settings.max_body
        self._seconds = settings.timeout.total_seconds()
        keep_urls_out_of_logs()
        # a redirect leads to the sign-in page and would carry the key along: never followed
        self._client = httpx.AsyncClient(follow_redirects=False, timeout=self._seconds)

    async def fetch(self, report: Report, day: date | None = None) -> bytes:
        """The body of one report, for one report date. Raises SignalError without any secret in it."""
        url, query = await self._address(report, day)
        try:
            async with (
                asyncio.timeout(self._seconds),
                self._client.stream("GET", url, params=query) as answer,
            ):
                _check(answer)
                return await self._body(answer)
        except TimeoutError:
            raise SignalError(f"SNDS did not finish within {self._seconds:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ValueError) as error:
            # the exception's text holds the URL; its class says enough
            raise SignalError(f"SNDS could not be read: {type(error).__name__}") from None

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _address(self, report: Report, day: date | None) -> tuple[str, Mapping[str, str] | None]:
        account = self._account
        link = account.data_link if report is Report.DATA else account.status_link
        if account.data_link is not None:
            if link is None:
                raise SignalError("no status-link is configured")
            return link.get_secret_value(), None
        secret = account.key if account.key is not None else await asyncio.to_thread(_read_key, account)
        query = {"key": secret.get_secret_value()}
        if day is not None:
            query["date"] = f"{day:%m%d%y}"
        return f"{account.base_url.rstrip('/')}/{report}", query

    async def _body(self, answer: httpx.Response) -> bytes:
        body = bytearray()
        async for chunk in answer.aiter_bytes():
            body += chunk
            if len(body) > self._limit:
                raise SignalError(f"SNDS answered more than {self._limit} bytes")
        return bytes(body)


def _check(answer: httpx.Response) -> None:
    status = answer.status_code
    if status in _MISSING:
        raise MissingReport(f"SNDS has nothing there (HTTP {status})")
    if answer.is_redirect:
        raise SignalError(f"SNDS sent us elsewhere (HTTP {status}), most likely to a sign-in page")
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
