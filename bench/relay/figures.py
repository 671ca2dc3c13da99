"""The named figures, from what the rounds came to. A figure whose runs are missing is left out."""

from collections.abc import Callable, Iterator
from operator import attrgetter

from bench.relay.load import Load
from bench.relay.measure import Measured
from bench.relay.plan import BEST, MAIN
from bench.relay.results import Results

Figure = tuple[str, float | str]
_rate: Callable[[Measured], float] = attrgetter("rate")
_cpu: Callable[[Measured], float] = attrgetter("cpu_ms")
_peers = ("postfix", "haraka", "opensmtpd", "exim")


def figures(results: Results) -> Iterator[Figure]:
    """`name: value`: rates in messages a second, memory in MB, CPU in ms a message, the rest ratios."""
    found = (
        ("relay_rate", results.middle("tidegate", MAIN, _rate)),
        *((f"relay_ratio_{peer}", _ratio(results, "tidegate", (peer, MAIN))) for peer in _peers),
        ("relay_ratio_postfix_best", _ratio(results, "tidegate", ("postfix-best", BEST))),
        ("relay_share_of_limit", _ratio(results, "tidegate", ("limit", MAIN))),
        ("relay_cpu_ms", results.middle("tidegate", MAIN, _cpu)),
        *((f"relay_cpu_ms_{peer}", results.middle(peer, MAIN, _cpu)) for peer in _peers),
        ("relay_peak_mb", results.middle("tidegate", MAIN, attrgetter("peak_mb"))),
        ("relay_dkim_rsa_rate", results.middle("tidegate-dkim", MAIN, _rate)),
        ("relay_dkim_ratio_postfix", _ratio(results, "tidegate-dkim", ("postfix", MAIN))),
    )
    yield from ((name, round(value, 3)) for name, value in found if value is not None)


def _ratio(results: Results, ours: str, other: tuple[str, Load]) -> float | None:
    mine, theirs = results.middle(ours, MAIN, _rate), results.middle(*other, _rate)
    return mine / theirs if mine and theirs else None
