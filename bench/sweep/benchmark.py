"""One run: the same rbldnsd, the same names, everybody in turn. Prints `name: value` lines.

python -m bench.sweep.benchmark             65,536 IPs on the 27 usual lists for IPv4, some minutes
python -m bench.sweep.benchmark --short     a check that it works; its figures mean nothing

pydnsbl is given a part of the fleet: it starts every question at once, and all of them would not fit.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bench.sweep import lists

USUAL, PYDNSBL_USUAL = 65_536, 2_000
SHORT = 512
_WINDOW = 100
"""Questions that dnsperf keeps open; with more it loses answers (measured)."""

Figures = Iterable[tuple[str, float | int | str]]


def run(options: object) -> Figures:
    """The named figures; `options.form` says how large. Says why when a program is missing."""
    short = str(getattr(options, "form", "")) == "short"
    for name in ("rbldnsd", "dnsperf"):
        if shutil.which(name) is None and shutil.which(f"/usr/sbin/{name}") is None:
            yield "sweep_skipped", f"{name} is not installed"
            return
    size = SHORT if short else USUAL
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with lists.served(folder, size) as port:
            limit = _dnsperf(folder, port, size, seconds=1 if short else 10)
            plain = _contender("pydnsbl", port, min(size, PYDNSBL_USUAL))
            ours = _contender("tidegate", port, size)
    yield from _figures(ours, plain, limit)


def _figures(ours: Mapping[str, Any], plain: Mapping[str, Any], limit: float) -> Figures:
    rate, plain_rate = ours["lookups"] / ours["first"], plain["lookups"] / plain["first"]
    yield "sweep_lookups", ours["lookups"]
    yield "sweep_rate", round(rate)
    yield "sweep_ratio_pydnsbl", round(rate / plain_rate, 2)
    yield "sweep_share_of_limit", round(rate / limit, 3)
    yield "sweep_cpu_seconds", round(ours["cpu"], 1)
    yield "sweep_cpu_us_per_lookup", round(ours["cpu"] / (2 * ours["lookups"]) * 1e6, 1)
    yield "sweep_peak_mb", round(ours["peak_mb"])
    yield "sweep_second_rate", round(ours["lookups"] / ours["second"])
    yield "sweep_rows", ours["rows"]
    yield "sweep_rows_after_second", ours["rows_after"]
    yield "sweep_pydnsbl_rate", round(plain_rate)
    yield "sweep_pydnsbl_cpu_us_per_lookup", round(plain["cpu"] / plain["lookups"] * 1e6, 1)
    yield "sweep_pydnsbl_peak_mb", round(plain["peak_mb"])
    yield "sweep_pydnsbl_failed", plain["failed"]
    yield "sweep_dnsperf_rate", round(limit)


def _contender(name: str, port: int, size: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.sweep.contenders", name, str(port), str(size)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _dnsperf(folder: Path, port: int, size: int, seconds: int) -> float:
    names = folder / "names"
    with names.open("w") as file:
        for ip in lists.fleet(min(size, PYDNSBL_USUAL)):
            labels = ".".join(reversed(str(ip).split(".")))
            file.writelines(f"{labels}.{zone.zone} A\n" for zone in lists.zones())
    said = subprocess.run(
        ["dnsperf", "-s", "127.0.0.1", "-p", str(port), "-d", str(names), "-q", str(_WINDOW),
         "-l", str(seconds)],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    found = re.search(r"Queries per second:\s+([\d.]+)", said)
    if found is None:
        raise SystemExit(f"dnsperf told no rate:\n{said}")
    return float(found[1])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--short", dest="form", action="store_const", const="short", default="usual")
    for figure, value in run(parser.parse_args()):
        print(f"{figure}: {value}", flush=True)


if __name__ == "__main__":
    main()
