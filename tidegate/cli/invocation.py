"""What every command knows: the configuration, the engine's address, how to print."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from core.errors import OperatorError

if TYPE_CHECKING:
    from tidegate.client import EngineClient
    from tidegate.config.load import Loaded

DEFAULT_CONFIG = "config.yaml"


@dataclass(frozen=True, slots=True)
class Invocation:
    """The options that hold for every command."""

    config: str | None = None
    endpoint: str | None = None
    token: str | None = None
    token_file: str | None = None
    as_json: bool = False
    debug: bool = False
    watch: str | None = None
    """How often to show again, as typed; None: once."""
    columns: str | None = None
    """Which columns of a table, as typed; None: the usual ones."""

    @property
    def config_path(self) -> str:
        return self.config or os.environ.get("TIDEGATE_CONFIG") or DEFAULT_CONFIG

    def load(self) -> "Loaded":
        """The configuration. Raises ConfigError."""
        from tidegate.config.load import load  # noqa: PLC0415 - keeps --help fast

        return load(self.config_path)

    def client(self, patience: float = 10.0) -> "EngineClient":
        """A client of the engine: from the options, the environment, or the configuration, in this order.

        `patience` in seconds, for each step of a request.
        """
        from tidegate.client import EngineClient  # noqa: PLC0415 - keeps --help fast

        endpoint = self._endpoint()
        token = self._token()
        if endpoint is None:
            endpoint, known = self._door()
            token = token or known
        return EngineClient(endpoint, token, timeout=patience)

    @property
    def finds_the_engine_at_once(self) -> bool:
        """Whether where it is can be told without reading the whole configuration."""
        from tidegate.config import door  # noqa: PLC0415 - keeps --help fast

        return self._endpoint() is not None or door.find(self.config_path) is not None

    def _endpoint(self) -> str | None:
        return self.endpoint or os.environ.get("TIDEGATE_ENDPOINT")

    def _door(self) -> tuple[str, str | None]:
        from tidegate.config import door  # noqa: PLC0415 - keeps --help fast

        if quickly := door.find(self.config_path):
            return quickly
        from tidegate.config import peek  # noqa: PLC0415 - brings every settings model

        found = peek.access(self.config_path)
        return found.endpoint, found.token

    def _token(self) -> str | None:
        if self.token:
            return self.token
        file = self.token_file or (
            None if "TIDEGATE_TOKEN" in os.environ else os.environ.get("TIDEGATE_TOKEN_FILE")
        )
        if file is None:
            return os.environ.get("TIDEGATE_TOKEN")
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "not a text file"
            raise OperatorError(f"the token file {file} cannot be read: {why}") from None


def of(context: typer.Context) -> Invocation:
    """The invocation that a command runs in."""
    found: Any = context.find_root().obj
    return found if isinstance(found, Invocation) else Invocation()
