"""Remote replies: what they are about, which patterns they match, what becomes of the recipient."""

from datetime import timedelta
from importlib import resources

import pytest
import yaml

from core.errors import OperatorError
from engine.classification import ReplyClass, shipped_catalogue
from engine.delivery.outcome import Fate, judge, lane_wait, wait_after
from engine.directives import DEFAULTS
from engine.patterns import PatternAction, PatternList
from engine.settings import SHIPPED_PATTERNS, ReplyPattern
from engine.smtp.reply import Reply, Speaker, local

TSS04 = "421 4.7.0 [TSS04] Messages from 192.0.2.9 temporarily deferred due to unexpected volume or user complaints"


def test_every_entry_of_the_catalogue_finds_its_own_sample() -> None:
    text = resources.files("engine").joinpath("data/smtp_replies.yaml").read_text("utf-8")
    for entry in yaml.safe_load(text)["patterns"]:
        provider = {"microsoft365": "office365"}.get(entry["provider"], entry["provider"])
        assert shipped_catalogue().find(provider, entry["sample"]) is not None, entry["id"]


@pytest.mark.parametrize(
    ("provider", "code", "text", "kind"),
    [
        ("yahoo", 250, "250 ok", ReplyClass.DELIVERED),
        ("yahoo", 421, TSS04, ReplyClass.REPUTATION_DEFERRAL),
        ("microsoft", 451, "451 4.7.650 The mail server [192.0.2.9] has been temporarily rate limited due to "
         "IP reputation.", ReplyClass.REPUTATION_DEFERRAL),
        ("microsoft", 550, "550 5.7.1 Unfortunately, messages from [192.0.2.9] weren't sent. Please contact your "
         "Internet service provider since part of their network is on our block list (S3150).", ReplyClass.BLOCK),
        ("google", 550, "550-5.1.1 The email account that you tried to reach does not exist.",
         ReplyClass.HARD_BOUNCE),
        ("google", 450, "450 4.2.1 The user you are trying to contact is receiving mail too quickly.",
         ReplyClass.DEFERRAL),
        ("other", 451, "451 4.7.1 Greylisted", ReplyClass.DEFERRAL),
        ("office365", 550, "550 5.7.513 Service unavailable, Client host [192.0.2.9] blocked by example.org "
         "using Customer Block list (AS16012607)", ReplyClass.BOUNCE),
    ],
)  # fmt: skip
def test_only_replies_about_the_ip_count_against_it(
    provider: str, code: int, text: str, kind: ReplyClass
) -> None:
    assert shipped_catalogue().classify(provider, code, text) is kind


def test_the_shipped_pattern_list_puts_a_queue_in_backoff_on_reputation_replies() -> None:
    patterns = PatternList("default", SHIPPED_PATTERNS["default"])
    match = patterns.match(TSS04)
    assert match is not None
    assert match.action is PatternAction.BACKOFF
    assert patterns.match("452 4.2.2 Mailbox full") is None


def test_the_first_pattern_that_matches_decides() -> None:
    lines = (
        ReplyPattern(reply="/greylist/", actions=("mode=normal",)),
        ReplyPattern(reply="/./", actions=("mode=backoff",)),
    )
    match = PatternList("own", lines).match("451 Greylisted")
    assert match is not None
    assert match.action is PatternAction.NORMAL


@pytest.mark.parametrize(
    ("reply", "actions", "says"),
    [
        ("TSS04", ("mode=backoff",), "must stand between slashes, like /TSS04/"),
        ("/(/", ("mode=backoff",), "is not a regular expression"),
        ("/x/", ("backoff",), "unknown action 'backoff'; write one of mode=backoff, mode=normal"),
        ("/x/", ("mode=backoff", "mode=normal"), "give one action"),
    ],
)
def test_a_bad_pattern_names_its_list_and_the_remedy(reply: str, actions: tuple[str, ...], says: str) -> None:
    with pytest.raises(OperatorError) as caught:
        PatternList("own", [ReplyPattern(reply=reply, actions=actions)])
    assert str(caught.value).startswith("smtp-pattern-list own")
    assert says in str(caught.value)


def verdict_of(reply: Reply, attempts: int = 1, age: timedelta = timedelta(0)) -> Fate:
    return judge(
        reply,
        provider="yahoo",
        attempts=attempts,
        age=age,
        settings=DEFAULTS,
        catalogue=shipped_catalogue(),
    ).fate


def test_the_fate_of_a_recipient_follows_from_the_reply_and_its_age() -> None:
    assert verdict_of(Reply(250, "2.0.0", ("ok",))) is Fate.DELIVERED
    assert verdict_of(Reply(451, "4.3.0", ("later",))) is Fate.DEFERRED
    assert verdict_of(Reply(421, "4.7.0", ("[TSS04] …",))) is Fate.TURNED_AWAY
    assert verdict_of(Reply(550, "5.1.1", ("no",))) is Fate.BOUNCED
    assert verdict_of(Reply(451, None, ("later",)), age=timedelta(days=5)) is Fate.EXPIRED
    assert verdict_of(local(451, "4.4.2", "connection lost")) is Fate.DEFERRED
    assert verdict_of(Reply(299, None, ("odd but positive",))) is Fate.DELIVERED


def test_a_lost_connection_is_never_counted_as_the_peers_opinion() -> None:
    verdict = judge(
        Reply(421, "4.7.0", ("[TSS04] made up by us",), Speaker.OURSELVES),
        provider="yahoo",
        attempts=1,
        age=timedelta(0),
        settings=DEFAULTS,
        catalogue=shipped_catalogue(),
    )
    assert verdict.kind is ReplyClass.DEFERRAL


def test_a_retry_schedule_read_as_a_whole() -> None:
    minutes = [timedelta(minutes=m) for m in (5, 10, 30)]
    assert [wait_after(minutes, n) for n in range(1, 6)] == [*minutes, minutes[-1], minutes[-1]]


def test_backoff_has_a_retry_schedule_of_its_own() -> None:
    assert lane_wait(DEFAULTS, 1, in_backoff=False) == timedelta(minutes=10)
    assert lane_wait(DEFAULTS, 1, in_backoff=True) == timedelta(hours=1)
