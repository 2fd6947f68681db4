"""A node with its dashboard, and an operator with a browser.

Pictures of what was on the screen are kept under ``var/screenshots``. A page that breaks its own security policy, loads
something from elsewhere, or logs an error fails its test.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, expect, sync_playwright

from shieldrelay.admin.auth_password import hash_of
from tests.capabilities import program
from tests.integration.case import ProductCase
from tests.integration.node import ROOT, Node, free_port

PASSWORD = "correct horse battery"
SCREENSHOTS = ROOT / "var" / "screenshots"
DESKTOP, PHONE = (1280, 900), (390, 844)
PATIENCE_MILLISECONDS = 15_000
PAGES = ("overview", "sources", "domains", "queue", "trace", "defences", "audit")


def chromium() -> str:
    """Give the path of a Chromium.

    :raises FileNotFoundError: there is none.
    """
    for name in ("chromium", "chromium-browser", "google-chrome"):
        try:
            return program(name)
        except FileNotFoundError:
            continue
    raise FileNotFoundError("chromium")


class BrowserCase(ProductCase):
    """Opens browsers.

    :ivar faults: what the pages complained about.
    """

    def setUp(self) -> None:
        self.faults: list[str] = []
        self._playwright = sync_playwright().start()
        self.addCleanup(self._playwright.stop)
        self.browser: Browser = self._playwright.chromium.launch(
            executable_path=chromium(),
            args=["--no-sandbox", "--disable-dev-shm-usage"],
        )
        self.addCleanup(self.browser.close)
        self.addCleanup(self._hears_nothing)
        expect.set_options(timeout=PATIENCE_MILLISECONDS)

    def a_watched_node(
        self, *next_hops: object, settings: Mapping[str, Mapping[str, object]] | None = None, **more: Any
    ) -> Node:
        """Start a node with an administration and users: alice (admin), and tom, of ``example.test`` (operate)."""
        self.admin_port = free_port()
        node = self.a_node(*next_hops, settings=settings, started=False, **more)
        secret = node.directory / "alice"
        secret.write_text(hash_of(PASSWORD) + "\n")
        node.configure(
            {
                "listen": {"admin": [f"127.0.0.1:{self.admin_port}"]},
                "admin.users.alice": {"password": str(secret), "role": "admin"},
                "admin.users.tom": {"password": str(secret), "role": "operate", "domains": ["example.test"]},
            }
        )
        node.start()
        return node

    def a_page(self, size: tuple[int, int] = DESKTOP, scheme: str = "light") -> Page:
        """Open a window."""
        colours: Any = scheme
        context = self.browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=colours, reduced_motion="reduce"
        )
        context.set_default_timeout(PATIENCE_MILLISECONDS)
        page = context.new_page()
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("console", lambda said: self._hear(said.type, said.text))
        page.on("request", lambda request: self._hear_request(request.url))
        return page

    def logged_in(self, user: str = "alice", **window: Any) -> Page:
        """Open a window and log in."""
        page = self.a_page(**window)
        page.goto(f"http://127.0.0.1:{self.admin_port}/")
        page.get_by_label("User").fill(user)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        return page

    def go(self, page: Page, place: str) -> None:
        """Open a page of the dashboard by its address, and wait until it is filled."""
        page.evaluate("place => { location.hash = '#/' + place; }", place)
        expect(page.get_by_text("Loading")).to_have_count(0)

    def shoot(self, page: Page, name: str) -> Path:
        """Keep a picture."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        file = SCREENSHOTS / f"{name}.png"
        page.screenshot(path=file, full_page=True)
        return file

    def assert_accessible(self, page: Page, where: str) -> None:
        """Assert that axe-core finds nothing against WCAG 2.2 A and AA."""
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
        found = Axe().run(page, options={"runOnly": {"type": "tag", "values": tags}})
        said = [
            f"{each['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
            for each in found.response["violations"]
            for node in each["nodes"]
        ]
        self.assertEqual(said, [], where)

    def _hear(self, kind: str, text: str) -> None:
        """Note what the console said; answers that refuse are no fault of a page."""
        if kind == "error" and "Failed to load resource" not in text and "ERR_" not in text:
            self.faults.append(text)

    def _hear_request(self, url: str) -> None:
        if not url.startswith((f"http://127.0.0.1:{self.admin_port}/", "data:", "blob:")):
            self.faults.append(f"asked elsewhere: {url}")

    def _hears_nothing(self) -> None:
        self.assertEqual(self.faults, [])
