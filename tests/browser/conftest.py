"""One browser and one harbour for all browser tests; a page that complains about anything fails its test."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

from tests.browser import harbour as harbours
from tests.browser.harbour import TOKENS, Harbour

CHROMIUM = shutil.which("chromium")


@dataclass
class Watched:
    """What a browser had to say: errors of scripts, of the policy, of the network, and where it asked."""

    complaints: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    def listen(self, page: Page, home: str) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        page.on("request", lambda request: self._request(request, home))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.type}: {message.text}")

    def _request(self, request: Request, home: str) -> None:
        if not request.url.startswith((home, "data:", "about:")):
            self.strangers.append(request.url)


@pytest.fixture(scope="session")
def harbour(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harbour]:
    with harbours.opened(tmp_path_factory.mktemp("harbour")) as found:
        yield found


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Debian's chromium is not installed (apt-get install chromium)")
    with sync_playwright() as playwright:
        # the tests may run as root in a container, where Chromium's sandbox cannot
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def signed_in(browser: Browser, home: str, name: str = "ada", **options: object) -> BrowserContext:
    """A browser's profile of its own, signed in by a link as the demo prints it."""
    context = browser.new_context(viewport={"width": 1280, "height": 860}, locale="en-GB", **options)  # type: ignore[arg-type] - options of one's own
    page = context.new_page()
    page.goto(f"{home}/login#{TOKENS[name]}")
    page.wait_for_url(f"{home}/")
    page.close()
    return context


@pytest.fixture(scope="session")
def profile(chromium: Browser, harbour: Harbour) -> Iterator[BrowserContext]:
    context = signed_in(chromium, harbour.address)
    yield context
    context.close()


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def page(profile: BrowserContext, harbour: Harbour, watched: Watched) -> Iterator[Page]:
    """A page of ada's, who may operate."""
    opened = profile.new_page()
    opened.set_default_timeout(10_000)
    watched.listen(opened, harbour.address)
    yield opened
    opened.close()
    assert watched.complaints == []
    assert watched.strangers == []


def folder() -> Path:
    """The root of the repository."""
    return Path(__file__).parents[2]
