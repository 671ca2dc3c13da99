"""From views to HTML and text, by the templates in templates/mail. No external resources, ever."""

import re
import textwrap
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from core.incident import Severity
from monitor.notifications import chart_png
from monitor.notifications.views import IncidentView, PlanView, Row
from monitor.notifications.wording import SEVERITY_WORDS

WIDTH = 76
"""Columns of the text part: fits 78 with a quoting mark (RFC 5322 section 2.1.1 asks for 78)."""

CHART = "signal-and-limit"
"""The Content-ID of an incident's chart."""

_URL = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)]")
_TONES = {Severity.INFO: "unknown", Severity.WARNING: "warn", Severity.CRITICAL: "bad"}


@cache
def environment() -> Environment:
    """Jinja2 with strict names, and escaping in HTML alone."""
    made = Environment(
        loader=PackageLoader("templates", "mail"),
        autoescape=select_autoescape(enabled_extensions=("html.j2",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters.update(
        together=together,
        wrap=wrap,
        hang=hang,
        linked=linked,
        rows_as_text=rows_as_text,
        columns=columns,
        command=command,
    )
    return made


def incident(view: IncidentView, subject: str, footer: str) -> tuple[str, str]:
    """The HTML and the text of a mail about incidents."""
    facts = {
        "view": view,
        "subject": subject,
        "footer": footer,
        "severity": SEVERITY_WORDS[view.tone],
        "tone": "over" if view.is_over else view.tone.value,
        "tones": _TONES,
        "preheader": f"{view.badge}. {view.consequence or view.elsewhere}",
        "test": view.test,
        "chart": CHART,
        "chart_height": chart_png.height_of(view.chart) // 2 if view.chart else 0,
    }
    return both("incident", facts)


def plan(view: PlanView, subject: str, footer: str) -> tuple[str, str]:
    """The HTML and the text of the mail of advise mode."""
    facts = {
        "view": view,
        "subject": subject,
        "footer": footer,
        "tone": view.tone.value,
        "preheader": "Nothing has been changed.",
        "test": view.test,
    }
    return both("plan", facts)


def both(name: str, facts: dict[str, Any]) -> tuple[str, str]:
    """Render `name.html.j2` and `name.txt.j2` from the same facts."""
    html = environment().get_template(f"{name}.html.j2").render(facts)
    text = environment().get_template(f"{name}.txt.j2").render(facts)
    return _without_blank_lines(html), _tidy(text)


def wrap(text: str) -> str:
    """Lines of at most WIDTH columns; addresses and commands are never broken."""
    return hang(text, 0)


def hang(text: str, indent: int) -> str:
    """The same with all lines but the first indented; the first keeps its own spaces."""
    own = len(text) - len(text.lstrip(" "))
    return textwrap.fill(
        text.strip(),
        WIDTH,
        initial_indent=" " * own,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def command(text: str) -> str:
    """A command to copy, continued with backslashes where it is longer than a line."""
    lines = textwrap.wrap(text.strip(), WIDTH - 8, break_long_words=False, break_on_hyphens=False)
    own = " " * (2 + len(text) - len(text.lstrip(" ")))
    return f" \\\n{own}    ".join([own + lines[0], *lines[1:]]) if lines else ""


def linked(text: str) -> Markup:
    """Escaped text with its http addresses as links."""
    parts, last = [], 0
    for match in _URL.finditer(text):
        url = escape(match[0])
        parts += [escape(text[last : match.start()]), Markup('<a href="{0}">{0}</a>').format(url)]
        last = match.end()
    return Markup("").join([*parts, escape(text[last:])])


def together(text: str) -> str:
    """A number stays on one line with its unit; only a bracket may begin a new one."""
    return re.sub(r" (?!\()", "\u00a0", text)


def rows_as_text(rows: Sequence[Row]) -> str:
    """The before-and-now table in columns; long values wrap inside theirs."""
    about = [("IP",)] if rows and rows[0].about else []
    head = (*(a[0] for a in about), "Signal", "Before", "Now", "Since")
    body = [(*((r.about,) if about else ()), r.what, r.before, r.now, r.since) for r in rows]
    return table([head, *body])


def columns(things: Iterable[object], fields: Sequence[str]) -> str:
    """Objects as a table, one column for each named attribute, headed by its name."""
    head = [field.replace("_", " ").capitalize() for field in fields]
    return table([head, *([str(getattr(thing, field)) for field in fields] for thing in things)])


def table(lines: Sequence[Sequence[str]], indent: int = 2) -> str:
    """Columns as wide as needed, the widest ones narrowed until a line fits."""
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    room = WIDTH - indent - 2 * (len(widths) - 1)
    while sum(widths) > room and max(widths) > 8:
        widths[widths.index(max(widths))] -= 1
    return "\n".join(text for line in lines for text in _cells(line, widths, indent))


def _cells(line: Sequence[str], widths: Sequence[int], indent: int) -> Iterable[str]:
    wrapped = [textwrap.wrap(cell, width) or [""] for cell, width in zip(line, widths, strict=True)]
    for row in range(max(map(len, wrapped))):
        parts = [
            (cell[row] if row < len(cell) else "").ljust(width)
            for cell, width in zip(wrapped, widths, strict=True)
        ]
        yield (" " * indent + "  ".join(parts)).rstrip()


def _tidy(text: str) -> str:
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n") + "\n"


def _without_blank_lines(html: str) -> str:
    return "\n".join(line for line in html.splitlines() if line.strip()) + "\n"
