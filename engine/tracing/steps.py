"""What a traced connection goes through, step by step."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class StepKind(StrEnum):
    """Stable names."""

    WAITING = "waiting"
    BEGUN = "begun"
    RESOLVED = "resolved"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    FAILED = "failed"
    SAID = "said"
    HEARD = "heard"
    CONTENT = "content"
    WRITTEN = "written"
    SECURED = "secured"
    RESULT = "result"
    CLOSED = "closed"
    LEFT_OUT = "left-out"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of connection number `connection` of a trace, `ms` real milliseconds after it began.

    `content` is what only those may see who asked for the content of mail.
    """

    connection: int
    ms: float
    kind: StepKind
    fields: Mapping[str, Any] = field(default_factory=dict)
    content: Mapping[str, Any] = field(default_factory=dict)

    def document(self, *, with_content: bool) -> dict[str, Any]:
        """As it is told."""
        shown = {**self.fields, **self.content} if with_content else dict(self.fields)
        return {"connection": self.connection, "ms": self.ms, **shown}
