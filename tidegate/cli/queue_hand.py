"""The work behind `pause`, `resume`, `schedule`, `set queue`, `disable`, `enable`, `delete`, `bounce`."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import typer

from core.errors import NotFoundError, OperatorError
from tidegate.acts import queues
from tidegate.cli.exit_codes import UsageError
from tidegate.cli.hand import report, said_why, show_plan
from tidegate.cli.invocation import Invocation
from tidegate.client import EngineClient


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to become of which queues, as typed."""

    queue: str
    act: str
    reason: str
    everything: bool
    dry_run: bool


@dataclass(frozen=True, slots=True)
class Filter:
    """Which waiting mail."""

    queue: str | None
    orig: str | None
    rcpt: str | None
    job: str | None
    older_than: str | None
    everything: bool


@dataclass(frozen=True, slots=True)
class EndTerms:
    """How it ends, and whether to ask."""

    ending: str
    reason: str
    yes: bool
    dry_run: bool


def act(asked: Invocation, wish: Wish) -> None:
    """Do one thing to every queue that the words name. Raises NotFoundError where there is none."""
    reason = said_why(wish.reason)
    with asked.client() as client:
        named = queues.named(client, wish.queue, everything=wish.everything)
        if wish.dry_run:
            show_plan(asked, queues.planned(wish.queue, wish.act, reason, named))
            return
        found = queues.concerned(named, wish.act)
        for queue in found:
            _do(client, queue, wish.act, reason)
    done, _ = queues.VERBS[wish.act]
    undo = queues.undo(wish.queue, wish.act, named)
    text = queues.told(done, wish.act, named)
    report(asked, text, undo, {"queues": [queue["name"] for queue in found]})


def _do(client: EngineClient, queue: Mapping[str, Any], act: str, reason: str) -> None:
    domain, vmta = str(queue["domain"]), str(queue["vmta"])
    if act in {"normal", "backoff"}:
        client.queue_mode(domain, vmta, act, reason)
    else:
        client.queue_act(domain, vmta, act, reason)


def disable(asked: Invocation, ip: str, wish: Wish, reenable_after: str | None) -> None:
    """Take a source IP out of every queue that the words name and that uses it."""
    until = f" for {reenable_after}" if reenable_after else " until it is enabled"

    def one(client: EngineClient, domain: str, vmta: str) -> None:
        client.disable_source(domain, vmta, ip, said_why(wish.reason), reenable_after)

    _sources(asked, ip, wish, one, ("Disabled", "disable", until))


def enable(asked: Invocation, ip: str, wish: Wish) -> None:
    """Let a source IP back into every queue that the words name."""

    def one(client: EngineClient, domain: str, vmta: str) -> None:
        client.enable_source(domain, vmta, ip, said_why(wish.reason))

    _sources(asked, ip, wish, one, ("Enabled", "enable", ""))


def _sources(
    asked: Invocation,
    ip: str,
    wish: Wish,
    one: Callable[[EngineClient, str, str], None],
    words: tuple[str, str, str],
) -> None:
    said_why(wish.reason)
    with asked.client() as client:
        found = queues.named(client, wish.queue, everything=True)
        if not wish.dry_run:
            for queue in found:
                one(client, str(queue["domain"]), str(queue["vmta"]))
    done, would, until = words
    verb = f"Would {would}" if wish.dry_run else done
    lines = [f"{verb} {ip} in {queue['name']}{until}" for queue in found]
    back = "enable" if wish.act == "disable" else "disable"
    undo = "" if wish.dry_run else f'tidegate {back} {ip} {queues.quoted(wish.queue)} --reason "…"'
    key = "would" if wish.dry_run else "queues"
    report(asked, "\n".join(lines), undo, {"ip": ip, key: [queue["name"] for queue in found]})


def end(asked: Invocation, wanted: Filter, terms: EndTerms) -> None:
    """Delete or bounce what waits, after saying how much it is."""
    reason = said_why(terms.reason)
    if not any(asdict(wanted).values()):
        raise UsageError("say which mail: --queue, --orig, --rcpt, --jobid, --older-than, or --everything")
    with asked.client() as client:
        plan = client.end_messages(terms.ending, asdict(wanted), reason, dry_run=True)
        if terms.dry_run:
            report(asked, _told(f"Would {terms.ending}", plan), "", {"would": plan})
            return
        if not plan["recipients"]:
            raise NotFoundError("no waiting mail fits")
        confirm(f"{_told(terms.ending.capitalize(), plan)}.", yes=terms.yes)
        done = client.end_messages(terms.ending, asdict(wanted), reason, dry_run=False)
    verb = "Deleted" if terms.ending == "delete" else "Bounced"
    report(asked, _told(verb, done), "", {"ended": done})


def confirm(question: str, *, yes: bool) -> None:
    """Ask before what cannot be undone. Raises OperatorError where nobody can answer, Abort on a no."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise OperatorError(f"{question} This cannot be undone; add --yes to do it without being asked")
    typer.confirm(f"{question} This cannot be undone. Go on?", abort=True, err=True)


def _told(verb: str, found: Mapping[str, Any]) -> str:
    names = list(found["queues"])
    where = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"{verb} {queues.count(found['recipients'])}" + (f" of {where}" if names else "")
