"""`tidegate --help` in sections, each command with its whole first sentence."""

from collections.abc import Iterator
from typing import Any, Final

from typer.core import TyperGroup

SECTIONS: Final[dict[str, tuple[str, ...]]] = {
    "Look": (
        "show",
        "top",
        "trace",
        "explain",
        "timeline",
        "check",
        "doctor",
        "replay",
        "false-alarms",
        "digest",
    ),
    "Act on limits": ("pin", "release", "hold", "override", "freeze", "thaw", "set-mode", "kill-switch"),
    "Answer": ("ack", "silence", "approve", "deny", "withdraw", "sources"),
    "Act on queues": ("pause", "resume", "schedule", "set", "disable", "enable", "delete", "bounce"),
    "Set up": ("init", "check-config", "config", "reload", "snds", "notify", "completion"),
    "Run": ("run", "engine", "watch", "demo", "evaluate", "rehearse", "version", "help"),
}
_LONGEST = 200


class Sections(TyperGroup):
    """The root command. What no section names stands at the end, under Other."""

    def list_commands(self, ctx: Any) -> list[str]:
        known = super().list_commands(ctx)
        return [name for _, names in _sorted(known) for name in names]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        for title, names in _sorted(super().list_commands(ctx)):
            rows = [
                (name, command.get_short_help_str(_LONGEST))
                for name in names
                if (command := self.get_command(ctx, name)) is not None and not command.hidden
            ]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


def _sorted(known: list[str]) -> Iterator[tuple[str, list[str]]]:
    placed = {name for names in SECTIONS.values() for name in names}
    for title, names in SECTIONS.items():
        yield title, [name for name in names if name in known]
    yield "Other", [name for name in known if name not in placed]
