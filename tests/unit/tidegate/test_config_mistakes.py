"""What a person is told about a mistake: where it is, what is wrong, what to write instead."""

from pathlib import Path
from textwrap import dedent

import pytest

from tidegate.config.load import parse
from tidegate.config.problems import ConfigErrors

MISTAKES = {
    "a misspelt key": (
        "engine:\n  hostnaem: mta.example.com\n",
        2, "engine.hostnaem", "unknown key 'hostnaem'", "did you mean hostname?",
    ),
    "an underscore for a hyphen": (
        "engine:\n  max_message_size: 10000\n",
        2, "engine.max_message_size", "unknown key 'max_message_size'",
        "keys are written with hyphens: max-message-size",
    ),
    "a misspelt section": ("contoller:\n  mode: advise\n", 1, "contoller", "unknown key", "did you mean controller?"),
    "an alias": (
        "ip-lists:\n  a: &all [203.0.113.7]\n  b: *all\n",
        2, "", "the anchor &all is refused", "write the value out",
    ),
    "an alias bomb": (
        "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n", 2, "", "the alias *a is refused", "in quotes",
    ),
    "a star without quotes": (
        "engine:\n  domains:\n    *:\n      max-smtp-out: 3\n", 3, "", "means an alias in YAML", 'write it in quotes: "*"',
    ),
    "a key written twice": (
        "engine:\n  hostname: a\n  spool: x\n  hostname: b\n",
        4, "engine.hostname", "the key is written twice; the first is on line 2", "keep one of them",
    ),
    "a tab": ("engine:\n\thostname: a\n", 2, "", "a tab", "replace the tab with spaces"),
    "a bracket left open": ("engine:\n  listen: [a, b\n  spool: x\n", 3, "", "is not closed", "close it with ]"),
    "a rate without its unit": (
        "engine:\n  domains:\n    '*':\n      max-msg-rate: 500\n",
        4, "engine.domains.*.max-msg-rate", "500 has no unit", "write it like 500/h",
    ),
    "a rate of nothing": (
        "engine:\n  domains:\n    '*':\n      max-msg-rate: 0/h\n",
        4, "engine.domains.*.max-msg-rate", "'0/h' is not a rate", "to stop mail use pause",
    ),
    "a duration without its unit": (
        "monitor:\n  resolver:\n    timeout: 5\n",
        3, "monitor.resolver.timeout", "5 has no unit", "write it like 5s or 5m",
    ),
    "a number that is none": (
        "engine:\n  max-sessions: many\n", 2, "engine.max-sessions", "'many' is not a whole number", "write a number",
    ),
    "a number out of bounds": (
        "engine:\n  smtp-port: 70000\n", 2, "engine.smtp-port", "70000 is too large", "at most 65535",
    ),
    "a word that is not known": (
        "controller:\n  mode: enforced\n",
        2, "controller.mode", "'enforced' is not a word that is known here", "did you mean enforce?",
    ),
    "a list that is none": ("engine:\n  listen: 5\n", 2, "engine.listen", "5 is not a list", "write [a, b]"),
    "a mapping that is none": ("engine: 5\n", 1, "engine", "5 is not a mapping", "key: value lines"),
    "an IP that is none": (
        "ip-lists:\n  a:\n    - 203.0.113.7\n    - 203.0.113.777\n",
        4, "ip-lists.a[1]", "'203.0.113.777' is not an IP address", "write 203.0.113.7",
    ),
    "a network with host bits": (
        "ip-lists:\n  a: [203.0.113.17/30]\n",
        2, "ip-lists.a[0]", "203.0.113.17/30 has host bits set",
        "write 203.0.113.16/30, or 203.0.113.17 for the one address",
    ),
    "a network that is too large": (
        "ip-lists:\n  a: [10.0.0.0/8]\n", 2, "ip-lists.a[0]", "holds 16,777,216 addresses", "/20 at most",
    ),
    "an IP in two lists": (
        "ip-lists:\n  a: [203.0.113.7]\n  b: [203.0.113.4/30]\n",
        3, "ip-lists.b[0]", "203.0.113.7 is already listed at config.yaml:2 (ip-lists.a[0])", "one list only",
    ),
    "a missing variable": (
        "engine:\n  hostname: ${MTA_NAME}\n",
        2, "engine.hostname", "the environment variable MTA_NAME is not set", "export MTA_NAME",
    ),
    "a secret file that is not there": (
        "engine:\n  control-api:\n    tokens:\n      - name: ops\n        token-file: no/such/file\n",
        5, "engine.control-api.tokens[0].token-file", "no/such/file cannot be read", "check the path",
    ),
    "an include that is not there": (
        "ip-lists:\n  a:\n    - include: no/such.txt\n", 3, "ip-lists.a[0]", "no/such.txt cannot be read", "relative",
    ),
    "a source IP that nobody watches": (
        "engine:\n  virtual-mtas:\n    default:\n      source-ips: [203.0.113.9]\n",
        4, "engine.virtual-mtas.default.source-ips[0]", "203.0.113.9 is in no ip-list", "add 203.0.113.9 under ip-lists",
    ),
    "a pattern list that is not there": (
        "engine:\n  domains:\n    example.com:\n      smtp-pattern-list: defualt\n",
        4, "engine.domains.example.com.smtp-pattern-list", "there is no smtp-pattern-list 'defualt'", "did you mean default?",
    ),
    "a domain pattern in the wrong form": (
        "engine:\n  domains:\n    '*example.com': {}\n", 3, "engine.domains.*example.com", "is not a domain pattern", "[*.]example.com",
    ),
    "a pattern that is no regular expression": (
        "engine:\n  smtp-pattern-lists:\n    default:\n      - {reply: '/(/', actions: mode=backoff}\n",
        4, "engine.smtp-pattern-lists.default[0]", "/(/ is not a regular expression", "",
    ),
    "a pattern with actions that contradict each other": (
        "engine:\n  smtp-pattern-lists:\n    own:\n      - {reply: '/x/', actions: 'skip-mx,bounce-queue'}\n",
        4, "engine.smtp-pattern-lists.own[0]", "skip-mx and bounce-queue contradict each other", "leave one out",
    ),
    "a pool with a member that is not there": (
        "engine:\n  virtual-mta-pools:\n    both:\n      members: {defualt: 1}\n",
        4, "engine.virtual-mta-pools.both.members.defualt", "there is no virtual-mta 'defualt'", "did you mean default?",
    ),
    "a pool without members": (
        "engine:\n  virtual-mta-pools:\n    both: {}\n",
        3, "engine.virtual-mta-pools.both", "a pool without members leads nowhere", "write members: {NAME: 1}",
    ),
    "reroutes that go in a circle": (
        "engine:\n  default-virtual-mta: a\n  virtual-mtas:\n"
        "    a: {domains: {'*': {backoff-reroute-to-virtual-mta: b}}}\n"
        "    b: {domains: {'*': {backoff-reroute-to-virtual-mta: a}}}\n",
        4, "engine.virtual-mtas.a.domains.*.backoff-reroute-to-virtual-mta",
        "the reroutes go in a circle: a → b → a", "leave one out",
    ),
    "a warm-up of an IP that nobody uses": (
        "engine:\n  warm-up:\n    - {source-ip: 203.0.113.9, started: 2026-11-01, per-day: [50]}\n",
        3, "engine.warm-up[0].source-ip", "no virtual-mta uses 203.0.113.9", "add it to one's source-ips",
    ),
    "a control API open to everybody": (
        "engine:\n  control-api:\n    listen: 127.0.0.1:8025\n",
        3, "engine.control-api.listen", "asks for no token", "listen on unix:PATH",
    ),
    "an address without a port": (
        "engine:\n  listen: [127.0.0.1]\n", 2, "engine.listen[0]", "'127.0.0.1' is not an address and a port", "127.0.0.1:2525",
    ),
    "a virtual-mta that is not there": (
        "engine:\n  default-virtual-mta: bulk\n", 2, "engine.default-virtual-mta", "there is no virtual-mta 'bulk'", "there is default",
    ),
    "a tag": ("engine: !!python/object:os.system {}\n", 1, "engine", "the tag", "leave the tag out"),
    "a file that is a list": ("- engine\n", 1, "", "the file must be a mapping", "begin with a key"),
    "two documents": ("engine: {}\n---\nengine: {}\n", 2, "", "a second document begins here", "remove the line ---"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "line", "key", "problem", "remedy"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_placed_and_explained(text: str, line: int, key: str, problem: str, remedy: str) -> None:
    with pytest.raises(ConfigErrors) as raised:
        parse(text)
    here = [error for error in raised.value.errors if problem in error.problem]
    assert here, str(raised.value)
    assert here[0].file == "config.yaml"
    assert here[0].line == line
    assert here[0].key == key
    assert remedy in here[0].remedy
    assert f"config.yaml:{line}: " in str(raised.value)


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    text = """\
        ip-lists:
          a: [203.0.113.300]
        engine:
          hostnaem: x
          smtp-port: 0
          domains:
            example.com: {smtp-pattern-list: nope}
        monitor:
          resolver: {timeout: 5}
    """
    with pytest.raises(ConfigErrors) as raised:
        parse(dedent(text))
    assert [error.line for error in raised.value.errors] == [2, 4, 5, 9]
    assert len(str(raised.value).splitlines()) == 4


def test_sections_without_mistakes_are_checked_against_each_other_although_another_has_one() -> None:
    text = "engine:\n  domains: {example.com: {smtp-pattern-list: nope}}\ncontroller: {mode: nope}\n"
    with pytest.raises(ConfigErrors) as raised:
        parse(text)
    assert [error.line for error in raised.value.errors] == [2, 3]


def test_a_mistake_in_an_included_file_names_that_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("203.0.113.7  # fine\n\n203.0.113.x\n")
    with pytest.raises(ConfigErrors) as raised:
        parse("ip-lists:\n  a: [{include: more.txt}]\n", str(tmp_path / "config.yaml"))
    assert str(raised.value).startswith(
        f"{tmp_path}/more.txt:3: ip-lists.a[0]: '203.0.113.x' is not an IP address"
    )


def test_a_secret_is_never_quoted_in_a_message(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("canary-7f3a\n")
    text = """\
        engine:
          listen: [canary-7f3a]
          control-api:
            tokens: [{name: ops, token-file: token, scope: canary-7f3a}]
    """
    with pytest.raises(ConfigErrors) as raised:
        parse(dedent(text), str(tmp_path / "config.yaml"))
    assert "canary" not in str(raised.value)
