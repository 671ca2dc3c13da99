"""An SMTP conversation as text. A decider: steps go in, lines come out; foreign text is made harmless."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from core.text import printable
from tidegate.cli.output import ago, clock_time, colour, moment, read_time
from tidegate.cli.trace_sums import Sums

Step = Mapping[str, Any]

_LONGEST: Final = 2_000
_LONGEST_AGAIN: Final = 60
"""Characters of a reply that stands a few lines above in full."""
_DIM, _GREEN, _YELLOW, _RED = "2", "32", "33", "31"
_MARKS: Final = {"said": ">", "heard": "<"}
_COLOURS: Final = {"delivered": _GREEN, "deferred": _YELLOW, "refused": _RED}
_SLOW_PER_HOUR: Final = 60
_MOST_LIMITS: Final = 3
_MOST_REPLIES: Final = 5
_SHORTEST_MS: Final = 0.1


def lines(step: Step, *, numbered: bool) -> list[str]:
    """A step's lines; with the number of its connection before each where there are several."""
    before = f"{step.get('connection', 0)} " if numbered else ""
    match step["event"]:
        case "waiting" | "written":
            return []
        case "begun":
            return [_head(step)]
        case "content":
            return _content(step, before)
        case "said" | "heard" as event:
            mark, text = _MARKS[event], _shown(step.get("line"))
        case "result":
            mark, text = "=", _result(step)
        case _:
            mark, text = " ", colour(_event(step), _DIM)
    return [_line(step, before, mark, text)]


def summary(sums: Sums) -> str:
    """Results, what the peer had against it, and the time of each phase."""
    several = sums.begun != 1
    counts = [
        f"{count} {colour(_shown(name), _COLOURS.get(name, _DIM))}" for name, count in sums.results.items()
    ]
    head = f"{sums.begun} connections: " if several else ""
    said = [head + (", ".join(counts) or "no recipient was answered")]
    said += [f"  {count} × {_shown(reply)}" for reply, count in sums.replies.most_common(_MOST_REPLIES)]
    if not sums.results:
        said += [f"  {_shown(why)}" for why in dict.fromkeys(sums.reasons)]
    spent = ", ".join(f"{name} {_span(ms)}" for name, ms in sums.phases.items() if ms >= _SHORTEST_MS)
    return "\n".join([*said, *([colour(f"  {spent}", _DIM)] if spent else [])])


def outlook(wanted: str, queue: Mapping[str, Any], now: datetime, ip: str | None) -> str:
    """What is waited for, and why it may take a while."""
    waiting = int(queue["recipients"])
    words = [f"Waiting for the next connection {wanted}."]
    if queue.get("paused"):
        words.append(f"The queue is paused: nothing is opened until tidegate resume {queue['name']}.")
    elif not waiting:
        words.append("The queue is empty: it opens one when mail comes.")
    else:
        retry = read_time(queue.get("next_retry_at"))
        when = f"; it tries again at {clock_time(retry)} ({ago(retry, now)})" if retry and retry > now else ""
        words.append(f"{waiting} recipient{'s wait' if waiting != 1 else ' waits'}{when}.")
        words += _slow(queue, now, ip)
    if open_now := int(queue.get("connections") or 0):
        are = "connections are" if open_now != 1 else "connection is"
        words.append(f"{open_now} {are} open already and may take the mail: only a new one is shown.")
    return " ".join(printable(text) for text in words)


def _slow(queue: Mapping[str, Any], now: datetime, ip: str | None) -> list[str]:
    """The limits under which a connection may be long in coming."""
    from core.rate import Rate  # noqa: PLC0415 - brings pydantic

    found = []
    for chain in queue.get("chains", ()):
        term = next((one for one in chain["terms"] if one.get("binding")), None)
        subject = str(chain["subject"])
        if term is None or (ip and not subject.endswith(f" {ip}")):
            continue
        if Rate.parse(str(term["value"])).per_hour > _SLOW_PER_HOUR:
            continue
        until = read_time(term.get("until"))
        lasts = f" until {moment(until, now)}" if until else ""
        source = subject.rpartition(" ")[2]
        found.append(f"{source} is limited to {term['value']}{lasts}")
    shown = list(dict.fromkeys(found))[:_MOST_LIMITS]
    return [f"{'; '.join(shown)}: it may take a while."] if shown else []


def _head(step: Step) -> str:
    bind, source = step.get("bind"), step.get("source_ip")
    bound = f" (bound to {bind})" if bind and bind != source else ""
    parts = [f"Connection {step['connection']}", f"{clock_time(read_time(step.get('at')))}:"]
    parts += [str(step.get("queue")), f"from {source}{bound}" if source else "from no source IP yet"]
    parts += [f"at {step['provider']}"] if step.get("provider") else []
    return printable(" ".join(parts))


def _line(step: Step, before: str, mark: str, text: str) -> str:
    at = colour(f"{float(step.get('ms', 0)):>9.1f}", _DIM)
    return f"{before}{at} {mark} {text}".rstrip()


def _content(step: Step, before: str) -> list[str]:
    octets = f"{int(step.get('octets', 0)):,} octets of content"
    if "lines" not in step:
        return [_line(step, before, ">", colour(f"({octets}; --log-data shows the first)", _DIM))]
    cut = ", cut here" if step.get("cut") else ""
    shown = [_line(step, before, ">", colour(_shown(text), _DIM)) for text in _texts(step["lines"])]
    return [*shown, _line(step, before, ">", colour(f"({octets}{cut})", _DIM))]


def _texts(value: object) -> Sequence[str]:
    return [str(text) for text in value] if isinstance(value, list) else []


def _result(step: Step) -> str:
    result = _shown(step.get("result"))
    head = f"{_shown(step.get('recipient'))}  {colour(result, _COLOURS.get(result, _DIM))}"
    if step.get("by") == "Tidegate":
        return f"{head}, in our own words: {_shown(step.get('reply'))}"
    return head if result == "delivered" else f"{head}  {printable(str(step.get('reply')), _LONGEST_AGAIN)}"


def _event(step: Step) -> str:
    match step["event"]:
        case "resolved":
            hosts = ", ".join(_texts(step.get("hosts"))) or "no address"
            text = f"mail servers: {hosts}"
        case "connecting":
            where = f"{step.get('address')}:{step.get('port')}"
            text = f"connecting to {step.get('host')} ({where}) {step.get('tls')}"
        case "connected":
            text = f"connected from {step.get('local')}"
        case "failed":
            text = f"failed: {step.get('why')}"
        case "secured":
            text = f"TLS: {step.get('protocol')} {step.get('cipher')}"
        case "closed":
            text = f"closed: {step.get('why')}"
        case "left-out":
            text = f"{step.get('steps')} steps are left out: they came faster than they could be told"
        case other:
            text = str(other)
    return printable(text, _LONGEST)


def _shown(text: object) -> str:
    """One line without anything that a terminal obeys; its indent stays."""
    said = str(text).expandtabs()
    indent = len(said) - len(said.lstrip(" "))
    return " " * min(indent, 40) + printable(said, _LONGEST)


def _span(ms: float) -> str:
    return f"{ms:.1f} ms" if ms < 1_000 else f"{ms / 1_000:.1f} s"
