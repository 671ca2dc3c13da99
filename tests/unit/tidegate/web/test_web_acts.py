"""Acts from pages: who may, that each says why, what stands afterwards, and that no GET and no forged form acts."""

import re

import pytest

from tests.unit.tidegate.web.site_world import IP, LEASE, World
from tidegate.web.settings import WebScope
from tidegate.web.views.acts import ACTS, ActKind

KEY = str(LEASE["key"])
WHY = {"reason": "ticket 4711"}
FIELDS = {
    ActKind.HOLD: {"ip": IP, "provider": "microsoft", "for": "2h"},
    ActKind.RELEASE: {"key": KEY, "for": "24h"},
    ActKind.EXTEND: {"key": KEY, "for": "6h"},
    ActKind.PIN: {"ip": IP, "provider": "microsoft", "rate": "200/h", "for": "2h"},
    ActKind.OVERRIDE: {"ip": IP, "provider": "*", "signal": "snds-red", "for": "1d"},
    ActKind.PAUSE: {"queue": "a.example/marketing"},
    ActKind.BACKOFF: {"queue": "a.example/marketing"},
    ActKind.FREEZE: {"for": "2h"},
    ActKind.STOP: {},
    ActKind.MODE: {"mode": "advise", "for": "1d"},
}
DONE = {
    ActKind.HOLD: ("order.freeze", f"{IP} × microsoft"),
    ActKind.RELEASE: ("lease.released", KEY),
    ActKind.EXTEND: ("lease.set", f"operator:{IP}:microsoft"),
    ActKind.PIN: ("lease.set", f"operator:{IP}:microsoft"),
    ActKind.OVERRIDE: ("order.override", f"{IP} × all providers"),
    ActKind.PAUSE: ("queue.pause", "a.example/marketing"),
    ActKind.BACKOFF: ("queue.backoff", "a.example/marketing"),
    ActKind.FREEZE: ("order.freeze", "every IP"),
    ActKind.STOP: ("order.stop", "every IP"),
    ActKind.MODE: ("order.mode", "every IP"),
}


@pytest.mark.parametrize("kind", FIELDS)
async def test_an_act_is_done_in_the_name_of_who_is_signed_in_and_stands_in_the_audit(
    world: World, kind: ActKind
) -> None:
    await world.sign_in("chief")
    answer = await world.do(kind, back="/audit", **FIELDS[kind], **WHY)
    assert (answer.status_code, answer.headers["location"]) == (303, "/audit")
    action, subject = DONE[kind]
    written = [(one.actor, one.action, one.subject, one.reason) for one in world.audited()]
    assert ("chief", action, subject, "ticket 4711") in written
    assert world.looks == 1
    page = (await world.browser.get("/leases")).text
    assert 'class="notice"' in page
    assert 'class="notice"' not in (await world.browser.get("/leases")).text


@pytest.mark.parametrize("kind", FIELDS)
async def test_without_a_reason_nothing_is_done_and_the_form_says_so(world: World, kind: ActKind) -> None:
    await world.sign_in("chief")
    answer = await world.do(kind, **FIELDS[kind], reason="  ")
    assert answer.status_code == 422
    assert "say why" in answer.text
    assert (world.audited(), world.standing(), len(world.engine.held)) == ([], [], 1)


@pytest.mark.parametrize("kind", ActKind)
@pytest.mark.parametrize("name", ["guest", "ada", "chief"])
async def test_a_role_does_what_is_its_own_and_no_more(world: World, name: str, kind: ActKind) -> None:
    await world.sign_in(name)
    may = {"guest": (), "ada": (WebScope.OPERATE,), "chief": (WebScope.OPERATE, WebScope.ADMIN)}[name]
    allowed = ACTS[kind].scope in may
    assert (await world.browser.get(f"/acts/{kind}")).status_code == (200 if allowed else 403)
    for place in (kind, f"{kind}/plan"):
        answer = await world.do(place)
        assert answer.status_code == (422 if allowed else 403)
    assert world.audited() == []


@pytest.mark.parametrize("kind", ActKind)
async def test_a_form_from_elsewhere_and_a_link_do_nothing(world: World, kind: ActKind) -> None:
    await world.sign_in("chief")
    fields = FIELDS.get(kind, {}) | WHY
    for csrf in ("", "guessed", "\u00fc"):
        for place in (f"/acts/{kind}", f"/acts/{kind}/plan"):
            answer = await world.browser.post(place, data={**fields, "csrf": csrf})
            assert answer.status_code == 403
    assert (await world.browser.get(f"/acts/{kind}/plan", params=fields)).status_code == 405
    await world.browser.get(f"/acts/{kind}", params=fields)
    assert (world.audited(), world.standing(), len(world.engine.held)) == ([], [], 1)


async def test_a_release_lifts_the_lease_and_keeps_the_controller_away(world: World) -> None:
    await world.sign_in("ada")
    await world.do("release", **{"key": KEY, "for": "24h"}, **WHY)
    assert world.engine.held == []
    (order,) = world.standing()
    assert (order.kind.name, order.author, str(order.source_ip)) == ("RELEASE", "ada", IP)
    page = (await world.browser.get("/leases")).text
    assert f"Undo: tidegate pin {IP} microsoft --rate 50/h" in page.replace("&#34;", '"')


async def test_the_guards_question_is_answered_and_an_order_taken_back(world: World) -> None:
    await world.sign_in("ada")
    await world.do("hold", ip=IP, provider="*", reason="x", **{"for": "2h"})
    (order,) = world.standing()
    assert (await world.do("approve", order=str(order.id), **{"for": "2h"}, **WHY)).status_code == 422
    await world.do("withdraw", order=str(order.id), **WHY)
    assert world.standing() == []
    assert "no order 1 stands" in (await world.do("withdraw", order="1", **WHY)).text


@pytest.mark.parametrize(
    ("kind", "fields", "said"),
    [
        ("hold", {"ip": "198.51.100.1", "for": "2h"}, "198.51.100.1 is in no ip-list of the configuration"),
        ("hold", {"ip": IP, "provider": "microsft", "for": "2h"}, "did you mean microsoft?"),
        ("hold", {"ip": "seven", "for": "2h"}, "is not an IP address"),
        ("hold", {"ip": IP, "for": "two hours"}, "is not a duration"),
        ("hold", {"ip": IP}, "for is not given"),
        ("pin", {"ip": IP, "rate": "0/h", "for": "2h"}, "unlimited"),
        ("override", {"ip": IP, "signal": "snds-rde", "for": "2h"}, "is no signal"),
        ("extend", {"key": "auto:gone", "for": "2h"}, "there is no lease auto:gone any more"),
        ("withdraw", {"order": "one"}, "is no order"),
    ],
)
async def test_a_mistake_is_explained_in_the_form(
    world: World, kind: str, fields: dict[str, str], said: str
) -> None:
    await world.sign_in("ada")
    answer = await world.do(kind, **fields, **WHY)
    assert answer.status_code == 422
    assert said in re.sub(r"&#3\d;", "'", answer.text)
    assert world.standing() == []


async def test_an_engine_that_is_away_is_said_in_the_form_and_nothing_is_half_done(world: World) -> None:
    await world.sign_in("ada")
    world.engine.is_away = True
    answer = await world.do("pin", ip=IP, provider="*", rate="9/h", **{"for": "2h"}, **WHY)
    assert answer.status_code == 422
    assert "no engine answers" in answer.text
    assert (world.standing(), world.audited()) == ([], [])


async def test_what_a_stranger_wrote_is_shown_as_text(world: World) -> None:
    await world.sign_in("ada")
    world.engine.held[0]["reason"] = "<script>alert(1)</script>\u202e"
    page = (await world.browser.get("/leases")).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "\u202e" not in page
