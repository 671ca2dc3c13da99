"""Modes and source IPs of a queue: what moves them, what people are told, what is remembered."""

from datetime import timedelta

from core.address import SourceIp
from core.clock import NANOSECONDS, ManualClock
from engine.directives import DEFAULTS, DomainSettings
from engine.queue.conduct import Conduct
from engine.queue.modes import ModeEvent, QueueMode
from engine.queue.queue import NEVER, Lane, Parent, Queue


class Told:
    """What a Conduct did."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.changes: list[Queue] = []
        self.mails: list[tuple[tuple[str, ...], str, str]] = []
        self.conduct = Conduct(self.clock, self.changes.append, lambda *mail: self.mails.append(mail))


def queue_of(*addresses: str, **directives: object) -> Queue:
    queue = Queue("d.test", "v", DomainSettings.model_construct(**{**dict(DEFAULTS), **directives}), {})
    queue.lanes = [Lane(queue, Parent(SourceIp.model_validate(a), "other")) for a in addresses]
    return queue


def test_backoff_remembers_pattern_and_reply_and_ends_by_its_time() -> None:
    told, queue = Told(), queue_of("10.0.0.1", backoff_to_normal_after=timedelta(minutes=30))
    cause = told.conduct.cause(queue, "/TSS04/", "421 [TSS04]", "mx.test", "10.0.0.1")
    told.conduct.set_mode(queue, ModeEvent.BACKOFF_PATTERN, cause)
    assert queue.mode is QueueMode.BACKOFF
    assert queue.backoff == cause
    assert queue.backoff_until == 30 * 60 * NANOSECONDS
    assert queue.insight.mode_changes[-1].cause == "a reply matched a backoff pattern: /TSS04/ ← 421 [TSS04]"
    told.conduct.set_mode(queue, ModeEvent.TIMER)
    assert (queue.mode, queue.backoff, queue.backoff_until) == (QueueMode.NORMAL, None, NEVER)
    assert told.changes == [queue, queue]


def test_events_name_the_queue_its_provider_and_the_ip() -> None:
    heard: list[tuple[str, dict[str, object]]] = []
    told, queue = Told(), queue_of("10.0.0.1", "10.0.0.2")
    told.conduct.happened = lambda kind, **fields: heard.append((kind, fields))
    queue.provider = "yahoo"
    told.conduct.disable_source(queue, "10.0.0.1", "/block/", "550 blocked")
    told.conduct.set_mode(queue, ModeEvent.BACKOFF_PATTERN)
    told.conduct.enable_source(queue, "10.0.0.1")
    assert [kind for kind, _ in heard] == ["source.disabled", "queue.mode", "source.enabled"]
    assert {fields["provider"] for _, fields in heard} == {"yahoo"}
    assert {fields["queue"] for _, fields in heard} == {"d.test/v"}
    assert [fields.get("source_ip") for _, fields in heard] == ["10.0.0.1", None, "10.0.0.1"]


def test_a_patterns_own_time_beats_the_directive() -> None:
    told, queue = Told(), queue_of("10.0.0.1", backoff_to_normal_after=timedelta(hours=8))
    cause = told.conduct.cause(queue, "/x/", "421", lasts=timedelta(minutes=5))
    assert cause.until == told.clock.now() + timedelta(minutes=5)


def test_an_event_that_means_nothing_is_not_a_change() -> None:
    told, queue = Told(), queue_of("10.0.0.1")
    told.conduct.set_mode(queue, ModeEvent.DELIVERY)
    assert told.changes == []
    assert queue.insight.mode_changes == ()


def test_a_disabled_source_ip_is_remembered_with_its_reason_and_end() -> None:
    told, queue = Told(), queue_of("10.0.0.1", "10.0.0.2", reenable_source_ip_after=timedelta(hours=1))
    told.conduct.disable_source(queue, "10.0.0.1", "/blocked/", "550 blocked")
    disabled = queue.disabled["10.0.0.1"]
    assert (disabled.pattern, disabled.reply) == ("/blocked/", "550 blocked")
    assert disabled.until == told.clock.now() + timedelta(hours=1)
    assert queue.disabled_until == {"10.0.0.1": 3_600 * NANOSECONDS}
    assert queue.mode is QueueMode.NORMAL
    told.conduct.enable_source(queue, "10.0.0.1")
    assert queue.disabled == queue.disabled_until == {}


def test_without_an_end_a_source_ip_stays_out_until_it_is_enabled_by_hand() -> None:
    told, queue = Told(), queue_of("10.0.0.1")
    told.conduct.disable_source(queue, "10.0.0.1", "by anna", "test")
    assert queue.disabled_until == {"10.0.0.1": NEVER}


def test_the_last_source_ip_takes_the_queue_into_backoff_and_its_return_does_not_end_it() -> None:
    told, queue = Told(), queue_of("10.0.0.1", "10.0.0.2", backoff_upon_all_sources_disabled=True)
    told.conduct.disable_source(queue, "10.0.0.1", "/x/", "550")
    assert queue.mode is QueueMode.NORMAL
    told.conduct.disable_source(queue, "10.0.0.2", "/x/", "550")
    assert queue.mode is QueueMode.BACKOFF
    told.conduct.enable_source(queue, "10.0.0.2")
    assert queue.mode is QueueMode.BACKOFF


def test_people_are_told_of_both() -> None:
    told = Told()
    queue = queue_of("10.0.0.1", backoff_notify=("a@x.test",), disabled_source_ip_notify=("b@x.test",))
    told.conduct.set_mode(queue, ModeEvent.SET_BACKOFF, told.conduct.cause(queue, "by anna", "VIP call"))
    told.conduct.disable_source(queue, "10.0.0.1", "/x/", "550 no")
    assert [(people, subject) for people, subject, _ in told.mails] == [
        (("a@x.test",), "d.test/v is in backoff mode"),
        (("b@x.test",), "10.0.0.1 is disabled for d.test/v"),
    ]
