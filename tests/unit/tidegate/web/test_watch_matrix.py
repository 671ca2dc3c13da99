"""Every door of the watch process × every role: a new page joins by itself, and must say whom it lets in."""

import pytest

from tests.unit import doors
from tests.unit.doors import UNDECLARED, Door
from tests.unit.tidegate.web.site_world import IP, TOKENS, World
from tidegate.web.app import routed
from tidegate.web.settings import WebScope

FILLED = {"address": IP, "domain": "example.test", "vmta": "default", "number": "1", "kind": "hold",
          "name": "engine"}  # fmt: skip
OPEN = {"/-/healthy", "/login", "/assets/{name}"}
PROGRAMS = {"/v1/alerts", "/api/v2/alerts"}
DOORS = doors.doors(routed())
ENDLESS = {"/live"}
"""Whoever may follow it never gets to its end; who may not is asked in test_web_sign_in."""
PAGES = [door for door in DOORS if door.path not in OPEN | PROGRAMS | ENDLESS]


def test_every_door_says_whom_it_lets_in() -> None:
    undeclared = [str(door) for door in DOORS if door.role == UNDECLARED]
    assert not undeclared, "take Reader, Operator or Sender as a parameter, or write openapi_extra=OPEN"
    assert {door.path for door in DOORS if door.role is None} == OPEN
    for door in PAGES:
        assert door.method == "GET" or door.path == "/logout" or door.role != WebScope.READ, str(door)


@pytest.mark.parametrize("who", [None, "monitor", "guest", "ada", "chief"])
@pytest.mark.parametrize("door", PAGES, ids=str)
async def test_a_page_opens_to_its_role_and_to_no_lesser_one(
    world: World, door: Door, who: str | None
) -> None:
    form = {}
    if who is not None:
        await world.sign_in(who)
    if who in {"guest", "ada", "chief"}:
        form = {"csrf": world.csrf}
    place = door.filled(FILLED)
    answer = await world.browser.request(door.method, place, data=form if door.method == "POST" else None)
    held = WebScope(TOKENS[who][0]) if who else None
    if held is None or not held.allows(WebScope.READ):
        assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/login")
    elif not held.allows(WebScope(str(door.role))):
        assert answer.status_code == 403
    else:
        assert answer.status_code not in {401, 403}
        assert answer.status_code < 500
