"""schemathesis against a running API: what its OpenAPI document promises is what it answers, whatever is asked.

The same requests each time: hypothesis draws them without chance, and keeps no memory of other runs.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi import checks

CHECKS: list[Any] = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
    checks.ignored_auth,
]


@dataclass(frozen=True, slots=True)
class Conformity:
    """How to ask: where, with which headers, how often, and what is really there to be asked about."""

    base: str
    headers: Mapping[str, str]
    examples: int
    there: Mapping[str, str] = field(default_factory=dict)
    endless: frozenset[str] = frozenset()


def ask(document: Mapping[str, Any], how: Conformity) -> Counter[str]:
    """Ask every operation; how many answers of each kind (`2xx`) came. Raises what the first breach was."""
    answers: Counter[str] = Counter()
    with requests.Session() as session:
        for operation in _operations(document, how):
            for strategy in _right(operation, how.there):
                _ask(strategy, how, session, answers)
        for operation in _operations(_without_security(document), how):
            if operation.body or operation.query or operation.headers or operation.path_parameters:
                wrong = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
                with suppress(Unsatisfiable):  # where any word is right, nothing can be wrong
                    _ask(wrong, how, session, answers)
    return answers


def _operations(document: Mapping[str, Any], how: Conformity) -> Iterable[APIOperation]:
    for found in schemathesis.openapi.from_dict(dict(document)).get_all_operations():
        operation = found.ok()
        if operation.path not in how.endless:
            yield operation


def _without_security(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document for wrong requests: one that lacks only the token is right, as we put the token in."""
    paths = {
        path: {
            method: {name: value for name, value in operation.items() if name != "security"}
            for method, operation in operations.items()
        }
        for path, operations in document["paths"].items()
    }
    return {**document, "paths": paths}


def _right(operation: APIOperation, there: Mapping[str, str]) -> Iterable[Any]:
    """Requests as the document wants them, about things that are there and about others."""
    names = {parameter.name for parameter in operation.path_parameters}
    real = {name: value for name, value in there.items() if name in names}
    yield operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    if real:
        yield operation.as_strategy(generation_mode=GenerationMode.POSITIVE, path_parameters=real)


def _ask(strategy: Any, how: Conformity, session: requests.Session, answers: Counter[str]) -> None:
    @settings(
        max_examples=how.examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def one(case: Case) -> None:
        assume(all(map(_is_sent, (case.query or {}).values())))
        answer = case.call_and_validate(
            base_url=how.base, session=session, headers=dict(how.headers), checks=CHECKS, timeout=20
        )
        answers[f"{answer.status_code // 100}xx"] += 1

    run: Callable[[], None] = one
    run()


def _is_sent(value: object) -> bool:
    """Whether a value of the query reaches the wire: empty lists and objects do not, nor do their names."""
    if isinstance(value, Mapping | list):
        return any(map(_is_sent, value.values() if isinstance(value, Mapping) else value))
    return value is not None
