"""What the tests in the browser share. PageTests.swift starts the service and runs them."""

import itertools
import os
import pathlib
import re
import time
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

URL = os.environ["PAGE_URL"]
TOKEN = os.environ["PAGE_TOKEN"]
READ_TOKEN = os.environ["PAGE_READ_TOKEN"]
CONTROL = pathlib.Path(os.environ["PAGE_CONTROL"])
SCREENSHOTS = pathlib.Path(os.environ["PAGE_SCREENSHOTS"])
SCREENS = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}

# Long enough for a machine that does much else; the page itself waits up to 45 s before it connects again.
expect.set_options(timeout=60_000)
orders = itertools.count(1)


def order(line):
    """Has the test around these do something: stop or start the service, or open a gate of a build."""
    number = next(orders)
    partial = CONTROL / f"{number}.part"
    partial.write_text(line)
    partial.rename(CONTROL / f"{number}.order")
    deadline = time.monotonic() + 120
    while not (CONTROL / f"{number}.done").exists():
        assert time.monotonic() < deadline, f"nobody carried out: {line}"
        time.sleep(0.02)


def wait_until(page, holds):
    """Waits for what no element tells. What the page does reaches the test only while that waits for the page."""
    deadline = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < deadline, "it has not come about"
        page.wait_for_timeout(20)


@pytest.fixture(scope="session")
def browser():
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for old in SCREENSHOTS.glob("*.png"):
        old.unlink()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--no-proxy-server", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


class Visit:
    """A page, and all that it does besides: what it asks for, and what it complains of."""

    def __init__(self, browser, token, address, **options):
        self.context = browser.new_context(viewport=SCREENS["desktop"], **options)
        self.context.set_default_timeout(120_000)
        self.context.set_default_navigation_timeout(120_000)
        self.page = self.context.new_page()
        self.requests, self.complaints, self.expected = [], [], []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("response", self.note)
        self.page.on("console", self.hear)
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        # Once per tab, so that signing out holds.
        if token:
            self.page.goto(URL + "/healthz")
            self.page.evaluate("token => sessionStorage.setItem('registry-query-token', token)", token)
            self.requests.clear()
        else:
            self.expects("401 /caller")
        self.page.goto(f"{URL}/{address}")

    def expects(self, *patterns):
        """Names what this visit may complain of, such as a refused token: `401 /caller`."""
        self.expected += patterns

    def note(self, response):
        if response.status >= 400:
            self.complaints.append(f"{response.status} {urlsplit(response.url).path}")

    def hear(self, message):
        # Chromium writes a line for each refusal too, without the method.
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource: the server responded"):
            self.complaints.append(f"{message.type}: {message.text}")

    def check(self):
        hosts = {urlsplit(url).netloc for url in self.requests if not url.startswith(("data:", "blob:"))}
        assert hosts == {urlsplit(URL).netloc}, hosts
        unexpected = [each for each in self.complaints if not any(re.fullmatch(known, each) for known in self.expected)]
        assert unexpected == []

    def picture(self, name, full=True):
        """Shows a state as it looks on a desk and in a hand, by day and by night."""
        for screen, size in SCREENS.items():
            for scheme in ("light", "dark"):
                self.page.emulate_media(color_scheme=scheme)
                self.page.set_viewport_size(size)
                # Nothing sticks out at the side.
                assert self.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} on a {screen}"
                self.page.wait_for_timeout(60)
                self.page.screenshot(path=SCREENSHOTS / f"{name}-{screen}-{scheme}.png", full_page=full)
        self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size(SCREENS["desktop"])

    def check_access(self, schemes=("light", "dark")):
        """What axe finds: nothing."""
        for scheme in schemes:
            self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            # Between day and night only the colours differ.
            rules = {"runOnly": ["color-contrast"]} if scheme == "dark" and len(schemes) > 1 else {}
            found = Axe().run(self.page, options={"resultTypes": ["violations"], **rules}).response["violations"]
            assert found == [], [(rule["id"], [node["html"] for node in rule["nodes"]][:3]) for rule in found]
        self.page.emulate_media(color_scheme="light", reduced_motion="no-preference")

    def hide(self, is_hidden):
        """Behaves as another tab were in front, or this one again."""
        self.page.evaluate("""isHidden => {
            Object.defineProperty(document, 'hidden', {value: isHidden, configurable: true});
            document.dispatchEvent(new Event('visibilitychange'));
        }""", is_hidden)

    def start(self, webapp):
        """Starts a build of a webapp that has no image yet."""
        self.page.goto(f"{URL}/#/")
        self.page.get_by_role("button", name="Build another").click()
        self.page.get_by_label("Webapp", exact=True).fill(webapp)
        self.page.get_by_role("button", name="Start the build").click()
        expect(self.page.get_by_role("heading", level=1)).to_have_text(re.compile(rf"{webapp} v1\.0\.\d"))


@pytest.fixture
def visit(browser):
    visits = []

    def make(token=TOKEN, address="", **options):
        visits.append(Visit(browser, token, address, **options))
        return visits[-1]

    yield make
    for made in visits:
        made.check()
        made.context.close()
