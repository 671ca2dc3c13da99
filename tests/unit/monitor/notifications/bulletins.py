"""A bulletin for tests of channels, and what a stranger would like to write into one."""

from datetime import UTC, datetime

from monitor.notifications.bulletin import Bulletin, BulletinIncident, BulletinLimit
from storage.outbox import ClaimedMail, MailState

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOSTILE = "<!channel> <https://evil.example|click> & `*_~ {{7*7}} \x1b[31m\u202e=HYPERLINK(1)\r\nX: y"


def bulletin(**changes: object) -> Bulletin:
    base = Bulletin(
        key="tidegate.inc-1.abc.1@mta.example", thread="inc-1.abc", reason="new", state="firing", severity="critical",
        title="INC-1 203.0.113.7 listed on Spamhaus ZEN (SBL)", verdict="203.0.113.7 is listed on Spamhaus ZEN (SBL).",
        consequence="Sending is held back automatically: to Microsoft at most 300/h.", at=NOON,
        url="https://tidegate.example/incidents/1",
        incidents=(
            BulletinIncident(
                label="INC-1", title="203.0.113.7 listed on Spamhaus ZEN (SBL)", summary="listed", state="open",
                severity="critical", rule="dnsbl-listed", source="dnsbl", metric="zen.spamhaus.org", ip="203.0.113.7",
                provider="*", opened_at=NOON, resolved_at=None,
            ),
        ),
        limits=(
            BulletinLimit(
                scope="203.0.113.7 to Microsoft", directive="source-ip-max-msg-rate", before="1200/h", after="300/h",
                reason="tier 1 list", actor="controller", undo="tidegate release x",
            ),
        ),
        evidence=("TXT record: https://check.spamhaus.org/query/ip/203.0.113.7",),
        commands=("tidegate explain 203.0.113.7",),
    )  # fmt: skip
    return base.model_copy(update=changes)


def claimed(message: Bulletin, channel: str = "ops") -> ClaimedMail:
    return ClaimedMail(
        idempotency_key=f"{message.key}:#{channel}", kind="new", channel=channel, recipients=(channel,),
        subject=message.title, mime=message.model_dump_json().encode(), created_at=NOON, id=1,
        state=MailState.PENDING, attempts=1, next_at=NOON, leased_until=None, finished_at=None, last_error="",
    )  # fmt: skip
