"""Who comes in, how long they stay, and what is in the way of whoever should not."""

import re

import pytest

from tests.unit.tidegate.web.site_world import IP, TOKENS, World
from tidegate.web.guard import COOKIE, LIVE
from tidegate.web.headers import POLICY

PAGES = ("/", "/ips", f"/ips/{IP}", "/queues", "/leases", "/incidents", "/sources", "/audit", "/api", "/live")


@pytest.mark.parametrize("path", PAGES)
async def test_nobody_sees_a_page_before_signing_in(world: World, path: str) -> None:
    answer = await world.browser.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login")
    assert IP not in answer.text


async def test_a_token_becomes_a_cookie_that_no_script_and_no_other_site_can_use(world: World) -> None:
    answer = await world.sign_in("guest")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert re.search(r"HttpOnly", cookie)
    assert re.search(r"SameSite=strict", cookie)
    assert TOKENS["guest"][1] not in cookie
    assert (await world.browser.get("/")).status_code == 200


@pytest.mark.parametrize("token", ["", "a-stranger-s-token-01", TOKENS["monitor"][1]])
async def test_a_token_that_may_not_look_opens_nothing_and_is_not_repeated(world: World, token: str) -> None:
    answer = await world.browser.post("/login", data={"token": token})
    assert answer.status_code == 403
    assert COOKIE not in answer.cookies
    assert not token or token not in answer.text


async def test_guessing_is_slow_and_one_address_does_not_lock_out_another(world: World) -> None:
    for _ in range(10):
        assert (await world.browser.post("/login", data={"token": "wrong"})).status_code == 403
    answer = await world.sign_in("ada")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
    assert world.site.patience.wait("198.51.100.1") == 0
    world.people.advance(61)
    assert (await world.sign_in("ada")).status_code == 303


@pytest.mark.parametrize(
    ("wanted", "back"),
    [
        ("/queues?q=a", "/queues?q=a"),
        ("https://elsewhere.example/", "/"),
        ("//elsewhere.example/", "/"),
        ("/\\elsewhere.example", "/"),
        ("leases", "/"),
    ],
)
async def test_after_signing_in_one_comes_back_to_this_site_alone(
    world: World, wanted: str, back: str
) -> None:
    answer = await world.browser.post("/login", data={"token": TOKENS["ada"][1], "next": wanted})
    assert answer.headers["location"] == back


async def test_an_idle_session_ends_and_a_page_that_refreshes_itself_keeps_none_alive(world: World) -> None:
    await world.sign_in("guest")
    world.people.advance(7 * 3600)
    assert (await world.browser.get("/", headers={LIVE: "1"})).status_code == 200
    world.people.advance(2 * 3600)
    answer = await world.browser.get("/", headers={LIVE: "1"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (204, "/login")
    assert (await world.browser.get("/")).status_code == 303


async def test_a_click_keeps_a_session_alive_and_signing_out_ends_it(world: World) -> None:
    await world.sign_in("guest")
    for _ in range(3):
        world.people.advance(7 * 3600)
        assert (await world.browser.get("/")).status_code == 200
    assert (await world.browser.post("/logout", data={"csrf": "wrong"})).status_code == 403
    secret = world.browser.cookies[COOKIE]
    await world.browser.post("/logout", data={"csrf": world.csrf})
    world.browser.cookies.set(COOKIE, secret)
    assert (await world.browser.get("/")).status_code == 303


@pytest.mark.parametrize("path", ["/login", "/", "/nowhere", "/-/healthy"])
async def test_every_answer_forbids_what_is_inline_or_from_elsewhere(world: World, path: str) -> None:
    await world.sign_in("guest")
    answer = await world.browser.get(path)
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "unsafe" not in POLICY
    assert not re.search(r"<style|style=|<script>|\son\w+=|hx-on", answer.text)


async def test_pages_are_not_kept_and_a_missing_one_is_told_as_a_page(world: World) -> None:
    await world.sign_in("guest")
    assert (await world.browser.get("/")).headers["cache-control"] == "no-store"
    answer = await world.browser.get("/queues/a.example/none")
    assert answer.status_code == 404
    assert "there is no queue" in answer.text
    told = await world.browser.get("/queues/a.example/none", headers={"Accept": "application/json"})
    assert told.json()["status"] == 404
