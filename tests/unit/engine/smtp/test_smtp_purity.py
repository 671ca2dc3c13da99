"""engine.smtp decides and never does: it knows no event loop, socket or clock."""

import ast
from pathlib import Path

import pytest

import engine.smtp

MODULES = sorted(Path(engine.smtp.__path__[0]).glob("*.py"))
FORBIDDEN = {"asyncio", "socket", "ssl", "time", "select", "selectors", "threading", "datetime", "random"}


def imports(source: str) -> set[str]:
    """The top-level packages that a module imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_the_protocol_imports_nothing_that_does(path: Path) -> None:
    assert not imports(path.read_text()) & FORBIDDEN


def test_there_are_modules_to_look_at() -> None:
    assert {"server.py", "reply.py"} <= {path.name for path in MODULES}
