"""`python -m tidegate.web.document`: the watch process's OpenAPI document, for docs/openapi-watch.json."""

import json
import sys

from tidegate.web.app import routed


def document() -> str:
    """The document as it is committed."""
    return json.dumps(routed().openapi(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(document())
