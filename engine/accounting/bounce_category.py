"""Why a recipient was refused, in PowerMTA's categories. A decider: reply in, category out.

The names are PowerMTA's (user's guide 5.0, section 11.6); the patterns are our own. First match wins, so that
what a reply is about comes before how it is worded.
"""

import re
from enum import StrEnum
from functools import lru_cache


class BounceCategory(StrEnum):
    """PowerMTA's shipped categories."""

    BAD_CONFIGURATION = "bad-configuration"
    BAD_CONNECTION = "bad-connection"
    BAD_DOMAIN = "bad-domain"
    BAD_MAILBOX = "bad-mailbox"
    CONTENT_RELATED = "content-related"
    INACTIVE_MAILBOX = "inactive-mailbox"
    INVALID_SENDER = "invalid-sender"
    MESSAGE_EXPIRED = "message-expired"
    NO_ANSWER_FROM_HOST = "no-answer-from-host"
    OTHER = "other"
    POLICY_RELATED = "policy-related"
    PROTOCOL_ERRORS = "protocol-errors"
    QUOTA_ISSUES = "quota-issues"
    RELAYING_ISSUES = "relaying-issues"
    ROUTING_ERRORS = "routing-errors"
    SPAM_RELATED = "spam-related"
    VIRUS_RELATED = "virus-related"


_C = BounceCategory
_PATTERNS: tuple[tuple[BounceCategory, str, str], ...] = (
    (_C.MESSAGE_EXPIRED, "4.7", "message expired;delivery time expired;retry timeout exceeded"),
    (_C.VIRUS_RELATED, "", "virus;malware;infected"),
    (
        _C.SPAM_RELATED,
        "",
        (
            "\\bspam;unsolicited;block ?list;black ?list;spamhaus;barracuda;spamcop;dnsbl;\\brbl\\b;"
            "reputation;\\bTSS?0\\d;junk;\\babus(e|ive);complaint;\\bs[13]140\\b;\\bs3150\\b;unusual rate"
        ),
    ),
    (_C.RELAYING_ISSUES, "", "relay(ing)? (access )?(denied|not (permitted|allowed));unable to relay"),
    (_C.QUOTA_ISSUES, "2.2", "over ?quota;quota exceeded;mailbox (is )?full;insufficient storage"),
    (
        _C.INACTIVE_MAILBOX,
        "2.1",
        (
            "(account|mailbox|user).{0,30}(disabled|inactive|suspended|deactivated|expired);"
            "no longer (in use|available|active)"
        ),
    ),
    (_C.INVALID_SENDER, "1.7 1.8", "sender (address )?(rejected|verif|invalid|unknown);invalid sender"),
    (
        _C.BAD_MAILBOX,
        "1.1 1.3 1.6",
        (
            "user (is )?unknown;unknown (user|recipient|mailbox);mailbox (not found|unavailable);"
            "no such (user|recipient|mailbox|person|address);does(n't| not) (exist|have an? .{0,20}account);"
            "invalid (recipient|mailbox|user);recipient (address )?(rejected|unknown|not found);"
            "not a valid (user|mailbox)"
        ),
    ),
    (
        _C.BAD_DOMAIN,
        "1.2 1.10",
        "null mx;(domain|host).{0,20}(not found|unknown|does not exist);accepts no mail;nxdomain",
    ),
    (_C.NO_ANSWER_FROM_HOST, "4.1", "no answer;timed? ?out;no connection within;connection refused"),
    (_C.BAD_CONNECTION, "4.2", "connection (lost|reset|closed|dropped|died);broken pipe;\\btls\\b"),
    (_C.ROUTING_ERRORS, "4.3 4.4 4.5 4.6", "routing;mail loop;too many hops;in circles;did not answer for"),
    (
        _C.POLICY_RELATED,
        r"7.\d+",
        (
            "policy;dmarc;\\bspf\\b;dkim;not (allowed|authori[sz]ed|accepted);denied;rate limit;too many;"
            "try again later;greylist;throttl;deferred"
        ),
    ),
    (
        _C.CONTENT_RELATED,
        r"6.\d+ 3.4",
        "content;message (size|too (large|big));attachment;header",
    ),
    (_C.PROTOCOL_ERRORS, r"5.\d+", "syntax;bad sequence;command not;unrecogni[sz]ed;not an SMTP reply"),
    (_C.BAD_CONFIGURATION, "3.0 3.5", "configuration;misconfigured;local problem"),
    (_C.BAD_MAILBOX, "", "mailbox;recipient"),
)
"""Category, the details of its enhanced codes (RFC 3463: `4.7` stands for 4.4.7 and 5.4.7), its words."""


def _compile(codes: str, words: str) -> re.Pattern[str]:
    enhanced = [rf"\b[45]\.{code.replace('.', chr(92) + '.')}\b" for code in codes.split()]
    return re.compile("|".join([*enhanced, *words.split(";")]), re.IGNORECASE)


_COMPILED = tuple((category, _compile(codes, words)) for category, codes, words in _PATTERNS)
_READ_AT_MOST = 1_000


@lru_cache(maxsize=8_192)
def bounce_category(reply: str) -> BounceCategory:
    """The category of a reply such as `550 5.1.1 no such user`."""
    text = reply[:_READ_AT_MOST]
    return next((category for category, pattern in _COMPILED if pattern.search(text)), _C.OTHER)
