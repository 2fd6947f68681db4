"""An operator at the dashboard: through a harvest attack, an outage, and a sender that was banned wrongly."""

from __future__ import annotations

import itertools

from playwright.sync_api import expect

from tests.attackers.guessing import Session as Guessing
from tests.attackers.guessing import play
from tests.browser.browser_case import PHONE, BrowserCase
from tests.capabilities import possible
from tests.integration.clients import send_one

ATTACKERS = tuple(f"127.{number}.7.1" for number in range(1, 25))


@possible("chromium", "loopback addresses")
class OperatorTests(BrowserCase):
    def setUp(self) -> None:
        super().setUp()
        self.numbers = itertools.count()

    def guessed(self, port: int, *sources: str) -> None:
        """Have sources try out who exists."""
        for source in sources:
            names = tuple(b"guess%d" % next(self.numbers) for _ in range(12))
            play(("127.0.0.1", port), Guessing(source, names))

    def test_harvest_attack(self) -> None:
        """While strangers try out who exists, the operator sees the attack, its sources and why they are cut off."""
        customer = self.a_customer()
        node = self.a_watched_node(customer.port, settings={"shield.harvest": {"tarpit": "0s"}})
        page = self.logged_in()
        for number in range(6):
            send_one(node.port, f"lawful{number}")
        self.guessed(node.port, *ATTACKERS)
        node.wait_for_event("harvest_shield")
        expect(page.get_by_text("1 under attack, 0 down")).to_be_visible()
        expect(page.get_by_text("Address harvesting").first).to_be_visible()
        page.wait_for_timeout(3000)  # the charts get something to show
        self.shoot(page, "harvest-1-overview")
        page.get_by_role("link", name="Domains", exact=True).click()
        expect(page.get_by_text("under attack")).to_be_visible()
        self.shoot(page, "harvest-2-domains")
        page.get_by_role("link", name="example.test").click()
        expect(page.get_by_text("Somebody tries out who exists here")).to_be_visible()
        expect(page.get_by_role("link", name=ATTACKERS[0], exact=True)).to_be_visible()
        self.shoot(page, "harvest-3-domain")
        page.get_by_role("link", name="Sources", exact=True).click()
        expect(page.get_by_role("link", name=ATTACKERS[0], exact=True)).to_be_visible()
        self.shoot(page, "harvest-4-sources")
        page.get_by_role("link", name=ATTACKERS[0], exact=True).click()
        expect(page.get_by_role("heading", name=f"Source {ATTACKERS[0]}")).to_be_visible()
        expect(page.get_by_text("harvesting:").first).to_be_visible()
        self.shoot(page, "harvest-5-source")

    def test_outage(self) -> None:
        """In an outage the operator sees since when and why, what waits, sets a message aside, and sees it drain."""
        customer = self.a_customer()
        node = self.a_watched_node(customer.port, settings={"delivery": {"probe": "1h", "retry": ["1h"]}})
        page = self.logged_in()
        customer.down()
        for token in ("one", "two", "three", "four"):
            self.assertEqual(send_one(node.port, token)[:3], b"250")
        expect(page.get_by_text("0 under attack, 1 down")).to_be_visible()
        page.wait_for_timeout(1500)
        self.shoot(page, "outage-1-overview")
        self.go(page, "domains/example.test")
        expect(page.get_by_text("4 messages", exact=False).first).to_be_visible()
        expect(page.get_by_text("Connection was refused").first).to_be_visible()
        self.shoot(page, "outage-2-domain")
        page.get_by_role("link", name="Its queue").click()
        boxes = page.get_by_role("checkbox")
        expect(boxes).to_have_count(4)
        boxes.nth(0).check()
        page.get_by_role("button", name="Hold chosen").click()
        expect(page.get_by_text("1 message set aside.")).to_be_visible()
        expect(page.get_by_text("held", exact=True)).to_be_visible()
        boxes.nth(1).check()
        page.get_by_role("button", name="Delete chosen").click()
        self.shoot(page, "outage-3-delete")
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(boxes).to_have_count(3)
        self.shoot(page, "outage-4-queue")
        page.locator("td.name a").first.click()
        expect(page.get_by_text("Subject: one")).to_be_visible()
        with page.expect_download() as downloading:
            page.get_by_role("link", name="Download .eml").click()
        self.assertIn(b"Subject: one\r\n", downloading.value.path().read_bytes())
        self.shoot(page, "outage-5-message")
        customer.up()
        self.go(page, "queue/example.test")
        page.get_by_role("button", name="Try all of example.test now").click()
        self.wait_for_arrival(customer, "three", "four")
        expect(page.get_by_role("checkbox")).to_have_count(1)
        page.get_by_role("checkbox").check()
        page.get_by_role("button", name="Release chosen").click()
        self.wait_for_arrival(customer, "one")
        expect(page.get_by_text("Nothing waits. Mail goes straight through.")).to_be_visible()
        self.shoot(page, "outage-6-drained")

    def test_what_became_of_a_message(self) -> None:
        """A message is found by its recipient, and its story told from the session to the delivery; a refusal too."""
        customer = self.a_customer()
        settings = {"trace": {"keep": "1d"}, "shield.harvest": {"mode": "observe"}}
        node = self.a_watched_node(customer.port, settings=settings)
        self.assertEqual(send_one(node.port, "wanted")[:3], b"250")
        self.guessed(node.port, "127.0.7.7")
        page = self.logged_in()
        self.go(page, "trace")
        page.get_by_label("Recipient", exact=True).fill("alice@example.test")
        found = page.get_by_text("transaction: accepted")
        for _ in range(40):
            page.get_by_role("button", name="Search").click()
            page.wait_for_timeout(500)
            if found.count():
                break
        expect(found.first).to_be_visible()
        self.shoot(page, "trace-1-found")
        self.assert_accessible(page, "trace with lines")
        page.get_by_role("row", name="transaction: accepted").get_by_role("link").last.click()
        expect(page.get_by_role("heading", name="Story of")).to_be_visible()
        expect(page.get_by_text("attempt: taken")).to_be_visible()
        self.shoot(page, "trace-2-story")
        self.go(page, "sources/127.0.7.7")
        expect(page.get_by_text("guess").first).to_be_visible()
        self.shoot(page, "trace-3-source")

    def test_wrongly_banned(self) -> None:
        """A sender that is cut off wrongly is looked up, explained, released at once, and allowed with a reason."""
        customer = self.a_customer()
        node = self.a_watched_node(customer.port, settings={"shield.harvest": {"tarpit": "0s"}})
        wronged = "127.0.9.9"
        for _ in range(2):
            self.guessed(node.port, wronged)
        node.wait_for_event("harvest_box")
        page = self.logged_in()
        self.go(page, "sources")
        page.get_by_label("Why is this address treated as it is?").fill(wronged)
        page.get_by_role("button", name="Explain").click()
        expect(page.get_by_text("harvesting:").first).to_be_visible()
        self.shoot(page, "banned-1-why")
        page.get_by_role("button", name=f"Release {wronged}").click()
        expect(page.get_by_text(f"{wronged} is released, on all members.")).to_be_visible()
        page.get_by_role("button", name=f"Allow {wronged}").click()
        page.get_by_label("Reason, for other operators").fill("our payroll provider")
        self.shoot(page, "banned-2-allow")
        page.get_by_role("dialog").get_by_role("button", name="Allow").click()
        expect(page.get_by_text("our payroll provider").first).to_be_visible()
        expect(page.get_by_text("served", exact=True).first).to_be_visible()
        self.shoot(page, "banned-3-allowed")
        self.assertEqual(node.ask("GET", f"sources/{wronged}")["now"], "served")
        self.go(page, "audit")
        expect(page.get_by_text(f"POST /api/v1/sources/{wronged}/release")).to_be_visible()
        self.shoot(page, "banned-4-audit")

    def test_observed_then_enforced(self) -> None:
        """A defence that observes shows what it would have refused, and one stroke has it enforce."""
        customer = self.a_customer()
        node = self.a_watched_node(customer.port, settings={"shield.harvest": {"mode": "observe"}})
        page = self.logged_in()
        self.guessed(node.port, *ATTACKERS[:3])
        self.guessed(node.port, *ATTACKERS[:3])
        node.wait_for_event("would_refuse")
        self.go(page, "defences")
        expect(page.get_by_role("link", name=ATTACKERS[0]).first).to_be_visible()
        self.shoot(page, "observed-1-defences")
        page.get_by_role("button", name="Enforce: Address harvesting").click()
        expect(page.get_by_text("set at run time by alice")).to_be_visible()
        shown = node.ask("GET", "configuration?section=shield.harvest.mode")["settings"][0]
        self.assertEqual((shown["value"], shown["origin"]), ("enforce", "set at run time by alice"))
        self.shoot(page, "observed-2-enforced")
        node.stop()
        node.start()
        shown = node.ask("GET", "configuration?section=shield.harvest.mode")["settings"][0]
        self.assertEqual(shown["value"], "enforce")

    def test_tenant_on_a_phone(self) -> None:
        """Who is limited to a domain sees it alone, on a phone, and no page that is the whole node's."""
        customer = self.a_customer()
        self.a_watched_node(customer.port)
        page = self.logged_in("tom", size=PHONE, scheme="dark")
        expect(page.get_by_role("link", name="Sources")).to_have_count(0)
        expect(page.get_by_role("link", name="Defences")).to_have_count(0)
        self.shoot(page, "phone-1-overview")
        self.go(page, "domains/example.test")
        expect(page.get_by_text("takes mail")).to_be_visible()
        self.shoot(page, "phone-2-domain")
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        self.assertEqual(wide, 0)
