"""The OpenAPI document tells of every problem that an operation may answer, and of no other kind of error."""

from http import HTTPStatus
from typing import Any

from core.problem import MEDIA_TYPE, Problem, tell, type_of


def document(**operation: Any) -> dict[str, Any]:
    shown = {"responses": {"200": {}, "422": {"content": {"application/json": {}}}}, **operation}
    return {
        "paths": {"/v1/things/{key}": {"put": shown}},
        "components": {"schemas": {"HTTPValidationError": {}, "ValidationError": {}}},
    }


def test_what_an_operation_takes_decides_what_it_may_refuse() -> None:
    told = tell(
        document(
            security=[{"bearer": ["operate"]}],
            parameters=[{"name": "key"}, {"name": "if-match"}],
            requestBody={},
        )
    )
    answers = told["paths"]["/v1/things/{key}"]["put"]["responses"]
    assert set(answers) == {"200", "400", "401", "403", "404", "409", "412", "413", "422", "429"}
    assert answers["422"] == {"$ref": "#/components/responses/UnprocessableEntity"}
    assert MEDIA_TYPE in told["components"]["responses"]["UnprocessableEntity"]["content"]


def test_fastapis_own_form_of_an_error_is_gone_and_ours_is_there() -> None:
    schemas = tell(document())["components"]["schemas"]
    assert "HTTPValidationError" not in schemas
    assert "ValidationError" not in schemas
    assert schemas["Problem"]["required"] == ["type", "title", "status", "detail"]
    assert schemas["Problem"]["properties"]["errors"]["anyOf"][0]["items"] == {
        "$ref": "#/components/schemas/PartProblem"
    }


def test_every_status_has_a_name_that_fits_the_schema() -> None:
    for status in HTTPStatus:
        if status >= 400:
            Problem(type=type_of(status), title=status.phrase, status=status, detail="x")
