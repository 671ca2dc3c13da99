"""The demo's own options."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SPEED = 1440.0
"""An hour in 2.5 seconds: six clean hours, a cool-down and a ramp fit into two minutes."""

FASTEST = 1800.0


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked. `proof`: say at the end what was asserted and fail on the first thing missing."""

    headless: bool = False
    proof: bool = False
    speed: float = SPEED
    seed: int = 1
    keep: Path | None = None
    hands_on: bool = False
    """Stop the story where an IP is held back, and let somebody try."""


def parse(arguments: Sequence[str]) -> Options:
    """Read the options; leaves with a usage message when they are wrong."""
    parser = argparse.ArgumentParser(
        prog="tidegate demo",
        description="The whole loop on loopback: a listing, the cut of one IP, the mail, the recovery. "
        "Nothing leaves this machine.",
    )
    parser.add_argument("--headless", action="store_true", help="no colours: for machines and CI")
    parser.add_argument(
        "--assert",
        dest="proof",
        action="store_true",
        help="say at the end how much was observed; exit 1 when a step does not happen",
    )
    parser.add_argument("--speed", type=_speed, default=SPEED, help="demo hours per real hour (%(default)g)")
    parser.add_argument(
        "--seed", type=int, default=1, help="the same seed tells the same story (%(default)s)"
    )
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep configuration, logs and data in DIR")
    parser.add_argument(
        "--try",
        dest="hands_on",
        action="store_true",
        help="stop after half a minute, where an IP is held back: explain it, release it yourself",
    )
    said = parser.parse_args(list(arguments))
    return Options(said.headless, said.proof, said.speed, said.seed, said.keep, said.hands_on)


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not 60 <= speed <= FASTEST:
        raise argparse.ArgumentTypeError(
            f"{text} is out of range: from 60 (a long evening) to {FASTEST:g} (one machine keeps up)"
        )
    return speed
