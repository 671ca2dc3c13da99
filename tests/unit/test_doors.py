"""The list of doors leaves none out: not a hidden one, not one that nobody thought of."""

from fastapi import APIRouter, Depends, FastAPI, Security
from fastapi.security import HTTPBearer

from tests.unit.doors import UNDECLARED, doors


def nothing() -> None:
    """An endpoint."""


def test_hidden_doors_and_those_that_nobody_thought_of_are_listed() -> None:
    hidden = APIRouter(include_in_schema=False)
    hidden.add_api_route("/page", nothing, dependencies=[Security(HTTPBearer(), scopes=["read"])])
    hidden.add_api_route("/forgotten", nothing, methods=["POST"])
    app = FastAPI()
    app.include_router(hidden)
    app.add_api_route("/open", nothing, openapi_extra={"security": []})
    app.add_api_route("/roleless", nothing, dependencies=[Depends(HTTPBearer())])
    assert {str(one): one.role for one in doors(app)} == {
        "GET /page": "read",
        "POST /forgotten": UNDECLARED,
        "GET /open": None,
        "GET /roleless": UNDECLARED,
    }
    assert set(app.openapi()["paths"]) == {"/open", "/roleless"}
