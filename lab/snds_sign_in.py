"""The authorisation server of the pretend SNDS: codes bound by PKCE, refresh tokens that work once.

Behaves as Microsoft's is reported to (reference: signals.md 1.2): public client, redirects to localhost
alone, a code lives a minute, a request with an Origin header is refused. A refresh token used twice ends
the whole sign-in, as RFC 9700 4.14.2 has it.
"""

import base64
import hashlib
import json
import re
import secrets
import threading
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from core.clock import Clock

CODE_LIFE: Final = timedelta(minutes=1)
TOKEN_LIFE: Final = timedelta(hours=1)
_LOOPBACK = re.compile(r"http://localhost(:\d{1,5})?\Z")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}\Z")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the token endpoint: a status and one JSON object."""

    status: int
    said: dict[str, Any]

    def body(self) -> bytes:
        return json.dumps(self.said).encode()


@dataclass(frozen=True, slots=True)
class _Code:
    family: int
    challenge: str
    redirect: str
    client: str
    until: datetime
    used: bool = False


@dataclass(slots=True)
class _Family:
    """Everything that one sign-in led to. `refresh` is the only refresh token that still works."""

    client: str
    refresh: str = ""
    spent: set[str] = field(default_factory=set)
    access: dict[str, datetime] = field(default_factory=dict)
    ended: bool = False


class SignInServer:
    """Signs everybody in who asks rightly. Any thread may use it; `renewals` counts used refresh tokens."""

    def __init__(self, clock: Clock, prefix: str = "lab") -> None:
        self.prefix = prefix
        self.renewals = 0
        self.reuses = 0
        self._clock = clock
        self._lock = threading.Lock()
        self._codes: dict[str, _Code] = {}
        self._families: list[_Family] = []

    def authorize(self, query: dict[str, str]) -> str | None:
        """Where the browser is sent, with a code; None when the request is not valid."""
        redirect = query.get("redirect_uri", "")
        if not _LOOPBACK.match(redirect) or not query.get("client_id"):
            return None
        wrong = (
            query.get("response_type") != "code"
            or query.get("code_challenge_method") != "S256"
            or not _CHALLENGE.match(query.get("code_challenge", ""))
            or "offline_access" not in query.get("scope", "").split()
        )
        state = {"state": query["state"]} if "state" in query else {}
        if wrong:
            return f"{redirect}?{urlencode({'error': 'invalid_request', **state})}"
        until = self._clock.now() + CODE_LIFE
        with self._lock:
            self._families.append(_Family(query["client_id"]))
            code = f"{self.prefix}-code-{secrets.token_urlsafe(16)}"
            self._codes[code] = _Code(
                len(self._families) - 1, query["code_challenge"], redirect, query["client_id"], until
            )
        return f"{redirect}?{urlencode({'code': code, **state})}"

    def token(self, form: dict[str, str], headers: dict[str, str]) -> Reply:
        """Tokens for a code, or for a refresh token that has not been used before."""
        if "origin" in headers:
            return _refused("invalid_request", "AADSTS90023: Cross-origin token redemption is not permitted")
        with self._lock:
            match form.get("grant_type"):
                case "authorization_code":
                    return self._for_code(form)
                case "refresh_token":
                    return self._for_refresh(form)
                case _:
                    return _refused("unsupported_grant_type", "AADSTS70003: not supported")

    def knows(self, token: str) -> bool:
        """Whether an access token opens anything now."""
        now = self._clock.now()
        with self._lock:
            return any(not f.ended and f.access.get(token, now) > now for f in self._families)

    def end_all(self) -> None:
        """Every sign-in ends, as when the password is changed."""
        with self._lock:
            for family in self._families:
                family.ended = True

    def _for_code(self, form: dict[str, str]) -> Reply:
        code = self._codes.get(form.get("code", ""))
        if code is None or code.until <= self._clock.now():
            return _refused("invalid_grant", "AADSTS70008: The provided authorization code has expired")
        if code.used:
            self._families[code.family].ended = True
            return _refused("invalid_grant", "AADSTS54005: The code was already redeemed")
        self._codes[form["code"]] = replace(code, used=True)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != code.challenge:
            return _refused("invalid_grant", "AADSTS501481: The Code_Verifier does not match")
        if form.get("redirect_uri") != code.redirect or form.get("client_id") != code.client:
            return _refused("invalid_grant", "AADSTS50011: The redirect URI does not match")
        return self._issue(self._families[code.family])

    def _for_refresh(self, form: dict[str, str]) -> Reply:
        given = form.get("refresh_token", "")
        for family in self._families:
            if given in family.spent:
                self.reuses += 1
                family.ended = True
            if given and given == family.refresh and form.get("client_id") == family.client:
                if family.ended:
                    break
                family.spent.add(given)
                self.renewals += 1
                return self._issue(family)
        return _refused("invalid_grant", f"AADSTS700082: The refresh token {given} has expired or is revoked")

    def _issue(self, family: _Family) -> Reply:
        access = f"{self.prefix}-access-{secrets.token_urlsafe(24)}"
        family.refresh = f"{self.prefix}-refresh-{secrets.token_urlsafe(24)}"
        family.access[access] = self._clock.now() + TOKEN_LIFE
        return Reply(
            200,
            {
                "token_type": "Bearer",
                "expires_in": int(TOKEN_LIFE.total_seconds()),
                "access_token": access,
                "refresh_token": family.refresh,
            },
        )


def _refused(error: str, description: str) -> Reply:
    return Reply(400, {"error": error, "error_description": description})
