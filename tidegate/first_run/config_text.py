"""The commented file that `tidegate init` writes. A decider: answers in, text out."""

import json
from collections.abc import Iterable
from datetime import date

from core.address import SourceIp
from tidegate.first_run.answers import Answers, SndsWay, WebWay
from tidegate.web.settings import WebSettings

_LIST = "sending"
_WIDE = 100


def config_text(answers: Answers, today: date, token_file: str) -> str:
    """A configuration in mode advise. `token_file` holds the token of the web monitor, beside it."""
    parts = [
        _HEAD.format(today=today.isoformat()),
        _ip_lists(answers),
        _engine(answers),
        _monitor(answers),
        _CONTROLLER,
        _web(answers, token_file),
    ]
    return "\n".join(parts)


_HEAD = """\
# Tidegate. Written by `tidegate init` on {today}; it is yours to change.
#   tidegate check-config FILE    finds every mistake, with its line
#   tidegate doctor               says what to mend on this machine, and how
#   tidegate config example       prints every other setting, its default and what it does
"""

_CONTROLLER = """\
controller:
  # observe records what it would do, advise mails it too, enforce does it. Read its mails for a while, and
  # what `tidegate replay` tells, before you write enforce; `tidegate set-mode enforce IP` tries it on one IP.
  mode: advise
"""


def _ip_lists(answers: Answers) -> str:
    entries = [_source(one) for one in answers.sources]
    return f"""\
# The IPs that your mail leaves from, as the world sees them. Behind NAT `bind` is what the socket uses.
ip-lists:
  {_LIST}:
{_lines(entries, 4)}
"""


def _source(one: SourceIp) -> str:
    if one.bind == one.address:
        return _quoted(str(one.address))
    return f"{{address: {_quoted(str(one.address))}, bind: {_quoted(str(one.bind))}}}"


def _engine(answers: Answers) -> str:
    return f"""\
engine:
  # The name it greets with; the reverse names of your IPs should lead back to them, best with this domain.
  hostname: {answers.hostname}
  # Where your applications hand mail over. From other machines: 0.0.0.0:25, and their networks in relay-from.
  listen: [127.0.0.1:2525]
  virtual-mtas:
    # A VirtualMTA is a set of IPs that are used in turn; name one in a message with x-virtual-mta.
    default:
      source-ips:
{_lines([_quoted(str(one.address)) for one in answers.sources], 8)}
"""


def _monitor(answers: Answers) -> str:
    return "\n".join(["monitor:", _resolver(answers), _snds(answers), _notifications(answers)])


def _resolver(answers: Answers) -> str:
    if answers.resolver is None:
        return """\
  # DNS lists are asked through the system's resolver; most refuse public ones. One of your own is better:
  # resolver: {nameservers: ["127.0.0.1:53"]}
"""
    return f"""\
  # DNS lists are asked through your own recursing resolver: most refuse public ones.
  resolver: {{nameservers: [{json.dumps(str(answers.resolver))}]}}
"""


def _snds(answers: Answers) -> str:
    if answers.snds is SndsWay.NO:
        return """\
  # Microsoft's view of your IPs. To have it: sign up at https://substrate.office.com/ip-domain-management-snds/SNDS,
  # take the comment signs away, then `tidegate snds login`.
  # snds: {enabled: true, accounts: [{name: main, sign-in-file: data/snds-main.json}]}
"""
    return """\
  # Microsoft's view of your IPs. Sign in once: `tidegate snds login`; it renews itself.
  snds: {enabled: true, accounts: [{name: main, sign-in-file: data/snds-main.json}]}
"""


def _notifications(answers: Answers) -> str:
    if not answers.recipients:
        return """\
  # Nobody is mailed. To be told: recipients: [ops@example.com], and a host that takes the mail.
  notifications: {enabled: false}
"""
    named = ", ".join(json.dumps(one) for one in answers.recipients)
    return f"""\
  # Who is told. Use a mail host whose IPs are not the ones that the mail is about.
  notifications:
    from: {json.dumps(f"Tidegate <{answers.sender}>")}
    recipients: [{named}]
    smtp: {{host: {_quoted(answers.mail_host.host)}, port: {answers.mail_host.port}}}
"""


def _web(answers: Answers, token_file: str) -> str:
    if answers.web is WebWay.NO:
        return """\
# The web monitor is closed. To open it, for people on this machine: openssl rand -hex 24 > web.token,
# chmod 600 web.token, and take the comment sign away.
# web: {tokens: [{name: admin, token-file: web.token, scope: admin}]}
"""
    return f"""\
web:
  # The web monitor, for people on this machine; from another one through ssh -L 8026:127.0.0.1:8026.
  # Whoever has the token in this file may do everything there, under this name. Better give each person one
  # of their own: scope read looks only, operate acts, admin also acts on the whole fleet at once.
  listen: {WebSettings().listen}
  tokens: [{{name: admin, token-file: {json.dumps(token_file)}, scope: admin}}]
"""


def _lines(entries: Iterable[str], indent: int) -> str:
    return "\n".join(f"{' ' * indent}- {entry}" for entry in entries)


def _quoted(text: str) -> str:
    """IPv6 addresses have colons, which mean something in YAML."""
    return json.dumps(text) if ":" in text else text
