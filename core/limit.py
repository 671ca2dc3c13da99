"""The limit chain: every term that bounds a scope's rate; the binding one marked, each with its reason."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from core.lease import Directive, Origin
from core.rate import UNLIMITED, Rate


class LimitTerm(BaseModel):
    """One bound: what, how much, who set it, why, since when, until when."""

    model_config = ConfigDict(frozen=True)

    directive: str
    value: Rate
    origin: Origin
    set_by: str
    reason: str
    since: datetime | None = None
    until: datetime | None = None
    where: str = ""
    lease_key: str | None = None
    binding: bool = False


class LimitChain(BaseModel):
    """All terms for one directive on one scope, strictest first; the first is the binding one."""

    model_config = ConfigDict(frozen=True)

    subject: str
    directive: Directive | str
    terms: tuple[LimitTerm, ...]

    @property
    def effective(self) -> Rate:
        return self.terms[0].value if self.terms else UNLIMITED


def chain(subject: str, directive: str, terms: list[LimitTerm]) -> LimitChain:
    """Order the terms strictest first and mark the binding one. Equal terms keep the order given."""
    ordered = sorted(terms, key=lambda term: term.value.per_hour)
    marked = [
        term.model_copy(update={"binding": place == 0 and not term.value.is_unlimited})
        for place, term in enumerate(ordered)
    ]
    return LimitChain(subject=subject, directive=directive, terms=tuple(marked))
