"""Remote replies: what they are about, which patterns they match, what becomes of the recipient."""

from datetime import timedelta
from importlib import resources

import pytest
import yaml

from core.clock import NANOSECONDS
from core.errors import OperatorError
from core.rate import Rate
from engine.classification import ReplyClass, shipped_catalogue
from engine.delivery.outcome import Fate, Verdict, judge, lane_wait, overrule, wait_after
from engine.directives import DEFAULTS
from engine.patterns import SHIPPED, PatternAction, PatternList, Trigger, pattern_lists
from engine.settings import ReplyPattern
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
        ("google", 421, "421 4.7.28 Our system has detected an unusual rate of unsolicited mail originating from "
         "your IP address. To protect our users from spam, mail sent from your IP address has been temporarily "
         "rate limited.", ReplyClass.REPUTATION_DEFERRAL),
        ("google", 421, "421 4.7.28 Gmail has detected an unusual rate of mail originating from your IP Netblock "
         "[192.0.2.0/24].", ReplyClass.REPUTATION_DEFERRAL),
        ("google", 421, "421 4.7.28 Gmail has detected an unusual rate of unsolicited mail originating from your "
         "DKIM domain [example.org 35].", ReplyClass.DOMAIN_DEFERRAL),
        ("google", 421, "421 4.7.28 Gmail has detected an unusual rate of unsolicited mail originating from your "
         "SPF domain [example.org 35].", ReplyClass.DOMAIN_DEFERRAL),
        ("google", 421, "421 4.7.28 Gmail has detected an unusual rate of unsolicited mail containing one of your "
         "URL domains.", ReplyClass.CONTENT_DEFERRAL),
        ("google", 421, "421 4.7.28 Gmail has detected an unusual rate of mail.", ReplyClass.DEFERRAL),
        ("google", 550, "550 5.7.1 [192.0.2.9] Our system has detected that this message is likely unsolicited "
         "mail.", ReplyClass.CONTENT_REFUSAL),
        ("yahoo", 554, "554 5.7.9 Message not accepted for policy reasons.", ReplyClass.DOMAIN_REFUSAL),
        ("qq", 550, "550 Ip frequency limited.", ReplyClass.BLOCK),
        ("qq", 550, "550 Domain frequency limited.", ReplyClass.DOMAIN_REFUSAL),
    ],
)  # fmt: skip
def test_only_replies_about_the_ip_count_against_it(
    provider: str, code: int, text: str, kind: ReplyClass
) -> None:
    assert shipped_catalogue().classify(provider, code, text) is kind


def list_of(*lines: tuple[str, tuple[str, ...]]) -> PatternList:
    return PatternList("own", [ReplyPattern(reply=reply, actions=actions) for reply, actions in lines])


def test_the_shipped_pattern_list_acts_on_reputation_replies_of_the_provider_alone() -> None:
    patterns = pattern_lists({})[SHIPPED]
    match = patterns.match(TSS04, "yahoo")
    assert match is not None
    assert PatternAction.BACKOFF in match.actions
    assert patterns.match(TSS04, "google") is None
    assert patterns.match("452 4.2.2 Mailbox full", "yahoo") is None


def test_a_block_disables_the_source_ip_for_an_hour() -> None:
    reply = "550 5.7.1 Unfortunately, messages from [192.0.2.9] weren't sent. part of their network is on our block list (S3150)."
    match = pattern_lists({})[SHIPPED].match(reply, "microsoft")
    assert match is not None
    assert PatternAction.DISABLE_SOURCE_IP in match.actions
    assert match.reenable_after == timedelta(hours=1)


def test_the_shipped_list_has_no_pattern_that_never_acts() -> None:
    assert pattern_lists({})[SHIPPED].lint() == []


def test_a_list_of_the_same_name_replaces_the_shipped_one() -> None:
    own = pattern_lists({SHIPPED: (ReplyPattern(reply="/x/", actions=("defer-queue",)),)})
    assert len(own[SHIPPED].patterns) == 1


def test_the_first_pattern_that_matches_decides() -> None:
    match = list_of(("/greylist/", ("mode=normal",)), ("/./", ("mode=backoff",))).match("451 Greylisted")
    assert match is not None
    assert match.actions == {PatternAction.NORMAL}


def test_actions_may_stand_in_one_line_as_in_powermta() -> None:
    (pattern,) = list_of(("/TS03/", ("mode=backoff,disable-source-ip,reenable-after=1h",))).patterns
    assert pattern.actions == {PatternAction.BACKOFF, PatternAction.DISABLE_SOURCE_IP}
    assert pattern.reenable_after == timedelta(hours=1)


@pytest.mark.parametrize(
    ("reply", "actions", "says"),
    [
        ("TSS04", ("mode=backoff",), "must stand between slashes, like /TSS04/"),
        ("/(/", ("mode=backoff",), "is not a regular expression"),
        ("/x/", ("backoff",), "unknown action 'backoff'; write one of mode=backoff, mode=normal"),
        ("/x/", ("mode=backoff", "mode=normal"), "mode=backoff and mode=normal contradict each other"),
        ("/x/", ("skip-mx", "bounce-queue"), "skip-mx and bounce-queue contradict each other"),
        ("/x/", ("reenable-after=1h",), "give an action"),
        ("/x/", ("skip-mx", "reenable-after=1h"), "reenable-after needs disable-source-ip in the same line"),
        (
            "/x/",
            ("disable-source-ip", "reenable-after=1h", "reenable-after=2h"),
            "reenable-after stands twice",
        ),
        ("/x/", ("disable-source-ip", "reenable-after=soon"), "'soon' is not a duration"),
    ],
)
def test_a_bad_pattern_names_its_list_and_the_remedy(reply: str, actions: tuple[str, ...], says: str) -> None:
    with pytest.raises(OperatorError) as caught:
        list_of((reply, actions))
    assert str(caught.value).startswith("smtp-pattern-list own")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("lines", "warnings"),
    [
        ([("/TSS04/", ("mode=backoff",)), ("/TSS04/", ("defer-queue",))], 1),
        ([("/./", ("mode=backoff",)), ("/TSS04/", ("defer-queue",))], 1),
        ([("/TSS0\\d/", ("mode=backoff",)), ("/TSS04 blocked/", ("defer-queue",))], 1),
        ([("/TSS04 blocked/", ("defer-queue",)), ("/TSS0\\d/", ("mode=backoff",))], 0),
    ],
)
def test_lint_finds_patterns_that_can_never_act(
    lines: list[tuple[str, tuple[str, ...]]], warnings: int
) -> None:
    assert len(list_of(*lines).lint()) == warnings


def test_a_trigger_fires_at_the_nth_match_within_its_time_and_starts_over() -> None:
    trigger = Trigger(Rate.parse("3/10m"))
    minute = 60 * NANOSECONDS
    assert [trigger.hit(at * minute) for at in (0, 1, 20, 21, 22, 23, 24, 25)] == [
        False, False, False, False, True, False, False, True,
    ]  # fmt: skip


def test_skip_mx_keeps_mail_that_a_5xx_would_end_and_bounce_rcpt_ends_what_a_4xx_would_keep() -> None:
    (skip,) = list_of(("/./", ("skip-mx",))).patterns
    (bounce,) = list_of(("/./", ("bounce-rcpt",))).patterns
    refused, later = Verdict(Fate.BOUNCED, ReplyClass.BOUNCE), Verdict(Fate.DEFERRED, ReplyClass.DEFERRAL)
    assert overrule(refused, skip).fate is Fate.TURNED_AWAY
    assert overrule(later, bounce).fate is Fate.BOUNCED
    assert overrule(later, None) is later


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
