"""What pages ask the engine, beside the event loop; an engine that does not answer is a fact, no error."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from controller.settings import EngineAccess
from core.errors import OperatorError, PeerError
from tidegate.client import EngineClient

Found = TypeVar("Found")
PATIENCE_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Heard(Generic[Found]):
    """An answer; where there is none, what was to be assumed, and in `trouble` why."""

    value: Found
    trouble: str = ""


class EngineDesk:
    """Asks through the control API, as the command line does."""

    def __init__(self, client: EngineClient) -> None:
        self.client = client

    async def hear(self, ask: Callable[[EngineClient], Found], otherwise: Found) -> Heard[Found]:
        """The answer, or `otherwise` and the reason."""
        try:
            return Heard(await self.do(ask))
        except (OperatorError, PeerError) as error:
            return Heard(otherwise, str(error))

    async def do(self, ask: Callable[[EngineClient], Found]) -> Found:
        """The answer. Raises OperatorError and PeerError."""
        return await asyncio.to_thread(ask, self.client)

    def close(self) -> None:
        self.client.close()


def desk_of(access: EngineAccess) -> EngineDesk:
    """A desk for the engine that the controller steers, with the controller's token."""
    token = access.token.get_secret_value() if access.token else None
    return EngineDesk(EngineClient(access.url, token, timeout=PATIENCE_SECONDS))
