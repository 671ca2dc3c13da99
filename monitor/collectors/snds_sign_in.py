"""Signing in at Microsoft for SNDS: OAuth 2.0 authorization code with PKCE (RFC 6749, 7636, 8252).

Decides only: what to ask for and what an answer means. No token is ever part of a text or an error.
"""

import base64
import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from pydantic import AwareDatetime, BaseModel, ConfigDict, SecretStr, ValidationError, field_serializer

from core.errors import ConflictError, OperatorError, SignalError
from monitor.collectors.snds_settings import SndsOAuth

EARLY: Final = timedelta(minutes=5)
"""An access token is renewed this long before it ends."""

LIFETIME: Final = timedelta(hours=1)
"""Of an access token whose answer does not say."""

_CODE = re.compile(r"[a-z_]{1,60}\Z")
_MICROSOFTS = re.compile(r"AADSTS\d{4,8}")
# what no second try can mend: a person has to sign in again (RFC 6749 5.2, OpenID Connect Core 3.1.2.6)
_OVER: Final = frozenset(
    {"invalid_grant", "interaction_required", "login_required", "consent_required", "access_denied"}
)


class SignInOver(SignalError):  # noqa: N818 - reads as what happened
    """The sign-in has ended or never was: a person has to sign in."""

    def __init__(self, account: str, why: str) -> None:
        super().__init__(f"{why}; {advice(account)}", permanent=True)
        self.why = why


def advice(account: str) -> str:
    """What a person has to do."""
    return f"sign in again: tidegate snds login --account {account}"


class SignIn(BaseModel):
    """What is kept of a sign-in. `ended` holds the server's word once it has refused the refresh token."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    access_token: SecretStr
    refresh_token: SecretStr | None = None
    expires_at: AwareDatetime
    obtained_at: AwareDatetime
    ended: str = ""

    @field_serializer("access_token", "refresh_token", when_used="json")
    def _plain(self, secret: SecretStr | None) -> str | None:
        return secret.get_secret_value() if secret else None

    def is_fresh(self, now: datetime) -> bool:
        """Whether the access token can be used; a clock that stands before its issue proves nothing."""
        return not self.ended and self.obtained_at - EARLY <= now < self.expires_at - EARLY


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to sign in: the random values that bind the answer to the question."""

    state: str
    verifier: str
    redirect: str

    @property
    def challenge(self) -> str:
        """RFC 7636 4.2, method S256."""
        digest = hashlib.sha256(self.verifier.encode("ascii")).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def page(oauth: SndsOAuth, attempt: Attempt) -> str:
    """The address that a person opens to sign in."""
    query = {
        "client_id": oauth.client_id,
        "response_type": "code",
        "redirect_uri": attempt.redirect,
        "response_mode": "query",
        "scope": oauth.full_scope,
        "state": attempt.state,
        "code_challenge": attempt.challenge,
        "code_challenge_method": "S256",
        "prompt": "select_account",
    }
    return f"{oauth.authorize_url}?{urlencode(query)}"


def code_of(address: str, attempt: Attempt) -> str:
    """The code in the address that the browser was sent to.

    Raises ConflictError when it answers another question than this attempt's, else OperatorError.
    """
    try:
        given = dict(parse_qsl(urlsplit(address.strip()).query, max_num_fields=20))
    except ValueError:
        given = {}
    if not hmac.compare_digest(given.get("state", "").encode(), attempt.state.encode()):
        raise ConflictError(
            "that address does not answer this sign-in; paste the whole address that the browser shows "
            "after the sign-in that was begun just now"
        )
    if "error" in given:
        raise OperatorError(f"Microsoft did not sign you in ({_word(given)}); try again")
    code = given.get("code", "")
    if not code or len(code) > 4_096:
        raise OperatorError("that address holds no code; paste the whole of it, with everything after the ?")
    return code


def exchange(oauth: SndsOAuth, attempt: Attempt, code: str) -> dict[str, str]:
    """The form that turns a code into tokens."""
    return {
        "grant_type": "authorization_code",
        "client_id": oauth.client_id,
        "code": code,
        "redirect_uri": attempt.redirect,
        "code_verifier": attempt.verifier,
        "scope": oauth.full_scope,
    }


def renewal(oauth: SndsOAuth, kept: SignIn) -> dict[str, str]:
    """The form that turns a refresh token into tokens. It works once: the answer brings the next one."""
    token = kept.refresh_token.get_secret_value() if kept.refresh_token else ""
    return {
        "grant_type": "refresh_token",
        "client_id": oauth.client_id,
        "refresh_token": token,
        "scope": oauth.full_scope,
    }


def issued(status: int, body: bytes, now: datetime, account: str, before: SignIn | None = None) -> SignIn:
    """What the token server's answer means. Raises SignInOver or SignalError, without a token in them."""
    said = _object(body)
    if status != 200:
        if status in {400, 401} and said.get("error") in _OVER:
            raise SignInOver(account, f"Microsoft does not take the sign-in any more ({_word(said)})")
        raise SignalError(f"the sign-in server answered HTTP {status} ({_word(said)})")
    if str(said.get("token_type", "")).lower() != "bearer":
        raise SignalError("the sign-in server answered no bearer token")
    try:
        lasts = int(said.get("expires_in", LIFETIME.total_seconds()))
        return SignIn(
            access_token=said.get("access_token") or None,
            # a server that rotates sends the next one; one that does not lets the old one stand (RFC 6749 6)
            refresh_token=said.get("refresh_token") or (before.refresh_token if before else None),
            expires_at=now + timedelta(seconds=min(max(lasts, 0), 86_400)),
            obtained_at=now,
        )
    except (ValidationError, ValueError, TypeError):
        raise SignalError("the sign-in server answered no usable token") from None


def stored(text: str) -> SignIn:
    """A sign-in as it was kept. Raises ValueError, without its text."""
    try:
        return SignIn.model_validate_json(text)
    except ValidationError:
        raise ValueError("it holds no sign-in") from None


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _word(said: dict[str, Any]) -> str:
    """The error's short name and Microsoft's number; its description may quote what we sent."""
    name, text = str(said.get("error", "")), str(said.get("error_description", ""))
    number = _MICROSOFTS.search(text)
    known = [name] if _CODE.match(name) else ["no reason given"]
    return ", ".join([*known, *([number[0]] if number else [])])
