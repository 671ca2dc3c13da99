"""How long a person waits for the command line, beside a bare start of the interpreter.

    python bench/cli.py

A real `tidegate engine` runs with mail in a hundred queues; commands find it by a configuration file. All are
started in turn, and the median counts; the first round is left out, for in it Python compiles what it keeps.
`cli_help_s` and `cli_show_queues_s` are seconds of wall time.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

if __name__ == "__main__":  # started as a file, it finds its own directory first, and not the house
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.options import Form, Options
from bench.relay.errors import BenchError
from lab.ports import free_port

QUEUES = 100
TOKEN = "bench-token-00000001"
ROUNDS = 15


def run(options: Options) -> Iterable[tuple[str, float | str]]:
    """The figures."""
    rounds = 1 if options.form is Form.SHORT else ROUNDS
    with tempfile.TemporaryDirectory() as folder, engine(Path(folder)) as config:
        commands = {
            "interpreter_start_s": [sys.executable, "-c", "pass"],
            "cli_help_s": [tool(), "--help"],
            "cli_show_queues_s": [tool(), "--config", config, "show", "queues"],
            "cli_show_queue_s": [tool(), "--config", config, "show", "queues", "d0.test/default"],
            "cli_completion_s": [tool(), "--config", config],
        }
        environ = {**os.environ, "PYTHONPYCACHEPREFIX": f"{folder}/compiled"}
        environ.pop("PYTHONDONTWRITEBYTECODE", None)  # as it is for whoever has installed it
        taken: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(rounds + 1):
            for name, command in commands.items():
                more = completing(command) if name == "cli_completion_s" else {}
                taken[name].append(seconds(command, {**environ, **more}))
    for name, found in taken.items():
        yield name, round(statistics.median(found[1:]), 3)


def tool() -> str:
    return str(Path(sys.executable).with_name("tidegate"))


def completing(command: list[str]) -> dict[str, str]:
    """What bash says when somebody presses the tabulator after `show queues d1`."""
    words = ["tidegate", *command[1:], "show", "queues", "d1"]
    return {
        "_TIDEGATE_COMPLETE": "complete_bash",
        "COMP_WORDS": "\n".join(words),
        "COMP_CWORD": str(len(words) - 1),
    }


def seconds(command: list[str], environ: dict[str, str]) -> float:
    """The wall time of one run, which must succeed and, where it asks for queues, find them."""
    begun = time.perf_counter()
    done = subprocess.run(command, capture_output=True, check=True, env=environ)
    taken = time.perf_counter() - begun
    asks = "queues" in command or "_TIDEGATE_COMPLETE" in environ
    if asks and b"d1.test" not in done.stdout and b"d0.test" not in done.stdout:
        raise BenchError(f"{' '.join(command)} shows no queues: {done.stdout!r}")
    return taken


@contextmanager
def engine(folder: Path) -> Iterator[str]:
    """An engine with mail that has nowhere to go; the path of its configuration."""
    api, smtp, nobody = free_port(), free_port(), free_port()
    config = folder / "config.yaml"
    config.write_text(f"""
ip-lists: {{bench: [127.0.0.1]}}
database: sqlite:///{folder}/tidegate.db
engine:
  listen: ["127.0.0.1:{smtp}"]
  spool: {folder}/spool
  accounting-files: []
  resolver: {{nameservers: ["127.0.0.1:{nobody}"], timeout: 1s}}
  virtual-mtas: {{default: {{source-ips: [127.0.0.1]}}}}
  control-api:
    listen: 127.0.0.1:{api}
    tokens: [{{name: bench, token: {TOKEN}, scope: admin}}]
""")
    with subprocess.Popen([tool(), "--config", str(config), "engine"], stderr=subprocess.DEVNULL) as child:
        try:
            wait_for(api)
            for number in range(QUEUES):
                post(api, number)
            yield str(config)
        finally:
            child.terminate()


def wait_for(port: int) -> None:
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("the engine did not start")


def post(port: int, number: int) -> None:
    body = {
        "sender": "bench@sender.test",
        "recipients": [f"ann@d{number}.test"],
        "content": "Subject: x\r\n\r\nx\r\n",
    }
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/messages",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=10).close()


def main() -> None:
    for name, value in run(Options()):
        print(f"{name}: {value}", flush=True)


if __name__ == "__main__":
    main()
