"""Every page in a real browser: what it says first, that it fits, and that nobody is shut out of it."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import signed_in
from tests.browser.harbour import Harbour

pytestmark = pytest.mark.browser

QUEUE = "/queues/yahooligan.test/marketing"
PAGES = {
    "/": "203.0.113.7 and 203.0.113.16 are held back; the other 7 send freely.",
    "/ips": "Source IPs",
    "/ips/203.0.113.7": "203.0.113.7",
    "/queues": "Queues",
    QUEUE: "yahooligan.test/marketing",
    "/leases": "Leases and orders",
    "/incidents": "Incidents",
    "/incidents/5": "203.0.113.7 is listed on sbl.lab.test",
    "/digest": "clean",
    "/sources": "Sources of signals",
    "/audit": "Audit",
    "/settings?written=yes": "Settings that hold",
    "/api": "HTTP API",
    "/acts/pin?ip=203.0.113.7&back=/leases": "Set a rate",
}


@pytest.mark.parametrize("path", PAGES)
def test_a_page_says_what_it_is_about_to_everybody_and_fits_a_narrow_telephone(
    page: Page, harbour: Harbour, path: str
) -> None:
    page.goto(harbour.address + path)
    expect(page.locator("main h1")).to_contain_text(PAGES[path])
    found = Axe().run(page).response["violations"]
    grave = [
        f"{one['id']}: {one['help']} ({one['nodes'][0]['html'][:200]})"
        for one in found
        if one["impact"] in {"serious", "critical"}
    ]
    assert grave == []
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_dark_is_as_readable_as_light(chromium: Browser, harbour: Harbour) -> None:
    context = signed_in(chromium, harbour.address, color_scheme="dark")
    page = context.new_page()
    for path in ("/", QUEUE, "/digest", "/acts/hold?ip=203.0.113.7&back=/leases"):
        page.goto(harbour.address + path)
        expect(page.locator("body")).to_have_css("background-color", "rgb(16, 22, 26)")
        found = Axe().run(page).response["violations"]
        assert [one["id"] for one in found if one["impact"] in {"serious", "critical"}] == []
    page.locator("[data-theme-toggle]").click()
    expect(page.locator("body")).to_have_css("background-color", "rgb(246, 247, 247)")
    page.reload()
    expect(page.locator("body")).to_have_css("background-color", "rgb(246, 247, 247)")
    context.close()


def test_the_digest_of_this_week_is_chosen_sorted_and_leads_on(page: Page, harbour: Harbour) -> None:
    page.goto(harbour.address)
    page.get_by_role("link", name="the week").click()
    page.locator("select[name=week]").select_option(index=0)
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile(r"/digest\?week=\d{4}-W\d\d"))
    expect(page.locator("main h1")).to_contain_text("7 clean, 2 in trouble now")
    expect(page.locator("section", has=page.locator("#h-attention"))).to_contain_text("open for")
    found = Axe().run(page).response["violations"]
    assert [one["id"] for one in found if one["impact"] in {"serious", "critical"}] == []
    page.get_by_role("link", name="turned away").click()
    expect(page.locator("#listing thead th[aria-sort]")).to_contain_text("turned away")
    away = [_share(text) for text in page.locator("#listing tbody td:last-child").all_inner_texts()]
    assert len(away) == 2
    assert away == sorted(away, reverse=True)
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.get_by_role("link", name="INC-5").click()
    expect(page.locator("main h1")).to_contain_text("203.0.113.7 is listed on sbl.lab.test")


def _share(text: str) -> float:
    """A share as the page shows it; early in a week there may be no data yet."""
    return -1.0 if text == "no data" else float(text.removesuffix(" %"))


def test_backoff_insight_shows_the_remote_servers_own_words(page: Page, harbour: Harbour) -> None:
    page.goto(harbour.address + QUEUE)
    insight = page.locator(".insight")
    expect(insight.locator(".reply")).to_contain_text("421 4.7.0 [TSS04] Messages from 203.0.113.")
    expect(insight).to_contain_text("mx1.yahooligan.test (127.0.2.3)")
    expect(page.locator("#h-limits")).to_be_visible()
    binding = page.locator("tr.binds.warn")
    expect(binding).to_contain_text("300/h")
    expect(binding).to_contain_text("203.0.113.7 is listed on sbl.lab.test (INC-5)")
    expect(page.get_by_text("normal → backoff")).to_be_visible()
    assert page.locator("section", has=page.locator("#h-events")).locator("tbody tr").count() > 8


def test_the_delivery_chart_is_drawn_with_its_marks_numbered(page: Page, harbour: Harbour) -> None:
    page.goto(f"{harbour.address}/ips/203.0.113.7")
    expect(page.locator(".plot canvas").first).to_be_visible()
    marks = page.locator(".marks li")
    expect(marks.first).to_contain_text("INC-5 203.0.113.7 is listed on sbl.lab.test")
    expect(marks.nth(1)).to_contain_text("no limit →")


def test_slash_finds_the_filter_and_the_listing_follows_what_is_typed(page: Page, harbour: Harbour) -> None:
    page.goto(f"{harbour.address}/queues")
    expect(page.locator("#listing tbody tr")).to_have_count(5)
    page.keyboard.press("/")
    expect(page.locator("[data-filter]")).to_be_focused()
    page.keyboard.type("outlandish")
    expect(page.locator("#listing tbody tr")).to_have_count(2)
    expect(page).to_have_url(re.compile(r"/queues\?q=outlandish"))
    expect(page.locator("[data-filter]")).to_have_value("outlandish")


def test_the_first_tab_stop_skips_to_the_content(page: Page, harbour: Harbour) -> None:
    page.goto(f"{harbour.address}/leases")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()


def test_an_engine_that_is_away_is_said_and_the_records_are_shown(page: Page, harbour: Harbour) -> None:
    with harbour.without_engine():
        page.goto(harbour.address)
        expect(page.locator("main h1")).to_have_text(
            "The engine does not answer: whether mail flows is unknown."
        )
        expect(page.get_by_text("INC-5").first).to_be_visible()
        page.goto(f"{harbour.address}/leases")
        expect(page.locator(".trouble")).to_contain_text("The engine does not answer")
        expect(page.get_by_text("sender-score-low")).to_be_visible()


def test_without_scripts_everything_can_be_read_and_done(chromium: Browser, harbour: Harbour) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{harbour.address}/queues?q=geemail")
    expect(page).to_have_url(re.compile(r"/login\?next="))
    page.fill("[name=token]", "ada-may-operate-0001")
    page.get_by_role("button", name="Sign in").click()
    page.fill("[data-filter]", "geemail")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#listing tbody tr")).to_have_count(2)
    page.goto(f"{harbour.address}/ips/203.0.113.10")
    page.get_by_text("The same as a table").first.click()
    expect(page.locator(".chart table").first).to_contain_text("accepted")
    page.get_by_role("link", name="Hold", exact=True).click()
    page.get_by_label("reason").fill("no scripts here")
    page.get_by_role("button", name="Show the plan").click()
    expect(page.locator(".plan")).to_contain_text("the controller changes nothing on 203.0.113.10")
    expect(page.locator(".plan")).to_contain_text("--reason 'no scripts here'")
    page.get_by_role("button", name="Hold").click()
    expect(page.locator(".notice")).to_contain_text("the controller changes nothing on 203.0.113.10")
    context.close()
