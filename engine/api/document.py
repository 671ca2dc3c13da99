"""`python -m engine.api.document`: the control API's OpenAPI document, for docs/openapi-engine.json."""

import json
import sys

from fastapi import FastAPI

from engine.api.app import routed


def document() -> str:
    """The document as it is committed."""
    app: FastAPI = routed()
    return json.dumps(app.openapi(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(document())
