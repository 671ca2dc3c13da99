"""A bulletin for PagerDuty's Events API v2. Pure.

Format: https://developer.pagerduty.com/docs/events-api-v2-overview and
https://github.com/PagerDuty/api-schema (reference/events-v2): 202 means taken, 400 that the event is invalid,
429 and 5xx that it may be sent again.
"""

import json
from datetime import datetime
from typing import Any, Final

from monitor.notifications.bulletin import Bulletin
from monitor.notifications.channels.post import Post
from monitor.notifications.channels.settings import PagerDutySettings

_SUMMARY: Final = 1_024
_DEDUP_KEY: Final = 255


def worded(settings: PagerDutySettings, bulletin: Bulletin, _now: datetime) -> Post:
    """One alert for each thread: triggered, told about, resolved under the same key."""
    key = bulletin.thread if not bulletin.test else f"test.{bulletin.key}"
    event: dict[str, Any] = {
        "routing_key": settings.routing_key.get_secret_value(),
        "event_action": "resolve" if bulletin.is_over else "trigger",
        "dedup_key": key[:_DEDUP_KEY],
        "client": "Tidegate",
        "payload": {
            "summary": f"{bulletin.title}: {bulletin.verdict}"[:_SUMMARY],
            "source": next((one.ip for one in bulletin.incidents if one.ip), "tidegate"),
            "severity": bulletin.severity,
            "timestamp": bulletin.at.isoformat(),
            "class": bulletin.incidents[0].rule if bulletin.incidents else "",
            "custom_details": {
                "what follows": bulletin.consequence,
                "incidents": [f"{one.label} {one.title} ({one.state})" for one in bulletin.incidents],
                "limits": [f"{x.scope}: {x.before} to {x.after} ({x.reason})" for x in bulletin.limits],
                "evidence": list(bulletin.evidence),
                "commands": list(bulletin.commands),
            },
        },
    }
    if bulletin.url:
        event["client_url"] = bulletin.url
        event["links"] = [{"href": bulletin.url, "text": "Open in the web monitor"}]
    return Post(settings.url, json.dumps(event).encode())
