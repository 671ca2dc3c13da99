"""Every door of an application, and the role that it declares: from its OpenAPI document, hidden routes too."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts

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


class _Shown(RouteContext):
    """A route as its application has it, which hides from no document."""

    include_in_schema = True


def doors(app: FastAPI) -> list[Door]:
    """All of them; the application stays as it is."""
    found = [
        _Shown(one.route, one._route_context)
        for one in iter_route_contexts(app.routes)
        if isinstance(one.original_route, APIRoute)
    ]
    return list(_doors(get_openapi(title=app.title, version=app.version, routes=found)))


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
