"""The small parts around queues: modes, providers, limiters by name, reception, statistics."""

import random
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from itertools import product

import pytest

from core.clock import NANOSECONDS
from core.provider import OTHER
from core.rate import Rate
from engine.classification import ReplyClass
from engine.delivery.routing import Host, order, split_host
from engine.providers import SHIPPED_PROVIDERS, ProviderMap
from engine.queue.modes import TRANSITIONS, ModeEvent, QueueMode, after
from engine.reception import read_instructions, received_field
from engine.shaping.limiters import Limiters, Start
from engine.smtp.message import ReceivedMessage
from engine.statistics import Statistics

NOW = datetime(2026, 11, 23, 12, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(("mode", "event"), list(product(QueueMode, ModeEvent)))
def test_every_mode_answers_every_event(mode: QueueMode, event: ModeEvent) -> None:
    wanted = {
        QueueMode.NORMAL: {
            ModeEvent.BACKOFF_PATTERN,
            ModeEvent.ALL_SOURCES_DISABLED,
            ModeEvent.SET_BACKOFF,
        },
        QueueMode.BACKOFF: {
            ModeEvent.NORMAL_PATTERN,
            ModeEvent.DELIVERY,
            ModeEvent.TIMER,
            ModeEvent.SET_NORMAL,
        },
    }
    moved = after(mode, event)
    assert (moved is not mode) == (event in wanted[mode])
    assert event not in TRANSITIONS[mode] or TRANSITIONS[mode][event] is moved


@pytest.mark.parametrize(
    ("mx", "provider"),
    [
        ("outlook-com.olc.protection.outlook.com", "microsoft"),
        ("example-com.mail.protection.outlook.com", "office365"),
        ("alt1.gmail-smtp-in.l.google.com.", "google"),
        ("ASPMX.L.GOOGLE.COM", "google"),
        ("mta5.am0.yahoodns.net", "yahoo"),
        ("mx.example.org", OTHER),
        ("outlook.com.evil.test", OTHER),
    ],
)
def test_domains_roll_up_to_providers_by_their_mx(mx: str, provider: str) -> None:
    assert ProviderMap(SHIPPED_PROVIDERS).provider([mx]) == provider


def test_hosts_are_read_with_and_without_ports() -> None:
    assert split_host("mx.test", 25) == Host("mx.test", 25)
    assert split_host("127.0.0.1:2601", 25) == Host("127.0.0.1", 2601)
    assert split_host("[::1]:2601", 25) == Host("::1", 2601)
    assert split_host("::1", 25) == Host("::1", 25)


def test_mx_hosts_are_tried_by_preference() -> None:
    names = order([(20, "c"), (10, "a"), (10, "b")], random.Random(1))
    assert set(names[:2]) == {"a", "b"}
    assert names[2] == "c"


def test_after_a_crash_every_window_is_taken_to_be_full() -> None:
    limiters = Limiters(started=0, start=Start.CRASHED)
    assert limiters.take("k", Rate(100, 60), 0).available(0) == 0
    assert limiters.take("later", Rate(100, 60), NANOSECONDS).available(NANOSECONDS) == 1


def test_a_saved_debt_is_taken_back_less_the_time_away() -> None:
    before = Limiters(started=0)
    limiter = before.take("k", Rate(10, 60), 0)
    limiter.reserve(1, 0)
    debt = before.debts(0)["k"]
    after_ = Limiters(started=0, start=Start.RESTORED, saved={"k": debt - 3 * NANOSECONDS})
    assert after_.take("k", Rate(10, 60), 0).ready_at(0) == limiter.ready_at(0) - 3 * NANOSECONDS


def test_a_new_rate_keeps_the_limiter() -> None:
    limiters = Limiters(started=0)
    first = limiters.take("k", Rate(10, 60), 0)
    first.reserve(1, 0)
    assert limiters.take("k", Rate(1000, 60), 0) is first
    assert first.available(0) == 0


def test_submitters_instructions_are_taken_out_of_the_header_only() -> None:
    content = b"X-Virtual-MTA: blue\r\nSubject: x\r\nx-job: j1\r\n\r\nX-Job: not me\r\n"
    asked = read_instructions(content)
    assert (asked.vmta, asked.job) == ("blue", "j1")
    assert asked.content == b"Subject: x\r\n\r\nX-Job: not me\r\n"


def test_a_message_without_instructions_is_not_copied() -> None:
    content = b"Subject: x\r\nReceived: a\r\n\r\nbody\r\n"
    asked = read_instructions(content)
    assert asked.content is content
    assert asked.hops == 1


def test_the_received_field_names_peer_helo_and_time() -> None:
    message = ReceivedMessage(ip_address("2001:db8::1"), "client.test", "", ("a@b.test",), b"")
    field = received_field(message, str(message.peer), "mta.test", NOW.timestamp(), bytes(range(12))).decode()
    assert field.startswith(
        "Received: from client.test ([IPv6:2001:db8::1])\r\n\tby mta.test with ESMTP"
        " id 000102030405060708090a0b;\r\n"
    )
    assert field.endswith("Mon, 23 Nov 2026 12:00:30 +0000\r\n")


def test_statistics_count_each_reply_once_in_its_minute() -> None:
    source, stats, at = ip_address("203.0.113.7"), Statistics(), NOW.timestamp()
    stats.attempted(source, "yahoo", 3, at)
    stats.answered(source, "yahoo", ReplyClass.DELIVERED, "250 ok", at)
    stats.answered(source, "yahoo", ReplyClass.REPUTATION_DEFERRAL, "421 TSS04", at)
    stats.answered(source, "yahoo", ReplyClass.BLOCK, "553 BL21", at)
    (row,) = stats.since(NOW - timedelta(hours=1))
    assert (row.attempted, row.delivered, row.deferred, row.bounced) == (3, 1, 1, 1)
    assert (row.reputation_deferred, row.blocked, row.last_reply) == (1, 1, "553 BL21")
    assert row.minute == NOW.replace(second=0)
    assert stats.since(NOW + timedelta(minutes=1)) == []


def test_every_kind_of_reply_is_counted_once_and_only_those_about_the_ip_against_it() -> None:
    source, stats, at = ip_address("203.0.113.7"), Statistics(), NOW.timestamp()
    for kind in ReplyClass:
        stats.answered(source, "yahoo", kind, str(kind), at)
    (row,) = stats.since(NOW)
    assert row.delivered + row.deferred + row.bounced == len(ReplyClass)
    assert (row.reputation_deferred, row.blocked, row.hard_bounced) == (1, 1, 1)
    assert (row.domain_replies, row.content_replies) == (2, 2)
    assert row.last_reply == ReplyClass.BLOCK  # what is about the domain is no evidence against the IP


def test_statistics_older_than_two_days_are_dropped() -> None:
    source, stats = ip_address("203.0.113.7"), Statistics()
    stats.attempted(source, "yahoo", 1, NOW.timestamp())
    stats.attempted(source, "yahoo", 1, (NOW + timedelta(hours=49)).timestamp())
    assert len(stats.since(NOW - timedelta(days=9))) == 1


def test_restored_statistics_equal_the_saved_ones() -> None:
    source, stats = ip_address("203.0.113.7"), Statistics()
    stats.answered(source, "yahoo", ReplyClass.REPUTATION_DEFERRAL, "421 TSS04", NOW.timestamp())
    copy = Statistics()
    copy.restore(stats.since(NOW))
    assert copy.since(NOW) == stats.since(NOW)
