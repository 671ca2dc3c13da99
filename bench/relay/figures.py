"""The named figures, from what the rounds came to. A figure whose runs are missing is left out."""

from collections.abc import Callable, Iterator
from operator import attrgetter

from bench.relay.latency import percentile
from bench.relay.load import Load
from bench.relay.measure import Measured
from bench.relay.plan import BEST, MAIN
from bench.relay.results import Results

Figure = tuple[str, float | str]
_Found = Iterator[tuple[str, float | None]]
_rate: Callable[[Measured], float] = attrgetter("rate")
_cpu: Callable[[Measured], float] = attrgetter("cpu_ms")
_PEERS = ("postfix", "haraka", "opensmtpd", "exim")


def figures(results: Results) -> Iterator[Figure]:
    """`name: value`: rates in messages a second, memory in MB, CPU in ms a message, the rest ratios."""
    for found in (_rates(results), _costs(results), _checks(results), _latencies(results)):
        yield from ((name, round(value, 3)) for name, value in found if value is not None)


def _rates(results: Results) -> _Found:
    yield "relay_rate", results.middle("tidegate", MAIN, _rate)
    for peer in _PEERS:
        yield f"relay_ratio_{peer}", _ratio(results, "tidegate", (peer, MAIN))
    yield "relay_ratio_opensmtpd_accepting", _over_accepting(results, "opensmtpd")
    yield "relay_ratio_postfix_best", _ratio(results, "tidegate", ("postfix-best", BEST))
    yield "relay_share_of_limit", _ratio(results, "tidegate", ("limit", MAIN))
    yield "relay_dkim_rsa_rate", results.middle("tidegate-dkim", MAIN, _rate)
    yield "relay_dkim_ratio_postfix", _ratio(results, "tidegate-dkim", ("postfix", MAIN))


def _costs(results: Results) -> _Found:
    yield "relay_cpu_ms", results.middle("tidegate", MAIN, _cpu)
    yield "relay_dkim_cpu_ms", results.middle("tidegate-dkim", MAIN, _cpu)
    for peer in _PEERS:
        yield f"relay_cpu_ms_{peer}", results.middle(peer, MAIN, _cpu)
    yield "relay_peak_mb", results.middle("tidegate", MAIN, attrgetter("peak_mb"))
    others = [run.others * 100 for (_, load), runs in results.runs.items() if load == MAIN for run in runs]
    yield "relay_others_percent_worst", max(others, default=None)


def _checks(results: Results) -> _Found:
    """Syncs a message: below 1 several messages share one."""
    for name, checked in results.checked.items():
        mark = name.replace("-", "_")
        yield f"relay_once_{mark}", checked.messages
        if checked.syncs is not None:
            yield f"relay_syncs_a_message_{mark}", checked.syncs / checked.messages


def _latencies(results: Results) -> _Found:
    for name, taken in results.latencies.items():
        suffix = "" if name == "tidegate" else f"_{name}"
        yield f"latency_p50_ms{suffix}", percentile(taken, 0.5)
        yield f"latency_p99_ms{suffix}", percentile(taken, 0.99)


def _over_accepting(results: Results, peer: str) -> float | None:
    """Against what it accepts: all that it would deliver if it never paused."""
    mine = results.middle("tidegate", MAIN, _rate)
    theirs = results.middle(peer, MAIN, attrgetter("accept_rate"))
    return mine / theirs if mine and theirs else None


def _ratio(results: Results, ours: str, other: tuple[str, Load]) -> float | None:
    mine, theirs = results.middle(ours, MAIN, _rate), results.middle(*other, _rate)
    return mine / theirs if mine and theirs else None
