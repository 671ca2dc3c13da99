"""Who the toy world's four providers are on loopback, and the words in which they say what it decided.

The world decides about single recipients, so all is said at RCPT and never with 421, which would turn the
whole connection away; Gmail and Yahoo use it a lot, and an engine then waits without being told to.
"""

from dataclasses import replace
from typing import Final

from lab.judge import Stage, Verdict
from lab.manners import GEEMAIL, OUTLANDISH, YAHOOLIGAN, Provider

_MICROSOFT: Final = replace(
    OUTLANDISH,
    replies={
        **OUTLANDISH.replies,
        Verdict.BARRED: "451 4.7.1 Unfortunately, messages from [{ip}] weren't sent. Please contact your "
        "Internet service provider since part of their network is on our block list (S3140).",
    },
)
_UNSOLICITED: Final = (
    "451 4.7.28 [{ip}] Our system has detected an unusual rate of unsolicited mail originating from your IP "
    "address. To protect our users from spam, mail from it has been temporarily rate limited."
)
_GOOGLE: Final = replace(
    GEEMAIL,
    replies={**GEEMAIL.replies, Verdict.DISGRACE: _UNSOLICITED, Verdict.BARRED: _UNSOLICITED},
)
_YAHOO: Final = replace(
    YAHOOLIGAN,
    replies={
        **YAHOOLIGAN.replies,
        Verdict.BARRED: "451 4.7.1 [TS03] All messages from {ip} will be permanently deferred; Retrying "
        "will NOT succeed. See https://postmaster.yahooligan.test/421-ts03",
    },
)
_OTHER: Final = Provider(
    "Otherwise",
    "other",
    "otherwise.test",
    "127.0.2.4",
    {
        Verdict.DISGRACE: "451 4.7.1 Your IP {ip} address has a bad reputation, try again later",
        Verdict.VOLUME: "451 4.7.1 Too many messages from your IP {ip} address, which has a bad reputation",
        Verdict.BLOCKED: "554 5.7.1 Service unavailable; Client host [{ip}] blocked using zen.spamhaus.org",
        Verdict.BARRED: "450 4.7.1 Service unavailable; Client host [{ip}] blocked using zen.spamhaus.org",
    },
)


def _by_recipient(provider: Provider) -> Provider:
    replies = {verdict: text.replace("421 ", "451 ", 1) for verdict, text in provider.replies.items()}
    return replace(provider, refuses_at=Stage.RCPT, replies=replies)


PROVIDERS: Final = tuple(_by_recipient(who) for who in (_MICROSOFT, _GOOGLE, _YAHOO, _OTHER))
"""In the order of `lab.simulation.physics.PROVIDERS`."""
