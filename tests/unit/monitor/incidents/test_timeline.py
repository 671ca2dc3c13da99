"""What happened to an IP, in order."""

from datetime import timedelta

from core.reading import Reading, Source, Status
from monitor.incidents.timeline import Entry, EntryKind, Records, timeline
from storage.orders import Order, OrderKind
from storage.readings import Stretch
from tests.unit.monitor.watching import IP, START, clean, listed, score

HOUR = timedelta(hours=1)
NOW = START + 48 * HOUR


def told(records: Records) -> list[str]:
    return [entry.text for entry in timeline(records, NOW, START)]


def stretch(reading: Reading) -> Stretch:
    return Stretch(reading, reading.observed_at, reading.observed_at, 1)


def replied(hour: int, status: Status, detail: str) -> Stretch:
    at = START + hour * HOUR
    reading = Reading(
        ip=IP, source=Source.REPLIES, metric="yahoo:blocks", period_start=at, period_end=at, observed_at=at,
        status=status, detail=detail,
    )  # fmt: skip
    return stretch(reading)


def order(**more: object) -> Order:
    base = {
        "id": 3, "kind": OrderKind.FREEZE, "source_ip": IP, "author": "kim", "reason": "audit",
        "created_at": START + HOUR,
    }  # fmt: skip
    return Order.model_validate(base | more)


def test_an_answer_is_told_with_the_one_before_it_and_only_when_it_differs() -> None:
    answers = [clean(START), listed(START + HOUR), listed(START + 2 * HOUR), clean(START + 3 * HOUR)]
    assert told(Records(stretches=[stretch(one) for one in answers])) == [
        "Spamhaus ZEN: not listed",
        "Spamhaus ZEN: listed: SBL [127.0.0.2] (bad), was not listed",
        "Spamhaus ZEN: not listed, was listed: SBL [127.0.0.2] (bad)",
    ]


def test_of_hourly_counts_only_the_verdicts_are_told() -> None:
    hours = [
        replied(0, Status.GOOD, "none"), replied(1, Status.GOOD, "1 of 900 recipients"),
        replied(2, Status.BAD, "200 of 900 recipients"), replied(3, Status.BAD, "300 of 900 recipients"),
    ]  # fmt: skip
    assert told(Records(stretches=hours)) == [
        "blocks at yahoo: none",
        "blocks at yahoo: 200 of 900 recipients (bad), was 1 of 900 recipients",
    ]


def test_an_order_is_given_and_runs_out_or_is_withdrawn() -> None:
    what = "order 3, change nothing on this scope"
    given = f"{what}, by kim: audit"
    assert told(Records(orders=[order()])) == [given]
    assert told(Records(orders=[order(expires_at=START + 3 * HOUR)])) == [given, f"{what}, ran out"]
    gone = order(expires_at=START + 5 * HOUR, withdrawn_at=START + 2 * HOUR)
    assert told(Records(orders=[gone])) == [given, f"{what}, was withdrawn"]
    assert told(Records(orders=[order(expires_at=NOW + HOUR)])) == [given]


def test_series_of_different_sources_do_not_mix_and_time_orders_them() -> None:
    found = timeline(
        Records(stretches=[stretch(score(1, 90)), stretch(clean(START))], orders=[order()]), NOW, START
    )
    assert found == [
        Entry(START, EntryKind.READING, "Spamhaus ZEN: not listed"),
        Entry(START + HOUR, EntryKind.OPERATOR, "order 3, change nothing on this scope, by kim: audit"),
        Entry(START + 24 * HOUR, EntryKind.READING, "Sender Score: 90"),
    ]


def test_what_was_before_the_asked_time_is_left_out_but_known() -> None:
    answers = Records(stretches=[stretch(clean(START)), stretch(listed(START + HOUR))])
    (entry,) = timeline(answers, NOW, START + HOUR)
    assert entry.text.endswith("was not listed")


def test_remote_words_are_one_printable_line() -> None:
    evil = listed(START).model_copy(update={"detail": "listed\x1b[31m\r\nBcc: all@example.com"})
    (text,) = told(Records(stretches=[stretch(evil)]))
    assert text.isprintable()
