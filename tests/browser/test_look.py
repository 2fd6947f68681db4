"""How the dashboard behaves for everybody: accessible, by keyboard, honest about trouble, and deaf to markup."""

from __future__ import annotations

import socket
from typing import Any

from playwright.sync_api import expect

from tests.browser.browser_case import DESKTOP, PAGES, PHONE, BrowserCase
from tests.capabilities import possible
from tests.integration.clients import send_one
from tests.integration.node import Settings

HOSTILE = "<img src=x onerror=alert(1)>"


@possible("chromium")
class LookTests(BrowserCase):
    def test_accessible(self) -> None:
        """In light and dark, on a desk and on a phone, axe-core finds nothing on any page."""
        customer = self.a_customer()
        node = self.a_watched_node(customer.port, settings={"delivery": {"probe": "1h", "retry": ["1h"]}})
        customer.down()
        send_one(node.port, "x")
        waiting = node.ask("GET", "queue")["messages"][0]["id"]
        for size, scheme in ((DESKTOP, "light"), (PHONE, "dark")):
            page = self.a_page(size=size, scheme=scheme)
            page.goto(f"http://127.0.0.1:{self.admin_port}/")
            expect(page.get_by_label("User")).to_be_focused()
            self.assert_accessible(page, f"log-in, {scheme}")
            self.shoot(page, f"look-login-{scheme}")
            page.context.close()
            page = self.logged_in(size=size, scheme=scheme)
            places = (*PAGES, "domains/example.test", "sources/127.0.0.1", f"queue/example.test/{waiting}")
            for place in places:
                self.go(page, place)
                self.assert_accessible(page, f"{place}, {scheme}")
                wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                self.assertEqual(wide, 0, f"{place}, {scheme}")
                self.shoot(page, f"look-{place.split('/')[0]}{'-one' if '/' in place else ''}-{scheme}")

    def test_by_keyboard(self) -> None:
        """Without a mouse: log in, open a page, answer a dialog, leave it again; focus is never lost to an update."""
        self.a_watched_node(9)
        page = self.a_page()
        page.goto(f"http://127.0.0.1:{self.admin_port}/")
        expect(page.get_by_label("User")).to_be_focused()
        page.keyboard.type("alice")
        page.keyboard.press("Tab")
        page.keyboard.type("correct horse battery")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        page.get_by_role("link", name="Sources", exact=True).focus()
        page.keyboard.press("Enter")
        allow = page.get_by_role("button", name="Allow a network")
        allow.focus()
        page.wait_for_timeout(3500)
        expect(allow).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_label("Network or address")).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)

    def test_hostile_words_are_text(self) -> None:
        """Markup in HELO, sender, subject and reason is shown as the characters that it is."""
        customer = self.a_customer()
        lenient: Settings = {"delivery": {"probe": "1h", "retry": ["1h"]}, "shield.analysis": {"mode": "off"}}
        node = self.a_watched_node(customer.port, settings=lenient)
        customer.down()
        self._say(
            node.port,
            "EHLO <script>alert(1)</script>",
            'MAIL FROM:<"<script>alert(2)</script>"@sender.test>',
            "RCPT TO:<alice@example.test>",
            "DATA",
            f"Subject: {HOSTILE}\r\nFrom: <script>alert(3)</script>\r\n\r\nbody\r\n.",
        )
        page = self.logged_in()
        page.on("dialog", lambda dialog: self.faults.append(f"a script ran: {dialog.message}"))
        for reason in (HOSTILE, "\"'><svg onload=alert(4)>"):
            node.ask("POST", "entries", {"kind": "deny", "network": "192.0.2.0/24", "reason": reason})
            self.go(page, "sources")
            expect(page.get_by_text(reason).first).to_be_visible()
        self.go(page, "queue")
        expect(page.get_by_text("<script>alert(2)</script>").first).to_be_visible()
        page.locator("td.name a").first.click()
        expect(page.get_by_text(f"Subject: {HOSTILE}")).to_be_visible()
        self.shoot(page, "hostile")
        self.go(page, "sources/%3Cscript%3Ealert(5)%3C%2Fscript%3E")
        expect(page.get_by_role("heading", name="Source <script>alert(5)</script>")).to_be_visible()
        expect(page.get_by_text("is no IP address").first).to_be_visible()
        self.assertEqual(page.locator("main img, main script, main svg[onload]").count(), 0)

    def test_many_tabs(self) -> None:
        """More tabs than a browser opens connections to a node: those that are not seen listen to nothing."""
        self.a_watched_node(9)
        page = self.logged_in()
        context = page.context
        context.add_init_script("""
            let hidden = false;
            Object.defineProperty(document, 'hidden', {get: () => hidden});
            window.turn = (away) => { hidden = away; document.dispatchEvent(new Event('visibilitychange')); };
        """)
        page.close()
        tabs = []
        for _ in range(8):
            tabs.append(context.new_page())
            tabs[-1].goto(f"http://127.0.0.1:{self.admin_port}/")
            expect(tabs[-1].get_by_text("live", exact=True)).to_be_visible()
            tabs[-1].evaluate("turn(true)")
        tabs[0].evaluate("document.getElementById('live').textContent = 'not seen'; turn(false)")
        expect(tabs[0].get_by_text("live", exact=True)).to_be_visible()

    def test_a_search_is_seen_to_go_on(self) -> None:
        """While the trace is searched the page says so, and a late answer does not replace a newer one."""
        self.a_watched_node(9)
        page = self.logged_in()
        held: list[Any] = []
        page.route("**/api/v1/trace?*sender=first*", lambda route: held.append(route))
        self.go(page, "trace")
        page.get_by_label("Sender").fill("first@sender.test")
        page.get_by_role("button", name="Search").click()
        expect(page.get_by_text("Searching")).to_be_visible()
        page.get_by_label("Sender").fill("second@sender.test")
        page.get_by_role("button", name="Search").click()
        newer = page.get_by_text("This node keeps no index of its journal")
        expect(newer).to_be_visible()
        held[0].fulfill(status=500, json={"error": {"code": "x", "message": "too late", "hints": []}})
        page.wait_for_timeout(500)
        expect(newer).to_be_visible()
        expect(page.get_by_text("too late")).to_have_count(0)

    def test_wrong_password_and_end_of_log_in(self) -> None:
        """A wrong password is said; a log-in that has ended leads back to the log-in, with words."""
        node = self.a_watched_node(9)
        page = self.a_page()
        page.goto(f"http://127.0.0.1:{self.admin_port}/")
        page.get_by_label("User").fill("alice")
        page.get_by_label("Password").fill("wrong")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_text("User and password do not fit")).to_be_visible()
        self.shoot(page, "login-wrong")
        page.get_by_label("Password").fill("correct horse battery")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        node.stop()
        expect(page.get_by_text("the node does not answer")).to_be_visible(timeout=20_000)
        self.shoot(page, "node-away")
        node.start()
        expect(page.get_by_text("Your log-in has ended. Log in again.")).to_be_visible(timeout=20_000)

    def test_nothing_from_elsewhere_and_nothing_inline(self) -> None:
        """The page runs under a policy without inline script or style, which a try to break it proves."""
        self.a_watched_node(9)
        page = self.a_page()
        response = page.goto(f"http://127.0.0.1:{self.admin_port}/")
        assert response is not None
        policy = response.headers["content-security-policy"]
        self.assertIn("default-src 'none'", policy)
        self.assertNotIn("unsafe", policy)
        self.assertEqual(self.faults, [])
        page.evaluate("""() => {
            const made = document.createElement('script');
            made.textContent = 'window.broken = 1';
            document.body.append(made);
        }""")
        self.assertIsNone(page.evaluate("window.broken ?? null"))
        self.assertTrue(self.faults)
        self.faults.clear()

    def _say(self, port: int, *lines: str) -> None:
        with socket.create_connection(("127.0.0.1", port), 20) as one:
            file = one.makefile("rb")
            self._heard(file)
            for line in lines:
                one.sendall(line.encode() + b"\r\n")
                self._heard(file)

    def _heard(self, file: Any) -> None:
        while file.readline()[3:4] == b"-":
            pass
