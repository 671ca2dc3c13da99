"""`python -m tidegate.reference [FOLDER]`: write every page that is made from the code; default `docs`."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from engine.api import document as engine_document
from tidegate.reference import command_pages, error_page, man_page, metrics_page, settings_page
from tidegate.web import document as watch_document

PAGES: Final[dict[str, Callable[[], str]]] = {
    "openapi-engine.json": engine_document.document,
    "openapi-watch.json": watch_document.document,
    "reference/commands.md": command_pages.page,
    "reference/settings.md": settings_page.page,
    "reference/metrics.md": metrics_page.page,
    "reference/exit-codes-and-errors.md": error_page.page,
    "man/tidegate.1": man_page.page,
}


def main(folder: Path) -> None:
    for name, page in PAGES.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
