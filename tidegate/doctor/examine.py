"""Runs every check beside the others, and sums up. Nothing is changed, and no mail is sent."""

import asyncio
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from core.clock import Clock
from core.secret import Redactor
from core.text import printable
from tidegate.cli.output import colour, width
from tidegate.config.load import load
from tidegate.config.problems import ConfigErrors
from tidegate.doctor import engine, machine, mail, names, records, sources, watch
from tidegate.doctor.finding import Check, Finding, Patient, Verdict, beside, broken, fine, unwise

CHECKS: Final[tuple[tuple[str, Check], ...]] = (
    ("files", beside(machine.files)),
    ("clock", beside(machine.clock)),
    ("database", beside(records.records)),
    ("spool", beside(machine.spool)),
    ("engine", beside(engine.engine)),
    ("watch", beside(watch.watch)),
    ("source IPs", beside(machine.source_ips)),
    ("reverse names", names.names),
    ("resolver", sources.resolver),
    ("sender score", sources.sender_score),
    ("SNDS", sources.snds),
    ("mail", mail.mail),
)
_PATIENCE_SECONDS: Final = 90.0
"""Real seconds for one check: SNDS may take 30 for each of several files."""
_COLOURS: Final = {Verdict.BROKEN: "31", Verdict.UNWISE: "33", Verdict.FINE: "32", Verdict.UNKNOWN: "36"}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Everything that was found."""

    path: str
    findings: tuple[Finding, ...]

    def count(self, verdict: Verdict) -> int:
        return sum(one.verdict is verdict for one in self.findings)

    @property
    def worst(self) -> Verdict:
        return max((one.verdict for one in self.findings), key=lambda v: v.rank, default=Verdict.FINE)

    def document(self) -> dict[str, Any]:
        return {
            "schema": "doctor/v1",
            "config": self.path,
            "worst": str(self.worst),
            "findings": [
                {"check": f.check, "verdict": str(f.verdict), "said": f.said, "mend": f.mend}
                for f in self.findings
            ],
        }

    def text(self) -> str:
        """A line for each finding, what to do below it, and the sum."""
        wide = max(len(one.check) for one in self.findings)
        lines = [line for one in self.findings for line in _lines(one, wide)]
        sums = [f"{n} {verdict}" for verdict in Verdict if (n := self.count(verdict))]
        return "\n".join([*lines, "", ", ".join(sums)])


def _lines(one: Finding, wide: int) -> list[str]:
    marks = max(len(verdict) for verdict in Verdict)
    indent = " " * (wide + marks + 4)
    room = width() - len(indent)
    said = textwrap.wrap(one.said, room, break_long_words=False, break_on_hyphens=False) or [""]
    mend = textwrap.wrap(one.mend, room - 3, break_long_words=False, break_on_hyphens=False)
    mark = colour(f"{one.verdict:<{marks}}", _COLOURS[one.verdict])
    head = f"{one.check:<{wide}}  {mark}  {said[0]}"
    below = [indent + line for line in said[1:]]
    return [head, *below, *(f"{indent}{'->' if not n else '  '} {line}" for n, line in enumerate(mend))]


async def examine(path: str, clock: Clock) -> Diagnosis:
    """Look at everything. A configuration with mistakes ends it there: nothing else would mean much."""
    try:
        loaded = load(path)
    except ConfigErrors as errors:
        return Diagnosis(path, tuple(broken("configuration", _where(e), e.remedy) for e in errors.errors))
    config = loaded.config
    said = f"{path}: {len(config.source_ips)} source IPs, the controller in mode {config.controller.mode}"
    about = [unwise("configuration", text, "") for text in loaded.warnings] or [fine("configuration", said)]
    patient = Patient(config, path, clock.now())
    found = await asyncio.gather(*(_one(name, check, patient) for name, check in CHECKS))
    hide = loaded.redactor
    return Diagnosis(path, tuple(_shown(f, hide) for each in (about, *found) for f in each))


def _where(error: Any) -> str:
    place = f"{error.file}:{error.line}" if error.line else error.file
    return ": ".join(part for part in (place, error.key, error.problem) if part)


async def _one(name: str, check: Check, patient: Patient) -> Sequence[Finding]:
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return await check(patient)
    except TimeoutError:
        return [Finding(name, Verdict.UNKNOWN, f"no result within {_PATIENCE_SECONDS:.0f} s")]
    except Exception as error:  # noqa: BLE001 - one check that breaks must not take the others with it
        said = printable(f"it could not be looked at: {type(error).__name__}: {error}", 300)
        return [Finding(name, Verdict.UNKNOWN, said)]


def _shown(finding: Finding, hide: Redactor) -> Finding:
    """Without secrets, and with nothing that could move the cursor of a terminal."""
    said, mend = (printable(hide(text), 1_000) for text in (finding.said, finding.mend))
    return Finding(finding.check, finding.verdict, said, mend)
