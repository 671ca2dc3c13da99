"""What a person does on the page: hold, say why, find it in the audit; and what comes without being asked for."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from sqlmodel import Session

from storage import audit, database
from tests.browser.conftest import Watched, signed_in
from tests.browser.harbour import Harbour

pytestmark = pytest.mark.browser


def audited(harbour: Harbour) -> list[tuple[str, str, str, str]]:
    def entries(session: Session) -> list[tuple[str, str, str, str]]:
        return [(e.actor, e.action, e.subject, e.reason) for e in audit.entries(session)]

    with database.reading(harbour.records) as session:
        return entries(session)


def test_a_hold_asks_why_and_stands_in_the_audit(page: Page, harbour: Harbour) -> None:
    page.goto(f"{harbour.address}/leases")
    row = page.locator("section", has=page.locator("#h-leases")).locator("tbody tr", has_text="203.0.113.16")
    row.get_by_role("link", name="Hold").click()
    form = page.locator("dialog#act")
    expect(form).to_be_visible()
    expect(form).to_contain_text("The controller changes nothing on this scope for a while")
    form.get_by_label("for how long").fill("3h")
    form.get_by_role("button", name="Hold").click()
    assert page.evaluate("document.querySelector('#act textarea').validity.valueMissing")
    form.get_by_label("reason").fill("Microsoft's ticket 4711 is open")
    form.get_by_role("button", name="Hold").click()
    expect(page.locator(".notice")).to_contain_text(
        "the controller changes nothing on 203.0.113.16 × microsoft for 3h."
    )
    expect(page.locator(".notice")).to_contain_text("tidegate withdraw")
    expect(page.get_by_text("Microsoft's ticket 4711 is open").first).to_be_visible()
    page.goto(f"{harbour.address}/audit")
    expect(page.locator("#listing tbody tr").first).to_contain_text("order.freeze 203.0.113.16 × microsoft")
    expected = ("ada", "order.freeze", "203.0.113.16 × microsoft", "Microsoft's ticket 4711 is open")
    assert audited(harbour)[0] == expected


def test_a_plan_is_shown_before_the_act_and_changes_nothing(page: Page, harbour: Harbour) -> None:
    lease = harbour.hold("203.0.113.18", "google", "40/h", "400/h", "a rehearsal")
    before, leases = audited(harbour), harbour.engine.leases()["leases"]
    page.goto(f"{harbour.address}/leases")
    row = page.locator("section", has=page.locator("#h-leases")).locator("tbody tr", has_text="203.0.113.18")
    row.get_by_role("link", name="Set rate").click()
    form = page.locator("dialog#act")
    form.get_by_label("rate").fill("90/h")
    form.get_by_role("button", name="Show the plan").click()
    assert page.evaluate("document.querySelector('#act textarea').validity.valueMissing")
    form.get_by_label("reason").fill("the rehearsal's second part")
    form.get_by_label("rate").press("Enter")
    plan = form.locator(".plan")
    expect(plan).to_be_focused()
    expect(plan).to_contain_text("Would set 203.0.113.18 × google to 90/h for 2h.")
    expect(plan).to_contain_text("stays 40/h, bound by controller; 90/h after the controller's next look")
    expect(plan).to_contain_text("tidegate pin 203.0.113.18 google --rate 90/h --for 2h --reason")
    expect(form.get_by_label("rate")).to_have_value("90/h")
    expect(form.get_by_label("reason")).to_have_value("the rehearsal's second part")
    assert audited(harbour) == before
    assert [one["key"] for one in harbour.engine.leases()["leases"]] == [one["key"] for one in leases]
    grave = [
        v["id"] for v in Axe().run(page).response["violations"] if v["impact"] in {"serious", "critical"}
    ]
    assert grave == []
    form.get_by_role("button", name="Set the rate").click()
    expect(page.locator(".notice")).to_contain_text("source-ip-max-msg-rate 90/h for 2h")
    assert audited(harbour)[0][1] == "lease.set"
    for key in (lease.key, "operator:203.0.113.18:google"):
        harbour.engine.delete_lease(key)


def test_a_plan_that_cannot_be_made_is_explained_in_the_dialog(
    page: Page, harbour: Harbour, watched: Watched
) -> None:
    page.goto(f"{harbour.address}/leases")
    page.get_by_role("link", name="Hold an IP").click()
    form = page.locator("dialog#act")
    form.get_by_label("IP").fill("198.51.100.1")
    form.get_by_label("reason").fill("typing")
    form.get_by_role("button", name="Show the plan").click()
    expect(form.locator(".trouble")).to_contain_text("198.51.100.1 is in no ip-list")
    expect(form.get_by_label("IP")).to_have_value("198.51.100.1")
    assert [one for one in watched.complaints if "422" not in one] == []
    watched.complaints.clear()


def test_a_lease_appears_on_an_open_page_and_is_released_there(page: Page, harbour: Harbour) -> None:
    page.goto(f"{harbour.address}/leases")
    expect(page.locator(".pulse.on")).to_be_visible()
    lease = harbour.hold("203.0.113.24", "google", "40/h", "400/h", "a rehearsal")
    row = page.locator("section", has=page.locator("#h-leases")).locator("tbody tr", has_text="203.0.113.24")
    expect(row).to_contain_text("40/h of 400/h")
    row.get_by_role("link", name="Release").click()
    form = page.locator("dialog#act")
    expect(form.locator(".about")).to_contain_text(
        "203.0.113.24 × google is held at 40/h of 400/h by controller"
    )
    form.get_by_label("reason").fill("the rehearsal is over")
    form.get_by_role("button", name="Release").click()
    expect(page.locator(".notice")).to_contain_text(f"Lifted {lease.key} (40/h)")
    assert lease.key not in [one["key"] for one in harbour.engine.leases()["leases"]]
    assert ("ada", "lease.released", lease.key, "the rehearsal is over") in audited(harbour)


def test_figures_change_under_the_eye_and_nothing_else_moves(page: Page, harbour: Harbour) -> None:
    page.goto(harbour.address)
    expect(page.locator(".pulse.on")).to_be_visible()
    page.wait_for_timeout(300)
    page.evaluate(
        """() => { window.jumps = 0; new PerformanceObserver((list) => list.getEntries().forEach((e) => {
           if (!e.hadRecentInput) window.jumps += e.value; })).observe({ type: "layout-shift" }); }"""
    )
    before = page.locator(".figures li").nth(3).locator("strong").inner_text()
    lease = harbour.hold("203.0.113.25", "google", "390/h", "400/h", "a small thing")
    try:
        expect(page.locator(".figures li").nth(3).locator("strong")).not_to_have_text(before)
        assert page.evaluate("window.jumps") < 0.02
    finally:
        harbour.engine.delete_lease(lease.key)


def test_a_mistake_is_told_in_the_form_and_changes_nothing(
    page: Page, harbour: Harbour, watched: Watched
) -> None:
    before = audited(harbour)
    page.goto(f"{harbour.address}/acts/pin?back=/leases")
    page.get_by_label("IP").fill("198.51.100.1")
    page.get_by_label("rate").fill("0/h")
    page.get_by_label("reason").fill("typing")
    page.get_by_role("button", name="Set the rate").click()
    expect(page.locator(".trouble")).to_contain_text("198.51.100.1 is in no ip-list")
    expect(page.get_by_label("rate")).to_have_value("0/h")
    page.get_by_label("IP").fill("203.0.113.9")
    page.get_by_role("button", name="Set the rate").click()
    expect(page.locator(".trouble")).to_contain_text("unlimited")
    assert audited(harbour) == before
    assert [one for one in watched.complaints if "422" not in one] == []
    watched.complaints.clear()


def test_a_queue_is_paused_and_resumed(page: Page, harbour: Harbour) -> None:
    page.goto(f"{harbour.address}/queues/geemail.test/marketing")
    page.get_by_role("link", name="Pause").click()
    form = page.locator("dialog#act")
    form.get_by_label("reason").fill("a look at the logs")
    form.get_by_role("button", name="Pause").click()
    expect(page.locator("main .verdict")).to_contain_text("Paused by hand")
    page.get_by_role("link", name="Resume").click()
    form.get_by_label("reason").fill("seen")
    form.get_by_role("button", name="Resume").click()
    expect(page.locator("main .verdict")).not_to_contain_text("Paused")
    assert [action for _, action, _, _ in audited(harbour)[:2]] == ["queue.resume", "queue.pause"]


def test_a_guest_looks_and_finds_nothing_to_do(chromium: Browser, harbour: Harbour) -> None:
    context = signed_in(chromium, harbour.address, "guest")
    page = context.new_page()
    page.goto(f"{harbour.address}/leases")
    expect(page.locator("main h1")).to_be_visible()
    expect(page.locator("a.act")).to_have_count(0)
    page.goto(f"{harbour.address}/settings")
    expect(page.locator("main")).to_contain_text("this needs operate")
    context.close()
