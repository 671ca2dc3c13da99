"""Every door of an application, and the role that it declares: from its OpenAPI document, hidden routes too."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

UNDECLARED = "undeclared"


@dataclass(frozen=True, slots=True)
class Door:
    """One method of one path. `role` None: open on purpose; UNDECLARED: nobody thought of it."""

    method: str
    path: str
    role: str | None

    def filled(self, values: Mapping[str, str]) -> str:
        """The path with its parameters. A new one needs a value in the test."""
        return self.path.format(**values)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def doors(app: FastAPI) -> list[Door]:
    """All of them. The application is spent afterwards: its hidden routes are hidden no more."""
    for route in app.routes:
        if isinstance(route, APIRoute):
            route.include_in_schema = True
    app.openapi_schema = None
    return list(_doors(app.openapi()))


def _doors(document: Mapping[str, Any]) -> Iterator[Door]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield Door(method.upper(), path, _role(operation.get("security")))


def _role(security: list[dict[str, list[str]]] | None) -> str | None:
    if security is None:
        return UNDECLARED
    roles = {role for way in security for roles in way.values() for role in roles}
    if len(roles) > 1:
        return UNDECLARED
    return next(iter(roles), None if security == [] else UNDECLARED)
