"""The `web:` part of the configuration file."""

from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from pydantic import Field, SecretStr

from core.duration import Duration
from core.rate import Rate
from core.settings import Settings

UNIX = "unix:"


class WebScope(StrEnum):
    """What a token of the watch process may do. Alerts stand apart: who posts them sees no page."""

    ALERT = "alert"
    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"

    def allows(self, wanted: "WebScope") -> bool:
        """Whether a token of this scope may do that: an operator may look, too."""
        return wanted in _INCLUDED[self]


_INCLUDED = {
    WebScope.ALERT: {WebScope.ALERT},
    WebScope.READ: {WebScope.READ},
    WebScope.OPERATE: {WebScope.READ, WebScope.OPERATE},
    WebScope.ADMIN: {WebScope.READ, WebScope.OPERATE, WebScope.ADMIN},
}


class WebToken(Settings):
    """One bearer token of the watch process."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9._-]{1,40}$",
        description="Who holds it; an alert's incident says that this is who spoke.",
    )
    token: SecretStr | None = Field(
        default=None, description="The token, 16 characters or more, best from ${ENV}."
    )
    token_file: Path | None = Field(default=None, description="A file that holds the token instead.")
    scope: WebScope = Field(
        default=WebScope.ALERT,
        description="alert posts alerts and sees nothing; read looks at every page; operate also holds, "
        "releases and pins; admin also acts on the whole fleet at once.",
    )
    rate: Rate = Field(default=Rate(60, 60), description="How many requests it may make.")


class WebSettings(Settings):
    """The web monitor, and the door for alerts: there only if there are tokens, or on a unix socket."""

    listen: str = Field(
        default="127.0.0.1:8026",
        description="ADDRESS:PORT, or unix:PATH (whoever may open the socket may post alerts; pages want "
        "a token all the same). For people and monitors elsewhere put a proxy with TLS before it.",
    )
    tokens: tuple[WebToken, ...] = Field(
        default=(),
        description="Tokens, one for each person and each monitor; without any nothing listens on TCP.",
    )
    session_idle: Duration = Field(
        default=timedelta(hours=8), description="After how long without a click a person is asked again."
    )
    max_body: int = Field(default=1024 * 1024, ge=1024, description="The largest body accepted, in bytes.")

    @property
    def is_on(self) -> bool:
        """Whether anything listens at all."""
        return bool(self.tokens) or self.listen.startswith(UNIX)
