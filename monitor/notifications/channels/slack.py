"""A bulletin for Slack's incoming webhooks. Pure.

Format: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks and, for `&`, `<` and `>`,
https://docs.slack.dev/messaging/formatting-message-text; a section's text has at most 3,000 characters.
"""

import json
from datetime import datetime
from typing import Any, Final

from monitor.notifications.bulletin import Bulletin
from monitor.notifications.channels.post import Post
from monitor.notifications.channels.settings import SlackSettings

_SECTION: Final = 2_900
_EVIDENCE: Final = 6


def worded(settings: SlackSettings, bulletin: Bulletin, _now: datetime) -> Post:
    """The verdict, what was done, the evidence as it came, the commands."""
    text = f"[{word(bulletin)}] {bulletin.title}: {bulletin.verdict}"
    document = {
        "text": escaped(text)[:_SECTION],
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": list(_blocks(bulletin)),
    }
    return Post(settings.url.get_secret_value(), json.dumps(document).encode())


def word(bulletin: Bulletin) -> str:
    """What is the matter, in a word that needs no colour."""
    if bulletin.test:
        return "TEST"
    return "RESOLVED" if bulletin.is_over else bulletin.severity.upper()


def escaped(text: str) -> str:
    """No mention, link or channel comes out of a stranger's text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _blocks(bulletin: Bulletin) -> list[dict[str, Any]]:
    said = [f"{bulletin.verdict} {bulletin.consequence}".strip()]
    said += [f"{limit.scope}: {limit.before} → {limit.after} ({limit.reason})" for limit in bulletin.limits]
    blocks = [
        _section(f"*{word(bulletin)}* · {_plain(bulletin.title)}"),
        *(_section(_plain(line)) for line in said),
    ]
    verbatim = (bulletin.evidence[:_EVIDENCE], bulletin.commands)
    blocks += [_section(f"```{_plain(chr(10).join(lines))}```") for lines in verbatim if lines]
    if bulletin.url:
        blocks.append(_section(f"<{escaped(bulletin.url)}|Open in the web monitor>"))
    return blocks[:20]


def _plain(text: str) -> str:
    """Text in which nothing is formatting: marks are told apart by a character of no width."""
    marks = {"`": "'", "*": "\u2217", "_": "_\u2060", "~": "\u223c"}
    return escaped("".join(marks.get(c, c) for c in text))[: _SECTION - 100]


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}
