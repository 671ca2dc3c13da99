"""Plans on pages: nothing is changed by one, it says what the terminal's dry run says, and the form stays filled."""

import html
import re
from pathlib import Path

import pytest

from storage import database, orders
from storage.orders import NewOrder, OrderKind
from tests.unit.tidegate.carrying import carrying
from tests.unit.tidegate.web.site_world import IP, LEASE, World
from tidegate.cli import run
from tidegate.cli.invocation import Invocation
from tidegate.client import EngineClient
from tidegate.web.views.acts import ActKind

KEY = str(LEASE["key"])
WHY = "ada's ticket 4711"
QUEUE = {"name": "a.example/marketing", "domain": "a.example", "vmta": "marketing", "recipients": 12}
FIELDS = {
    ActKind.HOLD: {"ip": IP, "provider": "microsoft", "for": "2h"},
    ActKind.RELEASE: {"key": KEY, "for": "24h"},
    ActKind.EXTEND: {"key": KEY, "for": "6h"},
    ActKind.PIN: {"ip": IP, "provider": "microsoft", "rate": "200/h", "for": "2h"},
    ActKind.OVERRIDE: {"ip": IP, "provider": "*", "signal": "snds-red", "for": "1d"},
    ActKind.WITHDRAW: {"order": "1"},
    ActKind.APPROVE: {"order": "2", "for": "6h"},
    ActKind.DENY: {"order": "2", "for": "24h"},
    ActKind.PAUSE: {"queue": "a.example/marketing"},
    ActKind.RESUME: {"queue": "a.example/marketing"},
    ActKind.RETRY: {"queue": "a.example/marketing"},
    ActKind.BACKOFF: {"queue": "a.example/marketing"},
    ActKind.NORMAL: {"queue": "a.example/marketing"},
    ActKind.FREEZE: {"for": "2h"},
    ActKind.THAW: {},
    ActKind.STOP: {},
    ActKind.START: {},
    ActKind.MODE: {"mode": "advise", "for": "1d"},
}
TYPED = {
    ActKind.HOLD: f"hold {IP} microsoft --for 2h",
    ActKind.RELEASE: f"release {KEY} --for 1d",
    ActKind.EXTEND: f"pin {IP} microsoft --rate 50/h --for 6h",
    ActKind.PIN: f"pin {IP} microsoft --rate 200/h --for 2h",
    ActKind.OVERRIDE: f"override {IP} --ignore snds-red --for 1d",
    ActKind.WITHDRAW: "withdraw 1",
    ActKind.APPROVE: "approve 2 --for 6h",
    ActKind.DENY: "deny 2 --for 1d",
    ActKind.PAUSE: "pause a.example/marketing",
    ActKind.RESUME: "resume a.example/marketing",
    ActKind.RETRY: "schedule a.example/marketing",
    ActKind.BACKOFF: "set queue --mode=backoff a.example/marketing",
    ActKind.NORMAL: "set queue --mode=normal a.example/marketing",
    ActKind.FREEZE: "freeze --for 2h",
    ActKind.THAW: "thaw",
    ActKind.STOP: "kill-switch on",
    ActKind.START: "kill-switch off",
    ActKind.MODE: "set-mode advise --everything --for 1d",
}


def give(world: World, kind: OrderKind, subject: str = "*") -> None:
    new = NewOrder(
        kind=kind,
        subject=subject,
        author="controller",
        reason="named 9 of 20",
        created_at=world.clock.now(),
    )
    with database.session(world.records) as session:
        orders.give(session, new)


@pytest.fixture
def ready(world: World) -> World:
    """A fleet that is frozen and switched off, with a question of the guard's and a queue: every act has a cause."""
    for kind, subject in (
        (OrderKind.FREEZE, "*"),
        (OrderKind.GUARD, "dnsbl:zen.test"),
        (OrderKind.STOP, "*"),
    ):
        give(world, kind, subject)
    world.engine.queues = [{**QUEUE, "paused": False, "mode": "normal"}]
    return world


async def planned(world: World, kind: ActKind, **changed: str) -> str:
    answer = await world.do(f"{kind}/plan", back="/audit", **{**FIELDS[kind], "reason": WHY, **changed})
    assert answer.status_code == 200
    return answer.text


def told(page: str) -> list[str]:
    """The sentences and lines of the plan."""
    plan = page.partition('class="plan"')[2].partition("</section>")[0]
    found = re.findall(r"<p>(.*?)</p>|<dt>(.*?)</dt><dd>(.*?)</dd>", plan)
    texts = (re.sub(r"<[^>]+>", "", " ".join(filter(None, parts))) for parts in found)
    return [" ".join(html.unescape(text).split()) for text in texts]


def test_every_act_has_a_plan_here_and_a_command_in_a_terminal() -> None:
    assert set(FIELDS) == set(TYPED) == set(ActKind)


@pytest.mark.parametrize("kind", ActKind)
async def test_a_plan_changes_nothing_and_gives_the_form_back_as_it_was(ready: World, kind: ActKind) -> None:
    await ready.sign_in("chief")
    before = (ready.audited(), ready.standing(), list(ready.engine.held))
    page = await planned(ready, kind)
    assert (ready.audited(), ready.standing(), ready.engine.held) == before
    assert ready.looks == 0
    asked = [f"{method} {path}" for method, path in ready.engine.asked if method != "GET"]
    assert [one for one in asked if "dry_run=true" not in one] == []
    so_already = kind in {ActKind.RESUME, ActKind.NORMAL}
    assert told(page)[0].startswith("a.example/marketing is" if so_already else "Would ")
    for name, value in {**FIELDS[kind], "reason": WHY, "back": "/audit"}.items():
        field = re.search(rf'name="{name}"[^>]*(?:value="([^"]*)"|>([^<]*)</textarea>)', page)
        assert field is not None
        assert html.unescape(field[1] or field[2]) == value
    assert 'class="notice"' not in page


@pytest.mark.parametrize("kind", ActKind)
async def test_the_page_says_what_the_terminal_says(
    ready: World,
    kind: ActKind,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(f"database: sqlite:///{tmp_path}/t.db\nip-lists: {{marketing: [{IP}, 203.0.113.8]}}\n")
    monkeypatch.setattr(
        Invocation,
        "client",
        lambda _self, _patience=0: EngineClient("http://engine", None, carrying(ready.engine)),
    )
    await ready.sign_in("chief")
    page = told(await planned(ready, kind))
    typed = [*TYPED[kind].split(), "--reason", WHY, "-c", str(file)]
    if kind is ActKind.WITHDRAW:
        assert "undo tidegate freeze --reason 'named 9 of 20'" in page
    assert run([*typed, "--dry-run"]) == 0
    terminal = [" ".join(text.split()) for text in capsys.readouterr().out.splitlines()]
    timeless = [re.sub(r"until \d.*", "until", text) for text in terminal]
    assert timeless == [re.sub(r"until \d.*", "until", text) for text in page]
    assert f"command tidegate {TYPED[kind]} --reason" in "\n".join(page)
    assert run([*typed, "--dry-run", "--json"]) == 0


async def test_the_plan_of_a_rate_tells_what_holds_at_once_and_what_once_the_controller_has_looked(
    world: World,
) -> None:
    await world.sign_in("ada")
    page = told(await planned(world, ActKind.PIN))
    assert page[0] == f"Would set {IP} × microsoft to 200/h for 2h."
    assert page[1] == "limit stays 50/h, bound by controller; 200/h after the controller's next look"
    assert page[2].startswith("until 2026-11-23 ")
    lower = told(await planned(world, ActKind.PIN, rate="20/h"))
    assert lower[1] == "limit 50/h → 20/h, bound by operator (ada)"
    higher = told(await planned(world, ActKind.PIN, rate="9000/h"))
    assert higher[1] == "limit stays 50/h, bound by controller; 500/h after the controller's next look"


async def test_the_plan_of_a_release_names_the_orders_that_go_with_it(world: World) -> None:
    await world.sign_in("ada")
    await world.do("pin", ip=IP, provider="microsoft", rate="9/h", reason="x", **{"for": "2h"})
    page = told(await planned(world, ActKind.RELEASE))
    assert page[:3] == [
        f"Would lift {KEY} (50/h)",
        "Would withdraw order 1: hold this scope at a fixed rate",
        f"limit {IP} × microsoft: 50/h → 500/h, bound by configuration (operator)",
    ]
    assert [one.kind for one in world.standing()] == [OrderKind.PIN]


async def test_a_mistake_in_a_plan_is_explained_in_the_form(world: World) -> None:
    await world.sign_in("ada")
    for fields, said in (
        ({"ip": "198.51.100.1"}, "198.51.100.1 is in no ip-list"),
        ({"reason": " "}, "say why"),
        ({"for": "soon"}, "is not a duration"),
    ):
        answer = await world.do("hold/plan", **{**FIELDS[ActKind.HOLD], "reason": WHY, **fields})
        assert answer.status_code == 422
        assert said in html.unescape(answer.text)
        assert 'class="plan"' not in answer.text


async def test_an_order_is_planned_without_an_engine_and_a_rate_is_not(world: World) -> None:
    await world.sign_in("ada")
    world.engine.is_away = True
    page = told(await planned(world, ActKind.HOLD))
    assert page[1].startswith("limit no rate changes at once; what holds now is not known: no engine answers")
    answer = await world.do("pin/plan", **{**FIELDS[ActKind.PIN], "reason": WHY})
    assert answer.status_code == 422
    assert "no engine answers" in answer.text


async def test_what_a_stranger_wrote_is_shown_as_text_in_a_plan(ready: World) -> None:
    with database.session(ready.records) as session:
        new = NewOrder(
            kind=OrderKind.FREEZE, author="<b>eve</b>", reason="\u202e<i>", created_at=ready.clock.now()
        )
        number = orders.give(session, new).id
    await ready.sign_in("ada")
    page = await planned(ready, ActKind.WITHDRAW, order=str(number))
    assert "given by &lt;b&gt;eve" in page
    assert "<b>eve" not in page
    assert "\u202e" not in page
