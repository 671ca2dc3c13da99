"""What each channel is given: its own format, and nothing that a stranger could make act."""

import hashlib
import hmac
import json

import pytest
from pydantic import SecretStr

from monitor.notifications.channels import apprise, pagerduty, slack, webhook
from monitor.notifications.channels.settings import PagerDutySettings, SlackSettings, WebhookSettings
from tests.unit.monitor.notifications.bulletins import HOSTILE, NOON, bulletin

KEY = "0123456789abcdef0123456789abcdef"
PAGER = PagerDutySettings(routing_key=SecretStr(KEY))
SLACK = SlackSettings(url=SecretStr("https://hooks.example/T/B/X"))


def test_a_webhook_gets_the_bulletin_signed_with_the_time_of_the_attempt() -> None:
    settings = WebhookSettings(url=SecretStr("https://hook.example/x"), secret=SecretStr("sesame"))
    post = webhook.worded(settings, bulletin(), NOON)
    document = json.loads(post.body)
    assert (document["schema"], document["thread"], document["state"]) == (
        "notification/v1",
        "inc-1.abc",
        "firing",
    )
    at = int(NOON.timestamp())
    expected = hmac.new(b"sesame", b"%d." % at + post.body, hashlib.sha256).hexdigest()
    assert post.headers["Tidegate-Signature"] == f"t={at},v1={expected}"
    assert post.headers["Idempotency-Key"] == bulletin().key


def test_a_webhook_without_a_secret_is_not_signed() -> None:
    post = webhook.worded(WebhookSettings(url=SecretStr("https://hook.example/x")), bulletin(), NOON)
    assert "Tidegate-Signature" not in post.headers


def test_pagerduty_has_one_alert_for_a_thread_from_its_beginning_to_its_end() -> None:
    first, update, over = (
        json.loads(pagerduty.worded(PAGER, bulletin(state=state, key=state), NOON).body)
        for state in ("firing", "update", "resolved")
    )
    assert [e["event_action"] for e in (first, update, over)] == ["trigger", "trigger", "resolve"]
    assert {e["dedup_key"] for e in (first, update, over)} == {"inc-1.abc"}
    assert first["routing_key"] == KEY
    assert first["payload"]["severity"] == "critical"
    assert first["payload"]["source"] == "203.0.113.7"
    assert first["links"] == [
        {"href": "https://tidegate.example/incidents/1", "text": "Open in the web monitor"}
    ]


def test_pagerduty_is_given_no_more_than_it_takes() -> None:
    event = json.loads(pagerduty.worded(PAGER, bulletin(verdict="x" * 5_000, thread="y" * 400), NOON).body)
    assert len(event["payload"]["summary"]) == 1_024
    assert len(event["dedup_key"]) == 255


def test_a_test_never_touches_a_real_alert_of_pagerduty() -> None:
    event = json.loads(pagerduty.worded(PAGER, bulletin(test=True), NOON).body)
    assert event["dedup_key"] != "inc-1.abc"


def test_slack_reads_the_verdict_first_and_the_limits_in_words() -> None:
    document = json.loads(slack.worded(SLACK, bulletin(), NOON).body)
    said = json.dumps(document["blocks"], ensure_ascii=False)
    assert document["text"].startswith("[CRITICAL] INC-1 203.0.113.7 listed")
    assert "1200/h → 300/h" in said
    assert "<https://tidegate.example/incidents/1|Open in the web monitor>" in said


def test_what_strangers_wrote_is_no_mention_no_link_and_no_formatting_in_slack() -> None:
    hostile = bulletin(verdict=HOSTILE, title=HOSTILE, evidence=(HOSTILE,), url="")
    document = json.loads(slack.worded(SLACK, hostile, NOON).body)
    for text in [document["text"], *(block["text"]["text"] for block in document["blocks"])]:
        assert "<" not in text
        assert ">" not in text
    [evidence] = [b["text"]["text"] for b in document["blocks"] if b["text"]["text"].startswith("```&lt;!")]
    assert evidence.count("`") == 6, "nobody gets out of the fence"


@pytest.mark.parametrize("size", [10, 10_000])
def test_a_section_of_slack_is_never_too_long(size: int) -> None:
    document = json.loads(slack.worded(SLACK, bulletin(evidence=("<" * size,)), NOON).body)
    assert max(len(block["text"]["text"]) for block in document["blocks"]) <= 3_000


def test_apprise_has_a_title_and_plain_lines() -> None:
    title, body = apprise.text(bulletin(state="resolved"))
    assert title.startswith("[RESOLVED] INC-1")
    assert "203.0.113.7 to Microsoft: 1200/h to 300/h" in body.splitlines()
