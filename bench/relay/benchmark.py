"""The relay benchmark as `python -m bench` calls it."""

import contextlib
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from bench.options import Options
from bench.relay import figures, runner
from bench.relay.plan import plan


async def run(options: Options) -> Iterable[figures.Figure]:
    with _place() as folder:
        results = await runner.run(plan(options), folder)
    return list(figures.figures(results))


@contextlib.contextmanager
def _place() -> Iterator[Path]:
    """A folder that every server's own user may enter."""
    with tempfile.TemporaryDirectory(prefix="tidegate-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
