"""The benchmark of the sweep runs, finds every listing, and prints the figures that are promised."""

import subprocess
import sys
from pathlib import Path

import pytest
from system_peers import SEARCH, tool

ROOT = Path(__file__).parents[2]


@pytest.mark.system
def test_the_benchmark_prints_its_figures() -> None:
    tool("rbldnsd", "rbldnsd")
    tool("dnsperf", "dnsperf")
    done = subprocess.run(
        [sys.executable, "-m", "bench.sweep.benchmark", "--short"],
        cwd=ROOT, env={"PATH": SEARCH}, capture_output=True, text=True, timeout=100, check=True,
    )  # fmt: skip
    figures = dict(line.split(": ") for line in done.stdout.splitlines())
    promised = (
        "sweep_rate",
        "sweep_ratio_pydnsbl",
        "sweep_share_of_limit",
        "sweep_cpu_seconds",
        "sweep_peak_mb",
    )
    assert all(float(figures[name]) > 0 for name in promised)
    assert figures["sweep_rows"] == figures["sweep_rows_after_second"]
    # each list lists one of the 512
    assert figures["sweep_rows"] == "27"
