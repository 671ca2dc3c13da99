"""Every benchmark against its peers in one run; prints `name: value` lines.

python -m bench                     all named figures, in some minutes
python -m bench relay --full        one benchmark, the whole matrix; half an hour
python -m bench relay --only tidegate,postfix
python -m bench --short             checks alone, in seconds; its times mean nothing
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping

from bench import cli, depth, fleet, limiters, loop, wakeups, web
from bench.options import Form, Options
from bench.relay import benchmark as relay
from bench.relay import report
from bench.relay.errors import BenchError
from bench.sweep import benchmark as sweep

Figures = Iterable[tuple[str, float | str]]
Benchmark = Callable[[Options], Figures]

BENCHMARKS: Mapping[str, Benchmark] = {
    "relay": relay.run,
    "depth": depth.run,
    "limiters": limiters.run,
    "wakeups": wakeups.run,
    "sweep": sweep.run,
    "fleet": fleet.run,
    "loop": loop.run,
    "cli": cli.run,
    "web": web.run,
}


def run(names: Iterable[str], options: Options) -> None:
    """One after the other; a whole run leaves every figure in the report."""
    for name in names or BENCHMARKS:
        figures = list(BENCHMARKS[name](options))
        for figure, value in figures:
            print(f"{figure}: {value}", flush=True)
        if not names and name != "relay" and options.form is not Form.SHORT:
            report.add(relay.REPORT, name, figures)


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; none is all")
    parser.add_argument("--only", default="", metavar="NAMES", help="contenders, with commas; none is all")
    parser.add_argument(
        "--tries", type=int, default=1, metavar="N", help="run again, so often at most, what others disturb"
    )
    forms = parser.add_mutually_exclusive_group()
    for form in (Form.SHORT, Form.FULL):
        forms.add_argument(f"--{form}", dest="form", action="store_const", const=form, default=Form.USUAL)
    return parser


def main() -> int:
    parser = arguments()
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - BENCHMARKS.keys():
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    only = tuple(name for name in chosen.only.split(",") if name)
    try:
        run(chosen.names, Options(chosen.form, only, chosen.tries))
    except BenchError as reason:
        print(f"bench: {reason}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
