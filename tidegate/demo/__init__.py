"""`tidegate demo`: the whole loop on loopback, with real processes and protocols, in two minutes."""

from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Tell the story. 0: every step happened; 1: one did not, the last line names it; 130: Ctrl-C."""
    from tidegate.demo.options import parse  # noqa: PLC0415 - keeps `tidegate --help` quick
    from tidegate.demo.story import tell  # noqa: PLC0415

    return tell(parse(arguments))
