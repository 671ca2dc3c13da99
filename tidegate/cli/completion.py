"""What the shell may complete, from the running engine: at once, and silent when it is down."""

import contextlib
import io
import os
import re
from collections.abc import Callable, Iterable, MutableMapping
from typing import TYPE_CHECKING, Any, Final

import typer

from core.errors import TidegateError
from tidegate.cli.invocation import Invocation
from tidegate.cli.output import emit

if TYPE_CHECKING:
    from tidegate.client import EngineClient

PATIENCE_SECONDS: Final = 0.2
_MOST: Final = 200
# a domain comes out of other people's mail, and zsh evaluates what it is offered
_HARMLESS: Final = re.compile(r"[A-Za-z0-9._:/@*-]{1,300}\Z")
VARIABLE: Final = "_TIDEGATE_COMPLETE"


def queues(context: typer.Context, incomplete: str) -> list[str]:
    """Names of queues."""
    pattern = f"{incomplete}*" if "/" in incomplete else f"{incomplete}*/*"
    return _offer(
        context,
        incomplete,
        lambda client: [q["name"] for q in client.queues(pattern, sort="rcpt", limit=_MOST)["queues"]],
    )


def ips(context: typer.Context, incomplete: str) -> list[str]:
    """Source IPs."""
    return _offer(context, incomplete, lambda client: [s["source_ip"] for s in client.scopes()["scopes"]])


def providers(context: typer.Context, incomplete: str) -> list[str]:
    """Providers that the engine has met or limits."""
    return _offer(context, incomplete, lambda client: [s["provider"] for s in client.scopes()["scopes"]])


def leases(context: typer.Context, incomplete: str) -> list[str]:
    """Keys of leases, and the IPs that they are on."""
    return _offer(
        context,
        incomplete,
        lambda client: [
            word for one in client.leases()["leases"] for word in (one["key"], one["scope"]["source_ip"])
        ],
    )


def vmtas(context: typer.Context, incomplete: str) -> list[str]:
    """VirtualMTAs that have a queue."""
    return _offer(
        context, incomplete, lambda client: [q["vmta"] for q in client.queues(limit=10_000)["queues"]]
    )


def _offer(
    context: typer.Context, incomplete: str, ask: Callable[["EngineClient"], Iterable[Any]]
) -> list[str]:
    asked = _invocation(context)
    try:
        if not asked.finds_the_engine_at_once:
            return []
        with asked.client(PATIENCE_SECONDS) as client:
            found = {str(word) for word in ask(client)}
    except (TidegateError, OSError, ValueError, LookupError, TypeError):
        return []  # the shell shows whatever is said; it had better be nothing
    fitting = (word for word in found if word.startswith(incomplete) and _HARMLESS.match(word))
    return sorted(fitting)[:_MOST]


def _invocation(context: typer.Context) -> Invocation:
    """The options typed so far; while completing, no command runs that would have kept them."""
    given = context.find_root().params
    return Invocation(given.get("config"), given.get("endpoint"), given.get("token"), given.get("token_file"))


def complete(answer: Callable[[], object], environ: MutableMapping[str, str] = os.environ) -> int:
    """Answer the shell, by Typer's machinery; for bash with colons inside words."""
    kept = mend_colons(environ) if environ[VARIABLE] == "complete_bash" else 0
    said = io.StringIO()
    code: object = 0
    try:
        with contextlib.redirect_stdout(said):
            answer()
    except SystemExit as ended:
        code = ended.code
    offers = said.getvalue().removesuffix("\n").split("\n")
    emit("\n".join(offer[kept:] for offer in offers))
    return code if isinstance(code, int) else 0


def mend_colons(environ: MutableMapping[str, str]) -> int:
    """Put words together again that bash broke at colons: leases' keys and IPv6 addresses have many.

    Returns how many characters bash keeps to itself: it replaces only what follows the last colon.
    """
    words = environ.get("COMP_WORDS", "").split("\n")
    at = int(environ.get("COMP_CWORD", "0"))
    joined: list[str] = []
    for index, word in enumerate(words[: at + 1]):
        if index > 1 and (word.startswith(":") or joined[-1].endswith(":")):
            joined[-1] += word
        else:
            joined.append(word)
    environ["COMP_WORDS"], environ["COMP_CWORD"] = "\n".join(joined), str(len(joined) - 1)
    return joined[-1].rfind(":") + 1
