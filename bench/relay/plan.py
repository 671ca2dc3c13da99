"""Which contender is measured under which load, and how often."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from bench.options import Form, Options
from bench.relay.contender import Contender
from bench.relay.direct import Direct
from bench.relay.errors import BenchError
from bench.relay.exim import Exim
from bench.relay.haraka import Haraka
from bench.relay.load import Connections, Load
from bench.relay.opensmtpd import OpenSmtpd
from bench.relay.postfix import Postfix
from bench.relay.tidegate import Tidegate

MAIN = Load(0)
BEST = Load(0, sessions=5)
"""Where Postfix is at its best on a small machine: few sessions, few deliveries at once."""

_SIZES = (4096, 20_480)
_SESSIONS = (20, 50, 100)
_OTHER = (
    Load(0, size=20_480),
    Load(0, connections=Connections.NEW),
    Load(0, sessions=20),
    Load(0, sessions=100),
)
_MATRIX = tuple(Load(0, *case) for case in product(_SIZES, _SESSIONS, Connections))

DIRECT, OURS, OURS_SIGNING = Direct(), Tidegate(), Tidegate(signing=True)
POSTFIX, POSTFIX_BEST = Postfix(), Postfix("postfix-best", concurrency=5)
CONTENDERS: tuple[Contender, ...] = (
    *(DIRECT, OURS, OURS_SIGNING, POSTFIX, POSTFIX_BEST),
    *(Haraka(), OpenSmtpd(), Exim()),
)

_MESSAGES = {"limit": 10_000, "tidegate": 10_000, "tidegate-dkim": 5_000, "exim": 600, "opensmtpd": 2_000}
"""A few seconds of work for each; others get `_USUAL_MESSAGES`."""
_USUAL_MESSAGES = 3_000


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to measure, once in each of so many rounds."""

    contender: Contender
    load: Load
    rounds: int = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """Round by round all cases in turn, so that a machine that drifts drifts for all."""

    cases: tuple[Case, ...]
    tries: int = 1

    def rounds(self) -> Iterator[tuple[int, Case]]:
        for number in range(1, max(case.rounds for case in self.cases) + 1):
            yield from ((number, case) for case in self.cases if case.rounds >= number)

    def contenders(self) -> Iterator[Contender]:
        yield from dict.fromkeys(case.contender for case in self.cases)


def plan(options: Options) -> Plan:
    """The cases of a form. Raises BenchError for a name that is no contender's."""
    names = [contender.name for contender in CONTENDERS]
    if unknown := set(options.only) - set(names):
        raise BenchError(f"no contender {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    chosen = [each for each in CONTENDERS if each.name in (options.only or names)]
    return Plan(
        tuple(case for contender in chosen for case in _cases(contender, options.form)), options.tries
    )


def _cases(contender: Contender, form: Form) -> Iterator[Case]:
    """What a named figure needs is measured in three rounds, the rest only in the full form."""
    messages = _MESSAGES.get(contender.name, _USUAL_MESSAGES)
    for load in _loads(contender, form):
        named = form is Form.FULL or load in {MAIN, BEST}
        yield Case(contender, load.of(messages), rounds=3 if named else 1)


def _loads(contender: Contender, form: Form) -> tuple[Load, ...]:
    if contender is POSTFIX_BEST:
        return (BEST,)
    if form is Form.FULL:
        return (*_MATRIX, BEST) if contender is OURS else _MATRIX
    return (MAIN, *_OTHER) if contender in (DIRECT, OURS, POSTFIX) else (MAIN,)
