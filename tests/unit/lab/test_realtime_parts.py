"""The parts of the toy world behind real servers: whose mail it is, the words, the books, the reports."""

from datetime import UTC, datetime
from ipaddress import ip_address

import numpy as np
import pytest

from engine.classification import ReplyClass, shipped_catalogue
from engine.mail import reports
from engine.mail.trace import traces_in
from lab.judge import Verdict
from lab.realtime import complaints, mail, manners
from lab.realtime.books import Books
from lab.realtime.complaints import Complainants
from lab.realtime.mail import CAMPAIGN, ORDINARY, Mailbox
from lab.realtime.sources import CSS, SPAMCOP, Sources
from lab.simulation import physics, scenarios
from lab.simulation.physics import BAD, GOOD, HOURS, MICROSOFT, STEPS_PER_HOUR, Physics
from lab.simulation.scenarios import GOOD_DEAD, SPAM_BURST, Scenario, Script, generator
from lab.simulation.signals import Complaints, Signals, SndsDay, thinned
from lab.snds import SndsBook
from lab.snds_faults import SndsBehaviour
from lab.snds_server import SndsServer
from lab.zones import Zones

IP = ip_address("203.0.113.7")
TRACE = "0123456789abcdef01234567"
HEADER = f"Received: from a by mta.lab.test with ESMTP id {TRACE};\r\n Wed\r\nSubject: hello".encode()


def script(scenario: Scenario = Scenario.BAD_BURST) -> Script:
    return scenarios.write(scenario, (1,), 4)


def test_the_providers_stand_in_the_simulations_order() -> None:
    assert tuple(who.ident for who in manners.PROVIDERS) == physics.PROVIDERS


@pytest.mark.parametrize("who", manners.PROVIDERS, ids=lambda who: who.ident)
def test_every_refusal_is_understood_to_be_about_the_ip_and_none_ends_the_connection(
    who: manners.Provider,
) -> None:
    for verdict in set(Verdict) - {Verdict.ACCEPT}:
        text = who.replies[verdict].format(ip=IP)
        code = int(text[:3])
        kind = shipped_catalogue().classify(who.ident, code, text)
        assert kind in {ReplyClass.REPUTATION_DEFERRAL, ReplyClass.BLOCK}
        assert (code // 100 == 5) == (verdict is Verdict.BLOCKED)
        assert code != 421
    blocked = who.replies[Verdict.BLOCKED].format(ip=IP)
    assert shipped_catalogue().classify(who.ident, int(blocked[:3]), blocked) is ReplyClass.BLOCK


def test_what_is_offered_is_the_script_for_a_smaller_sender_with_its_dead_mailboxes() -> None:
    story, worth = script(), 10.0
    step = int(story.bad_from[0]) + 3
    offered = mail.streams(story, step, worth)
    good, bad = (story.arrivals[0, step, :, kind].sum() / HOURS / worth for kind in (GOOD, BAD))

    def recipients(job: str, mailbox: Mailbox) -> float:
        return sum(s.per_hour * s.recipients for s in offered[job] if s.mailbox == mailbox)

    assert recipients(ORDINARY, Mailbox.READER) == pytest.approx(good)
    assert recipients(ORDINARY, Mailbox.NOBODY) == pytest.approx(good * GOOD_DEAD)
    assert recipients(CAMPAIGN, Mailbox.STALE) == pytest.approx(bad * SPAM_BURST.dead)
    assert recipients(CAMPAIGN, Mailbox.LEAD) == pytest.approx(bad * (1 - SPAM_BURST.dead))
    before = mail.streams(story, step - 12, worth)
    assert [s.domain for s in before[CAMPAIGN]] == [s.domain for s in offered[CAMPAIGN]]
    assert not any(s.per_hour for s in before[CAMPAIGN])


def test_an_address_tells_whose_mail_it_is() -> None:
    assert Mailbox.of("stale123@otherwise.test") is Mailbox.STALE
    assert [m for m in Mailbox if m.kind == BAD] == [Mailbox.LEAD, Mailbox.STALE]
    with pytest.raises(ValueError, match="ada"):
        Mailbox.of("ada1@otherwise.test")


def test_the_books_count_what_came_what_was_delivered_lost_and_waits() -> None:
    books = Books()
    books.arrived(
        [
            "reader1@x.test",
            "reader2@x.test",
            "nobody3@x.test",
            "lead4@x.test",
            "stale5@x.test",
            "lead6@x.test",
        ]
    )
    books.delivered("reader1@x.test")
    for address, verdict in (
        ("reader2@x.test", Verdict.BLOCKED), ("nobody3@x.test", Verdict.BLOCKED), ("stale5@x.test", Verdict.ACCEPT),
        ("lead4@x.test", Verdict.BARRED),
    ):  # fmt: skip
        books.answered(address, verdict)
    books.pass_step()
    np.testing.assert_array_equal(books.ledger.arrived, [[2, 3]])
    np.testing.assert_array_equal(books.ledger.delivered, [[1, 0]])
    np.testing.assert_array_equal(books.ledger.lost, [[1, 1]])
    np.testing.assert_allclose(books.ledger.waited, [[0, 2 * HOURS]])
    books.purged()
    np.testing.assert_array_equal(books.ledger.lost, [[1, 3]])


def test_people_complain_about_what_they_got_and_about_unwanted_mail_above_all() -> None:
    people = Complainants(script(), generator(1, 4))
    for n in range(40):
        people.got(MICROSOFT, 9, f"reader{n}@x.test", HEADER + b"\r\n\r\nbody")
        people.got(MICROSOFT, 9, f"lead{n}@x.test", HEADER + b"\r\n\r\nbody")
    about = list(people.pick(Complaints(MICROSOFT, 9, 30)))
    assert len({recipient for recipient, _ in about}) == 30
    assert sum(recipient.startswith("lead") for recipient, _ in about) > 20
    assert {header for _, header in about} == {HEADER}
    assert list(people.pick(Complaints(MICROSOFT, 10, 3))) == []
    people.forget(9 + 73)
    assert list(people.pick(Complaints(MICROSOFT, 9, 3))) == []


def test_a_report_is_one_that_the_engine_reads() -> None:
    made = complaints.report(
        "c-1", manners.PROVIDERS[0], str(IP), "fbl@mta.lab.test", ("lead7@x.test", HEADER)
    )
    (read,) = reports.read(made.content)
    assert isinstance(read, reports.Complaint)
    assert (read.feedback_type, read.recipients, read.source_ip) == ("abuse", ("lead7@x.test",), str(IP))
    assert read.traces == tuple(traces_in(f"id {TRACE}"))


def test_of_complaints_a_small_sender_gets_its_share() -> None:
    many = [Complaints(MICROSOFT, hour, 500) for hour in range(4)]
    left = thinned(many, 10.0, generator(1, 2))
    assert 100 < sum(one.count for one in left) < 300
    assert thinned(many, 1.0, generator(1, 2)) == many


@pytest.fixture
def sources() -> Sources:
    story = script(Scenario.FALSE_LISTING)
    signals = Signals(Physics(), None, generator(1, 1))
    beginning = datetime(2026, 3, 2, tzinfo=UTC)
    made = Sources(IP, signals, story, beginning, 10.0, Zones(), "score.test", SndsServer(SndsBook(), "key"))
    made.zones.add_blocklist("score.test")
    made.open()
    return made


def listed(sources: Sources, zone: str) -> tuple[str, ...]:
    return sources.zones.ask(f"7.113.0.203.{zone}", "A").records


def test_dns_lists_the_ip_while_a_list_does_and_while_it_errs(sources: Sources) -> None:
    sources.signals.lists.spamcop.detect(10.0, 1.0, 24.0)
    seen = {}
    for hour in (10, 12, 40):
        sources.publish(hour * STEPS_PER_HOUR)
        seen[hour] = listed(sources, SPAMCOP)
    assert seen == {10: (), 12: ("127.0.0.2",), 40: ()}
    errs = int(sources.script.false_from[0])
    for step, answer in ((errs - 1, ()), (errs, ("127.0.0.3",)), (errs + 6 * STEPS_PER_HOUR, ())):
        sources.publish(step)
        assert listed(sources, CSS) == answer


def test_a_day_at_snds_is_published_when_it_is_due_in_the_senders_numbers(sources: Sources) -> None:
    sources.signals._rows.append((30.0, SndsDay(0, 20_000, 0.4, 0.012, 3)))
    sources.publish(29 * STEPS_PER_HOUR)
    assert sources.snds.book.rows() == []
    sources.publish(30 * STEPS_PER_HOUR)
    (row,) = sources.snds.book.rows()
    assert (row.ip, row.recipients, row.filter_result, row.trap_hits) == (IP, 2_000, "YELLOW", 3)
    assert row.start == datetime(2026, 3, 2)


def test_a_score_is_published_at_six_in_the_morning(sources: Sources) -> None:
    sources.publish(5 * STEPS_PER_HOUR)
    assert listed(sources, "score.test") == ()
    sources.publish(6 * STEPS_PER_HOUR)
    (score,) = listed(sources, "score.test")
    assert score.startswith("127.0.4.9")


def test_snds_errs_while_the_script_says_so(sources: Sources) -> None:
    blind = script(Scenario.SNDS_OUTAGE)
    blind.blind_from[0] = 24
    also = Sources(
        IP, sources.signals, blind, sources.beginning, 10.0, sources.zones, "score.test", sources.snds
    )
    also.publish(24)
    assert sources.snds.behaviour is SndsBehaviour.ERROR
    also.publish(23)
    assert sources.snds.behaviour is SndsBehaviour.NORMAL
