"""What was promised to the programs of others is kept, or CHANGELOG.md says that it is broken."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openapi_breaks import breaks, unannounced

from engine.api.app import routed as engine_routed
from tidegate.web.app import routed as watch_routed

HERE = Path(__file__).parent
CHANGELOG = HERE.parents[1] / "CHANGELOG.md"
APPS = {"engine": engine_routed, "watch": watch_routed}


def promised(name: str) -> dict[str, Any]:
    """The document of the last release."""
    found: dict[str, Any] = json.loads((HERE / "promised" / f"openapi-{name}.json").read_text())
    return found


@pytest.mark.parametrize("name", APPS)
def test_no_promise_is_broken_without_a_word_in_the_changelog(name: str) -> None:
    found = breaks(promised(name), APPS[name]().openapi())
    assert not unannounced(found, CHANGELOG.read_text()), (
        "keep it, or write `- breaking: … `METHOD path` …` under Unreleased in CHANGELOG.md (docs/api.md)"
    )


def gone(document: dict[str, Any]) -> None:
    del document["paths"]["/v1/leases/{key}"]["delete"]


def field_of_answer(document: dict[str, Any]) -> None:
    del document["components"]["schemas"]["LeaseView"]["properties"]["state"]


def field_may_be_missing(document: dict[str, Any]) -> None:
    document["components"]["schemas"]["LeaseView"]["required"].remove("state")


def demanded_field(document: dict[str, Any]) -> None:
    document["components"]["schemas"]["Lease"]["required"].append("rule")


def narrowed_enum(document: dict[str, Any]) -> None:
    document["components"]["schemas"]["QueueOrder"]["enum"].remove("size")


def demanded_parameter(document: dict[str, Any]) -> None:
    document["paths"]["/v1/audit"]["get"]["parameters"][0]["required"] = True


def parameter_gone(document: dict[str, Any]) -> None:
    document["paths"]["/v1/audit"]["get"]["parameters"].pop()


def stronger_role(document: dict[str, Any]) -> None:
    document["paths"]["/v1/audit"]["get"]["security"] = [{"bearer": ["admin"]}]


def other_type(document: dict[str, Any]) -> None:
    document["components"]["schemas"]["Status"]["properties"]["epoch"]["type"] = "string"


def may_be_null(document: dict[str, Any]) -> None:
    document["components"]["schemas"]["Status"]["properties"]["epoch"] = {
        "anyOf": [{"type": "integer"}, {"type": "null"}]
    }


def other_code(document: dict[str, Any]) -> None:
    answers = document["paths"]["/v1/messages"]["post"]["responses"]
    answers["200"] = answers.pop("202")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (gone, "DELETE /v1/leases/{key}: it is gone"),
        (field_of_answer, "GET /v1/leases/{key}: answer.state is gone"),
        (field_may_be_missing, "GET /v1/leases/{key}: answer.state may be missing now"),
        (demanded_field, "PUT /v1/leases/{key}: body.rule is required now"),
        (narrowed_enum, "GET /v1/queues: parameter sort takes size no more"),
        (demanded_parameter, "GET /v1/audit: parameter since is required now"),
        (parameter_gone, "GET /v1/audit: parameter limit is gone"),
        (stronger_role, "GET /v1/audit: it needs a stronger role"),
        (other_type, "GET /v1/status: answer.epoch has another type"),
        (may_be_null, "GET /v1/status: answer.epoch has another type"),
        (other_code, "POST /v1/messages: it answers 202 no more"),
    ],
)
def test_a_break_is_seen(change: Callable[[dict[str, Any]], None], said: str) -> None:
    before = json.loads(json.dumps(engine_routed().openapi()))
    after = copy.deepcopy(before)
    change(after)
    found = breaks(before, after)
    assert said in found
    assert said in unannounced(found, "## [Unreleased]\n\n- something else\n\n## [0.1.0]\n")
    place = said.partition(": ")[0]
    assert said not in unannounced(found, f"## [Unreleased]\n\n- breaking: `{place}` does otherwise\n")
    assert said in unannounced(found, f"## [Unreleased]\n\n## [0.1.0]\n\n- breaking: `{place}` did\n")


def test_what_is_added_breaks_nothing() -> None:
    before = json.loads(json.dumps(engine_routed().openapi()))
    after = copy.deepcopy(before)
    after["paths"]["/v1/new"] = after["paths"]["/v1/status"]
    after["components"]["schemas"]["LeaseView"]["properties"]["more"] = {"type": "string"}
    after["components"]["schemas"]["QueueOrder"]["enum"].append("age")
    after["paths"]["/v1/audit"]["get"]["parameters"].append(
        {"in": "query", "name": "actor", "schema": {"type": "string"}}
    )
    assert breaks(before, after) == []
