"""Text that strangers wrote (SMTP replies, TXT records, SNDS comments), made safe to show."""

import re
import unicodedata

_SPACES = re.compile(r"\s+")


def printable(text: str, limit: int = 500) -> str:
    """One line without control or format characters, cut to `limit` with an ellipsis.

    Bidirectional overrides and ANSI escapes in a remote reply must not reach a terminal or a mail.
    """
    if text.isprintable() and len(text) <= limit and "  " not in text and text == text.strip():
        return text  # almost every reply: nothing to do
    kept = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in text)
    line = _SPACES.sub(" ", kept).strip()
    return line if len(line) <= limit else line[: limit - 1] + "…"
