"""Server-sent events, read line by line as the WHATWG's HTML standard has them, section 9.2.6."""

import json
from collections.abc import Iterable, Iterator
from typing import Any


def events(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Each event's data with its name as `event`, and its `id` where one is given.

    What is no JSON object is passed over.
    """
    name, data, ident = "", list[str](), ""
    for line in lines:
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        if not text:
            found = _object("\n".join(data))
            if found is not None:
                yield {**({"id": ident} if ident else {}), "event": name, **found}
            name, data = "", []
            continue
        field, _, value = text.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "data":
            data.append(value)
        elif field == "id":
            ident = value


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
