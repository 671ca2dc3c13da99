"""`make pictures`: the pages of the harbour as pictures in docs/pictures, light, dark and narrow."""

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from playwright.sync_api import Browser, sync_playwright

from core.clock import SystemClock
from monitor.digest.week import week_of
from tests.browser import harbour as harbours
from tests.browser.conftest import CHROMIUM, folder, signed_in
from tests.browser.test_pages import QUEUE

THIS_WEEK = week_of(SystemClock().now(), ZoneInfo("UTC")).name
LARGEST = 150_000
"""Bytes of a picture: a repository is cloned more often than it is looked at."""


@dataclass(frozen=True)
class Picture:
    """One page as it is taken; `press` names a link that is clicked first, `plan` the reason of a plan."""

    name: str
    path: str
    height: int = 860
    dark: bool = False
    width: int = 1120
    press: str = ""
    plan: str = ""


PICTURES = (
    Picture("overview-light", "/", 690),
    Picture("overview-dark", "/", 690, dark=True),
    Picture("overview-narrow", "/", 1500, width=360),
    Picture("ips-light", "/ips", 470),
    Picture("ip-light", "/ips/203.0.113.7", 860),
    Picture("ip-dark", "/ips/203.0.113.7", 860, dark=True),
    Picture("queues-light", "/queues", 400),
    Picture("queue-light", QUEUE, 760),
    Picture("queue-dark", QUEUE, 760, dark=True),
    Picture("queue-narrow", QUEUE, 1100, width=360),
    Picture("leases-light", "/leases", 720),
    Picture("leases-release", "/leases", 720, press="Release"),
    Picture(
        "plan-light",
        "/leases",
        800,
        width=900,
        press="Release",
        plan="delisted, the answer is in ticket 4711",
    ),
    Picture(
        "plan-dark", "/leases", 800, dark=True, width=900, press="Release", plan="delisted, see ticket 4711"
    ),
    Picture("plan-narrow", "/leases", 1100, width=360, press="Release", plan="delisted, see ticket 4711"),
    Picture("digest-light", f"/digest?week={THIS_WEEK}", 1000),
    Picture("digest-dark", f"/digest?week={THIS_WEEK}", 1000, dark=True),
    Picture("digest-narrow", f"/digest?week={THIS_WEEK}", 1500, width=360),
    Picture("incident-light", "/incidents/5", 640),
    Picture("sources-light", "/sources", 560),
)


def main(target: Path) -> int:
    """Take them all. Returns the exit code: 1 when one is too large to keep."""
    target.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as directory,
        harbours.opened(Path(directory)) as harbour,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        sizes = {one.name: _take(browser, harbour.address, one, target) for one in PICTURES}
        browser.close()
    for name, size in sizes.items():
        sys.stdout.write(f"{name}.png: {size} bytes\n")
    return int(any(size > LARGEST for size in sizes.values()))


def _take(browser: Browser, home: str, one: Picture, target: Path) -> int:
    context = signed_in(browser, home, color_scheme="dark" if one.dark else "light", timezone_id="UTC")
    page = context.new_page()
    page.set_viewport_size({"width": one.width, "height": one.height})
    page.goto(home + one.path)
    page.locator(".pulse.on").wait_for(state="attached")
    if one.press:
        page.get_by_role("link", name=one.press).first.click()
        page.locator("dialog[open]").wait_for()
    if one.plan:
        page.get_by_label("reason").fill(one.plan)
        page.get_by_role("button", name="Show the plan").click()
        page.locator(".plan").wait_for()
    page.wait_for_timeout(400)
    taken = page.screenshot(path=target / f"{one.name}.png")
    context.close()
    return len(taken)


if __name__ == "__main__":
    sys.exit(main(folder() / "docs" / "pictures"))
