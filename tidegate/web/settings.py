"""The `web:` part of the configuration file."""

from enum import StrEnum
from pathlib import Path

from pydantic import Field, SecretStr

from core.rate import Rate
from core.settings import Settings

UNIX = "unix:"


class WebScope(StrEnum):
    """What a token of the watch process may do; none includes another."""

    ALERT = "alert"
    READ = "read"


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
        default=WebScope.ALERT, description="alert posts alerts, read looks at those that stand."
    )
    rate: Rate = Field(default=Rate(60, 60), description="How many requests it may make.")


class WebSettings(Settings):
    """Where the watch process can be reached; it listens only if there are tokens, or on a unix socket."""

    listen: str = Field(
        default="127.0.0.1:8026",
        description="ADDRESS:PORT, or unix:PATH (whoever may open the socket may do all). For monitors "
        "outside of this machine put a proxy with TLS before it.",
    )
    tokens: tuple[WebToken, ...] = Field(
        default=(), description="Bearer tokens, one for each monitor; without any nothing listens on TCP."
    )
    max_body: int = Field(default=1024 * 1024, ge=1024, description="The largest body accepted, in bytes.")

    @property
    def is_on(self) -> bool:
        """Whether anything listens at all."""
        return bool(self.tokens) or self.listen.startswith(UNIX)
