"""What an answer of a DNS list means: the whole table, and the promises behind it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.reading import Quality, Status
from monitor.catalogue import ListingSeverity, Zone, shipped
from monitor.collectors.answers import classify
from monitor.resolver import Answer, AnswerKind


def zone(name: str) -> Zone:
    found = shipped().find(name)
    assert found is not None
    return found


ZEN = zone("zen.spamhaus.org")
KARMA = zone("hostkarma.junkemailfilter.com")
MAILSPIKE = zone("rep.mailspike.net")
ANYTHING_GOES = zone("bl.0spam.org")
BITS = zone("bl.score.senderscore.com")


def addresses(*found: str) -> Answer:
    return Answer(AnswerKind.ADDRESSES, found, 60)


@pytest.mark.parametrize(
    ("asked", "answer", "status", "quality", "codes", "tier"),
    [
        (ZEN, Answer(AnswerKind.NXDOMAIN), Status.GOOD, Quality.OK, (), None),
        (ZEN, Answer(AnswerKind.NODATA), Status.UNKNOWN, Quality.ERROR, (), None),
        (ZEN, Answer(AnswerKind.SERVFAIL), Status.UNKNOWN, Quality.ERROR, (), None),
        (ZEN, Answer(AnswerKind.REFUSED), Status.UNKNOWN, Quality.ERROR, (), None),
        (ZEN, Answer(AnswerKind.TIMEOUT), Status.UNKNOWN, Quality.ERROR, (), None),
        (ZEN, Answer(AnswerKind.OTHER), Status.UNKNOWN, Quality.ERROR, (), None),
        (ZEN, Answer(AnswerKind.ADDRESSES), Status.UNKNOWN, Quality.ERROR, (), None),
        (ZEN, addresses("127.0.0.2"), Status.BAD, Quality.OK, ("127.0.0.2",), 1),
        (ZEN, addresses("127.0.0.3"), Status.BAD, Quality.OK, ("127.0.0.3",), 1),
        (ZEN, addresses("127.0.0.4"), Status.BAD, Quality.OK, ("127.0.0.4",), 1),
        (ZEN, addresses("127.0.0.10"), Status.BAD, Quality.OK, ("127.0.0.10",), 3),
        (ZEN, addresses("127.0.0.11", "127.0.0.4"), Status.BAD, Quality.OK, ("127.0.0.4", "127.0.0.11"), 1),
        (ZEN, addresses("127.0.0.9", "127.0.0.2"), Status.BAD, Quality.OK, ("127.0.0.2", "127.0.0.9"), 1),
        (ZEN, addresses("127.0.0.2", "127.0.0.99"), Status.BAD, Quality.OK, ("127.0.0.2",), 1),
        (ZEN, addresses("127.0.0.99"), Status.UNKNOWN, Quality.ERROR, (), None),
        (ZEN, addresses("127.0.1.2"), Status.UNKNOWN, Quality.ERROR, (), None),
        (ZEN, addresses("127.255.255.254"), Status.UNKNOWN, Quality.ERROR, (), None),
        (ZEN, addresses("127.0.0.2", "127.255.255.254"), Status.UNKNOWN, Quality.ERROR, (), None),
        (ZEN, addresses("203.0.113.80"), Status.UNKNOWN, Quality.INVALID_SOURCE, (), None),
        (ZEN, addresses("127.0.0.2", "203.0.113.80"), Status.UNKNOWN, Quality.INVALID_SOURCE, (), None),
        (zone("b.barracudacentral.org"), addresses("127.0.0.2"), Status.BAD, Quality.OK, ("127.0.0.2",), 2),
        (zone("bl.spamcop.net"), addresses("127.0.0.2"), Status.BAD, Quality.OK, ("127.0.0.2",), 2),
        (zone("dnsbl-1.uceprotect.net"), addresses("127.0.0.2"), Status.BAD, Quality.OK, ("127.0.0.2",), 2),
        (zone("dnsbl-3.uceprotect.net"), addresses("127.0.0.2"), Status.WARN, Quality.OK, ("127.0.0.2",), 3),
        (zone("dyna.spamrats.com"), addresses("127.0.0.36"), Status.BAD, Quality.OK, ("127.0.0.36",), 3),
        (KARMA, addresses("127.0.0.1"), Status.GOOD, Quality.OK, (), None),
        (KARMA, addresses("127.0.0.5"), Status.GOOD, Quality.OK, (), None),
        (KARMA, addresses("127.0.0.2"), Status.WARN, Quality.OK, ("127.0.0.2",), 3),
        (KARMA, addresses("127.0.0.3", "127.0.0.4"), Status.WARN, Quality.OK, ("127.0.0.4",), 3),
        (KARMA, addresses("127.0.0.1", "127.0.0.77"), Status.UNKNOWN, Quality.ERROR, (), None),
        (MAILSPIKE, addresses("127.0.0.10"), Status.BAD, Quality.OK, ("127.0.0.10",), 2),
        (MAILSPIKE, addresses("127.0.0.12"), Status.WARN, Quality.OK, ("127.0.0.12",), 3),
        (MAILSPIKE, addresses("127.0.0.15"), Status.GOOD, Quality.OK, (), None),
        (MAILSPIKE, addresses("127.0.0.20"), Status.GOOD, Quality.OK, (), None),
        (ANYTHING_GOES, addresses("127.0.0.61"), Status.WARN, Quality.OK, ("127.0.0.61",), 3),
        (ANYTHING_GOES, addresses("127.0.1.61"), Status.UNKNOWN, Quality.ERROR, (), None),
        # a bit field: .1 is "bot" here, not "white"
        (BITS, addresses("127.0.0.1"), Status.BAD, Quality.OK, ("127.0.0.1",), 2),
    ],
)
def test_the_table_of_answers(
    asked: Zone, answer: Answer, status: Status, quality: Quality, codes: tuple[str, ...], tier: int | None
) -> None:
    verdict = classify(asked, answer)
    assert (verdict.status, verdict.quality, verdict.codes, verdict.tier) == (status, quality, codes, tier)


@pytest.mark.parametrize(
    ("address", "meaning"),
    [
        ("127.255.255.252", "typing error in the zone name"),
        ("127.255.255.254", "public resolver"),
        ("127.255.255.255", "too many queries"),
        ("127.255.255.250", "invalid/unknown DQS key"),
        ("127.255.255.1", "no reason known"),
    ],
)
def test_an_error_code_says_what_was_wrong(address: str, meaning: str) -> None:
    verdict = classify(zone("{key}.zen.dq.spamhaus.net"), addresses(address))
    assert verdict.detail.startswith("query refused: ")
    assert meaning in verdict.detail


@pytest.mark.parametrize("name", [z.zone for z in shipped().zones])
def test_no_zone_takes_an_error_code_or_a_parked_address_for_a_listing(name: str) -> None:
    for address in ("127.255.255.252", "127.255.255.254", "127.255.255.255", "203.0.113.80"):
        assert classify(zone(name), addresses(address)).status is Status.UNKNOWN


octet = st.integers(0, 255)


@given(found=st.lists(st.tuples(octet, octet, octet, octet), min_size=1, max_size=4))
def test_only_a_known_code_inside_loopback_is_ever_bad(found: list[tuple[int, ...]]) -> None:
    texts = tuple(".".join(map(str, parts)) for parts in found)
    verdict = classify(ZEN, addresses(*texts))
    if verdict.status is not Status.UNKNOWN:
        assert verdict.status is Status.BAD
        assert set(verdict.codes) <= set(ZEN.codes)
        assert all(text.startswith("127.") for text in texts)


@given(st.permutations(["127.0.0.2", "127.0.0.9", "127.0.0.10", "127.0.0.4"]))
def test_the_order_of_records_changes_nothing(shuffled: list[str]) -> None:
    assert classify(ZEN, addresses(*shuffled)) == classify(ZEN, addresses(*sorted(shuffled)))


def test_severity_is_the_worst_of_the_codes() -> None:
    verdict = classify(ZEN, addresses("127.0.0.10", "127.0.0.3"))
    assert verdict.severity is ListingSeverity.CRITICAL
