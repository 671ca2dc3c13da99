"""What is allowed in a configuration and yet unwise."""

from dataclasses import dataclass

_COMMON = frozenset({"logging", "clock"})


@dataclass(frozen=True, slots=True)
class Caution:
    """A sentence with file and line, and the section of the file that it is about."""

    section: str | int
    text: str

    def concerns(self, program: str) -> bool:
        """Whether it is for this program to say at its start: `engine` or `watch`."""
        return self.section in _COMMON or (self.section == "engine") == (program == "engine")
