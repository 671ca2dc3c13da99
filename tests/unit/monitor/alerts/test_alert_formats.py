"""The forms that other monitors' alerts come in, read with patience and without trust."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.incident import Rule, Severity
from core.provider import EVERY
from monitor.alerts import body
from monitor.alerts.alert import Alert, AlertState, UnusableAlert
from tests.unit.monitor.alerts.alert_bodies import IP, NOW, OTHER_IP, context, firing, hetrix, posted, webhook


def one(document: Any, **settings: Any) -> Alert:
    parsed = body.read(document, context(**settings))
    assert parsed.refusals == ()
    (alert,) = parsed.alerts
    return alert


def refused(document: Any) -> str:
    parsed = body.read(document, context())
    assert parsed.alerts == ()
    return parsed.refusals[0].detail


def test_hetrixtools_weighs_a_listing_by_our_own_catalogue() -> None:
    alert = one([hetrix("zen.spamhaus.org", "bl.example.org", before=1)], hetrixtools_expires_after="7d")
    assert (alert.ip, alert.state, alert.rule) == (IP, AlertState.FIRING, Rule.DNSBL_LISTED)
    assert (alert.severity, alert.tier) == (Severity.CRITICAL, 1)
    assert alert.text == "listed on 2 (1 before): zen.spamhaus.org, bl.example.org"
    assert alert.facts["delist_url"] == "https://zen.spamhaus.org/remove"
    assert alert.until == NOW + timedelta(days=7)


@pytest.mark.parametrize(
    ("lists", "tier", "severity"),
    [
        (("bl.spamcop.net",), 2, Severity.WARNING),
        (("dnsbl-3.uceprotect.net",), 3, Severity.INFO),
        (("never.heard.of.example",), 3, Severity.INFO),
        (("zen.spamhaus.org", "pbl.spamhaus.org"), 3, Severity.INFO),
        (("zen.spamhaus.org", "pbl.spamhaus.org", "xbl.spamhaus.org"), 1, Severity.CRITICAL),
    ],
)
def test_a_list_that_few_receivers_use_is_told_only(
    lists: tuple[str, ...], tier: int, severity: Severity
) -> None:
    alert = one([hetrix(*lists)])
    assert (alert.tier, alert.severity) == (tier, severity)


def test_hetrixtools_says_that_it_is_over_with_a_null() -> None:
    assert one([hetrix(before=2)]).state is AlertState.RESOLVED


def test_a_count_without_names_is_still_a_listing() -> None:
    assert one([hetrix(now=3) | {"blacklisted_on": "many"}]).state is AlertState.FIRING


def test_a_hetrixtools_monitor_of_a_domain_is_refused_by_name() -> None:
    assert "“mail.example.com” is not an IP address" in refused([hetrix(ip="mail.example.com")])


def test_alertmanagers_webhook_is_read_by_labels() -> None:
    alert = one(webhook(firing()))
    assert (alert.ip, alert.provider, alert.severity) == (IP, "microsoft", Severity.CRITICAL)
    assert (alert.key, alert.state) == ("c6eadffa33fcdf37", AlertState.FIRING)
    assert alert.title == "203.0.113.7 DeferralsHigh, says watcher"
    assert alert.text == "8 % of mail to Outlook is deferred"
    assert alert.until == NOW + timedelta(hours=24)
    assert alert.facts["started"] == "2026-11-23T06:52:26.739266+00:00"


def test_a_resolved_alert_of_the_webhook_is_resolved_whatever_its_end_says() -> None:
    assert one(webhook(firing(status="resolved"))).state is AlertState.RESOLVED
    old = firing()
    del old["status"]
    assert one(webhook(old, status="resolved")).state is AlertState.RESOLVED


def test_another_version_of_the_webhook_is_not_guessed_at() -> None:
    assert "version 5 is not known" in refused(webhook(firing()) | {"version": "5"})


def test_alerts_that_alertmanager_cut_off_are_missed_aloud() -> None:
    parsed = body.read(webhook(firing()) | {"truncatedAlerts": 3}, context())
    assert len(parsed.alerts) == 1
    assert [(one.pointer, one.detail[:28]) for one in parsed.refusals] == [
        ("/truncatedAlerts", "3 more alerts were left out:")
    ]


def test_prometheus_own_alerts_end_by_their_own_time() -> None:
    alert = one([posted()])
    assert (alert.state, alert.until) == (AlertState.FIRING, NOW + timedelta(minutes=10))
    assert one([posted(endsAt="2026-11-23T09:00:00Z")]).until == NOW + timedelta(hours=1)
    assert one([posted(endsAt="2026-11-23T07:59:59Z")]).state is AlertState.RESOLVED
    assert one([posted(endsAt="2031-01-01T00:00:00Z")]).until == NOW + timedelta(days=30)


def test_without_a_fingerprint_the_labels_are_the_name_in_whatever_order() -> None:
    turned = posted(labels=dict(reversed(list(posted()["labels"].items()))))
    assert one([posted()]).key == one([turned]).key
    other = posted(labels=posted()["labels"] | {"provider": "gmail"})
    assert one([posted()]).key != one([other]).key


def test_the_plain_form_needs_an_ip_and_no_more() -> None:
    alert = one({"ip": "203.0.113.7"})
    assert (alert.severity, alert.provider, alert.key) == (Severity.WARNING, EVERY, "alert")
    full = one(
        {"ip": "[203.0.113.7]:25", "name": "bounces", "severity": "critical", "provider": "gmail",
         "state": "resolved", "summary": "9 %", "expires_in": "6h", "link": "https://m.example/1"},
    )  # fmt: skip
    assert (full.severity, full.provider, full.key) == (Severity.CRITICAL, "google", "bounces.google")
    assert (full.state, full.until) == (AlertState.RESOLVED, NOW + timedelta(hours=6))


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"ip": "203.0.113.99"}, "203.0.113.99 is none of the configured source IPs; add it under ip-lists"),
        ({"ip": "203.0.113.7", "severty": "critical"}, "unknown key “severty”"),
        ({"ip": "203.0.113.7", "severity": "bad"}, "severity “bad” is not known; write one of critical"),
        ({"ip": "203.0.113.7", "provider": "aws"}, "“aws” is no mailbox provider; the engine knows google"),
        ({"ip": "203.0.113.7", "state": "gone"}, "state is firing or resolved"),
        ({"ip": "203.0.113.7", "expires_in": "soon"}, "'soon' is not a duration"),
        ({"ip": "203.0.113.7", "expires_at": "tomorrow"}, "“tomorrow” is not a time"),
        ({"ip": ["203.0.113.7"]}, "no IP is named"),
        ({"labels": {"alertname": "x"}}, "none of the labels ip, source_ip, address, instance names an IP"),
        ({}, "not an alert of a known form"),
        ("text", "not an alert of a known form"),
        (None, "not an alert of a known form"),
    ],
)
def test_what_cannot_be_taken_is_refused_with_what_to_write_instead(document: Any, said: str) -> None:
    assert said in refused(document)


def test_one_bad_alert_does_not_spoil_the_others_and_is_pointed_at() -> None:
    parsed = body.read(
        {"alerts": [{"ip": "203.0.113.7"}, {"ip": "198.51.100.1"}, {"ip": "10.0.0.8"}]}, context()
    )
    assert [alert.ip for alert in parsed.alerts] == [IP, OTHER_IP]  # the last by the address of its socket
    assert [one.pointer for one in parsed.refusals] == ["/alerts/1"]


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe\x00", b"[" * 100_000, b"1" * 5_000, b"NaN {"])
def test_what_is_not_json_is_said_to_be_so(raw: bytes) -> None:
    with pytest.raises(UnusableAlert, match="not JSON"):
        body.decode(raw)


def test_hostile_text_is_inert() -> None:
    nasty = "a\x1b[2J\r\nBcc: x@example.com\u202e" + "b" * 10_000
    for document in (
        {"ip": "203.0.113.7", "name": nasty, "summary": nasty, "id": nasty, "link": nasty},
        webhook(firing(labels=firing()["labels"] | {"alertname": nasty, nasty: nasty}, fingerprint=nasty)),
        [hetrix(nasty) | {"label": nasty}],
    ):
        alert = one(document)
        everything = json.dumps([alert.key, alert.title, alert.text, dict(alert.facts)], ensure_ascii=False)
        assert everything.isprintable()
        assert len(alert.title) <= 160
        assert len(everything) < 4_000


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
WORDS = st.sampled_from(
    ["ip", "labels", "annotations", "monitor", "blacklisted_on", "blacklisted_now", "status", "state", "alerts",
     "version", "startsAt", "endsAt", "fingerprint", "severity", "provider", "instance", "rbl", "links",
     "expires_in", "expires_at", "203.0.113.7", "firing", "4", "0001-01-01T00:00:00+14:00", "critical"]
)  # fmt: skip
TREES = st.recursive(
    SCALARS | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=6),
    max_leaves=25,
)


@given(TREES)
def test_whatever_is_posted_every_item_is_taken_or_refused_and_nothing_is_raised(document: Any) -> None:
    parsed = body.read(document, context())
    for alert in parsed.alerts:
        assert alert.ip in {IP, OTHER_IP}
        assert NOW < alert.until <= NOW + timedelta(days=30)
        assert (alert.title + alert.text + alert.key).isprintable()
    for refusal in parsed.refusals:
        assert refusal.detail.isprintable()


@given(
    TREES, st.sampled_from([hetrix("zen.spamhaus.org"), firing(), posted(), {"ip": "203.0.113.7"}]), st.data()
)
def test_a_known_form_with_anything_in_one_place_raises_nothing(
    anything: Any, form: dict[str, Any], data: st.DataObject
) -> None:
    key = data.draw(st.sampled_from(sorted(form)))
    parsed = body.read([form | {key: anything}], context())
    assert len(parsed.alerts) + len(parsed.refusals) == 1
