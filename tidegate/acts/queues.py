"""Acts on queues: which queues the words name, what is so already, what takes an act back, and the plan."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from core.errors import NotFoundError
from tidegate.acts import plan
from tidegate.acts.plan import Line, Plan
from tidegate.cli.exit_codes import UsageError

if TYPE_CHECKING:
    from tidegate.client import EngineClient

Queue = Mapping[str, Any]

_MOST: Final = 100_000
_NAMED: Final = 5
VERBS: Final = {
    "pause": ("Paused", "pause"),
    "resume": ("Resumed", "resume"),
    "retry": ("Scheduled", "schedule"),
    "normal": ("Set to normal:", "set to normal:"),
    "backoff": ("Set to backoff:", "set to backoff:"),
}
"""What is said when it is done, and what when it would be."""
_ALREADY: Final = {
    "pause": "is paused already",
    "resume": "is not paused",
    "normal": "is in normal mode already",
    "backoff": "is in backoff mode already",
}
_COMMANDS: Final = {
    "pause": ("pause",),
    "resume": ("resume",),
    "retry": ("schedule",),
    "normal": ("set", "queue", "--mode=normal"),
    "backoff": ("set", "queue", "--mode=backoff"),
}
_OPPOSITE: Final = {"pause": "resume", "resume": "pause", "normal": "backoff", "backoff": "normal"}
_BECOMES: Final = {
    "pause": "nothing leaves until it is resumed",
    "resume": "it sends again",
    "retry": "what waits is tried at once, within its limits",
    "normal": "leaves backoff at once, until a reply puts it there again",
    "backoff": "goes at the rate of backoff until it leaves it as its configuration says, or by hand",
}


def named(client: "EngineClient", name: str, *, everything: bool) -> Sequence[Queue]:
    """The queues that the words name. Raises UsageError and NotFoundError."""
    if "/" not in name:
        raise UsageError(f"{name!r} is not a queue; write domain/vmta, or {name}/* for all its VirtualMTAs")
    if not name.replace("*", "").replace("/", "") and not everything:
        raise UsageError(f"{name} is every queue there is; add --everything if you mean that")
    found: list[Queue] = client.queues(name, sort="name", limit=_MOST).get("queues", [])
    if not found:
        raise NotFoundError(f"there is no queue {name}; tidegate show queues lists them")
    return found


def concerned(found: Sequence[Queue], act: str) -> list[Queue]:
    """Those of them that the act changes: so that undo does not touch what was so before."""
    return [queue for queue in found if not _is_so(queue, act)]


def _is_so(queue: Queue, act: str) -> bool:
    if act in {"pause", "resume"}:
        return bool(queue["paused"]) == (act == "pause")
    return str(queue["mode"]) == act


def told(verb: str, act: str, found: Sequence[Queue]) -> str:
    """A line for each queue: what is done with it, or that it is so already."""
    changed = concerned(found, act)
    lines = [f"{verb} {queue['name']} ({count(queue['recipients'])})" for queue in changed]
    lines += [f"{queue['name']} {_ALREADY[act]}" for queue in found if queue not in changed]
    return "\n".join(lines)


def undo(name: str, act: str, found: Sequence[Queue]) -> str:
    """The command that takes it back; empty where there is none."""
    changed = concerned(found, act)
    if act not in _OPPOSITE or not changed:
        return ""
    names = [name] if len(changed) == len(found) else [str(queue["name"]) for queue in changed]
    command = " ".join(_COMMANDS[_OPPOSITE[act]])
    return "; ".join(f'tidegate {command} {quoted(one)} --reason "…"' for one in names[:_NAMED])


def planned(name: str, act: str, reason: str, found: Sequence[Queue]) -> Plan:
    """What would become of the queues."""
    back, changed = undo(name, act, found), concerned(found, act)
    lines = [Line("state", _state(queue, act)) for queue in changed[:_NAMED]]
    if len(changed) > _NAMED:
        lines.append(Line("state", f"the same for {len(changed) - _NAMED} more"))
    lines.append(Line("controller", "is not concerned: it limits source IPs, not queues"))
    lines.append(Line("command", plan.typed(*_COMMANDS[act], name, reason=reason), exact=True))
    if back:
        lines.append(Line("undo", back, exact=True))
    text = told(f"Would {VERBS[act][1]}", act, found)
    return Plan(text, tuple(lines), [queue["name"] for queue in changed], back)


def _state(queue: Queue, act: str) -> str:
    now = "paused" if queue["paused"] else str(queue["mode"])
    return f"{now} now; {_BECOMES[act]}"


def count(recipients: int) -> str:
    return f"{recipients} recipient{'' if recipients == 1 else 's'}"


def quoted(name: str) -> str:
    return f"'{name}'" if "*" in name else name
