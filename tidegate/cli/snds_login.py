"""The work behind `snds login`: a page to open, a code that comes back, a sign-in that is kept and tried."""

import asyncio
import secrets
import sys
from dataclasses import replace
from pathlib import Path

from core.clock import Clock
from core.duration import parse_duration
from core.errors import NotFoundError, OperatorError, SignalError
from monitor.collectors import snds_parser, snds_sign_in
from monitor.collectors.snds_fetch import NothingToTell, Report, SndsFetcher, keeper_of
from monitor.collectors.snds_settings import FetchMode, SndsAccount, SndsSettings
from monitor.collectors.snds_sign_in import Attempt, SignIn
from tidegate.cli.exit_codes import ExitCode
from tidegate.cli.invocation import Invocation
from tidegate.cli.output import emit, emit_json, note
from tidegate.config import peek
from tidegate.loopback import Loopback

_ANYWHERE = "http://localhost"
_EXAMPLE = "write accounts: [{name: main, sign-in-file: data/snds-main.json}] under monitor.snds"


def login(asked: Invocation, name: str | None, *, paste: bool, port: int, wait: str) -> int:
    """Sign in and try it. Exit code 1 when SNDS does not answer although the sign-in worked."""
    found = peek.sections(asked.config_path, "monitor", "clock")
    settings: SndsSettings = found["monitor"].snds
    account = choose(settings, name)
    keeper, clock = keeper_of(account, settings), found["clock"].clock()
    if keeper is None or account.sign_in_file is None:
        raise OperatorError(f"the SNDS account {account.name!r} does not sign in; {_EXAMPLE}")
    seconds = parse_duration(wait).total_seconds()
    if paste:
        attempt = _attempt(_ANYWHERE)
        code = _pasted(asked, settings, attempt)
    else:
        attempt, code = asyncio.run(_from_browser(asked, settings, port, seconds))
    kept = keeper.begin(attempt, code, clock.now())
    trouble = asyncio.run(_try(account, settings, clock))
    _say(asked, account.name, account.sign_in_file, kept, trouble)
    return ExitCode.FAILED if trouble else ExitCode.OK


def choose(settings: SndsSettings, name: str | None) -> SndsAccount:
    """The account that is meant. Raises OperatorError."""
    signing = [one for one in settings.accounts if one.mode is FetchMode.OAUTH]
    if name is None:
        if len(signing) == 1:
            return signing[0]
        several = f"say which: --account {' or '.join(one.name for one in signing)}"
        raise OperatorError(several if signing else f"no SNDS account signs in; {_EXAMPLE}")
    meant = next((one for one in settings.accounts if one.name == name), None)
    if meant is None:
        known = ", ".join(one.name for one in settings.accounts) or "none"
        raise NotFoundError(f"there is no SNDS account {name!r}; the configuration has {known}")
    if meant not in signing:
        raise OperatorError(f"the SNDS account {name!r} opens with a {meant.mode}, not a sign-in; {_EXAMPLE}")
    return meant


def _attempt(redirect: str) -> Attempt:
    return Attempt(secrets.token_urlsafe(24), secrets.token_urlsafe(64), redirect)


def _show(asked: Invocation, page: str) -> None:
    note(page) if asked.as_json else emit(page)  # standard output holds one JSON document


def _pasted(asked: Invocation, settings: SndsSettings, attempt: Attempt) -> str:
    note("Open this page in a browser and sign in with the account that SNDS knows:")
    _show(asked, snds_sign_in.page(settings.oauth, attempt))
    note(f"It ends at {_ANYWHERE}, which cannot be shown: paste that whole address here within a minute:")
    return snds_sign_in.code_of(sys.stdin.readline(16_384), attempt)


async def _from_browser(
    asked: Invocation, settings: SndsSettings, port: int, seconds: float
) -> tuple[Attempt, str]:
    begun = _attempt(_ANYWHERE)
    async with Loopback(lambda address: snds_sign_in.code_of(address, begun), port) as listener:
        attempt = replace(begun, redirect=listener.address)
        note("Open this page in a browser on this machine and sign in with the account that SNDS knows:")
        _show(asked, snds_sign_in.page(settings.oauth, attempt))
        note(f"Waiting at {listener.address} … (another machine's browser: stop this, add --paste)")
        return attempt, await listener.code(seconds)


async def _try(account: SndsAccount, settings: SndsSettings, clock: Clock) -> str:
    """Ask for the IP status once; why it failed, or nothing."""
    fetcher = SndsFetcher(account, settings)
    try:
        snds_parser.parse_status(await fetcher.fetch(Report.STATUS, clock.now()))
    except NothingToTell:
        return ""
    except SignalError as error:
        return str(error)
    finally:
        await fetcher.aclose()
    return ""


def _say(asked: Invocation, name: str, file: Path, kept: SignIn, trouble: str) -> None:
    lasting = kept.refresh_token is not None
    if asked.as_json:
        emit_json({"schema": "snds-login/v1", "account": name, "file": str(file.absolute()),
                   "renews_itself": lasting, "snds": trouble or "answers"})  # fmt: skip
        return
    emit(f"Signed in: account {name}, kept in {file.absolute()} (mode 0600)")
    if not lasting:
        note(
            f"Microsoft gave no refresh token, so this lasts until {kept.expires_at:%Y-%m-%d %H:%M} UTC only"
        )
    emit("SNDS answers." if not trouble else f"SNDS does not answer yet: {trouble}")
