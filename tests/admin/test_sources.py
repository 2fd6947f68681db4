"""The routes about sources, as calls."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from shieldrelay.admin import parameters
from shieldrelay.admin.api import control_router
from shieldrelay.admin.api_sources import Defences
from shieldrelay.admin.router import Refused
from shieldrelay.testing.journal import ListJournal
from tests.admin.fakes import NOW, MemoryAppliance
from tests.admin.fakes_lists import MemoryRecipients
from tests.admin.fakes_reports import MemoryReports
from tests.admin.fakes_sources import BANNED, MemoryDefences
from tests.admin.routes_case import RoutesCase


class SourceRoutes(RoutesCase):
    """Explain, release, allow, deny, revoke, list."""

    def setUp(self) -> None:
        self.defences = MemoryDefences()
        port: Defences = self.defences
        self.router = control_router(MemoryAppliance(), port, MemoryRecipients(), MemoryReports(), ListJournal())

    def test_explain(self) -> None:
        """An address is explained in whatever spelling it is asked for; a mapped one is IPv4, of a /64 its first."""
        one = self.ask("GET", f"/api/v1/sources/{BANNED}").value
        self.assertEqual((one["now"], one["refusals"][0]["count"], one["at"]), ("refused", 412, NOW))
        for spelling in ("::ffff:192.0.2.7", "2001:DB8:0::1", "2001:db8::%2F64"):
            self.assertEqual(self.ask("GET", f"/api/v1/sources/{spelling}").status, 200)
        self.assertEqual(self.defences.asked, [BANNED, BANNED, "2001:db8::1", "2001:db8::"])
        self.assertEqual(self.refusal("GET", "/api/v1/sources/example.test"), (400, "invalid_address"))
        self.assertEqual(self.refusal("GET", "/api/v1/sources/192.0.2.0%2F24"), (400, "invalid_address"))

    def test_release(self) -> None:
        """A release says how many sources it was good for; asking twice is as asking once."""
        for released in (1, 0):
            done = self.ask("POST", "/api/v1/sources/192.0.2.0%2F24/release", {"by": "eve"}).value
            self.assertEqual(done, {"network": "192.0.2.0/24", "released": released})

    def test_allow_and_revoke(self) -> None:
        """A network is allowed for a time, shown so, and revoked; twice is as once."""
        wanted = {"kind": "allow", "network": "203.0.113.0/24", "seconds": 600, "reason": "partner", "by": "eve"}
        for _ in range(2):
            entry = self.ask("POST", "/api/v1/entries", wanted).value
            self.assertEqual((entry["until"], entry["reason"], entry["by"]), (NOW + 600, "partner", "eve"))
        listed = self.ask("GET", "/api/v1/entries?kind=allow").value
        self.assertEqual((listed["total"], listed["entries"][0]["network"]), (1, "203.0.113.0/24"))
        for revoked in (True, False):
            done = self.ask("DELETE", "/api/v1/entries/203.0.113.0%2F24", {"by": "eve"}).value
            self.assertEqual(done["revoked"], revoked)

    def test_configured_entries_stay(self) -> None:
        """What stands in the configuration cannot be revoked here."""
        self.assertEqual(self.refusal("DELETE", "/api/v1/entries/198.51.100.0%2F24"), (409, "configured"))

    def test_pages(self) -> None:
        """Pages follow each other without gap or repetition."""
        for number in range(5):
            self.ask("POST", "/api/v1/entries", {"kind": "deny", "network": f"203.0.113.{number}"})
        seen: list[str] = []
        after: str | None = ""
        while after is not None:
            page = self.ask("GET", f"/api/v1/entries?kind=deny&limit=2&after={after.replace('/', '%2F')}").value
            seen += [entry["network"] for entry in page["entries"]]
            after = page["after"]
        self.assertEqual(seen, sorted({*seen}))
        self.assertEqual(len(seen), 6)

    def test_worst(self) -> None:
        """The sources that weigh most come with the time that they are told for."""
        worst = self.ask("GET", "/api/v1/sources?limit=1").value
        self.assertEqual(([one["source"] for one in worst["sources"]], worst["now"]), ([BANNED], NOW))

    def test_nonsense_is_refused(self) -> None:
        """What is no network, too wide, or has no such kind or time, is refused in words."""
        entry = {"kind": "deny", "network": "203.0.113.0/24"}
        for change, code in (
            ({"network": "203.0.113.7/24"}, "invalid_network"),
            ({"network": "example.test"}, "invalid_network"),
            ({"network": 7}, "invalid_network"),
            ({"network": "0.0.0.0/0"}, "too_wide"),
            ({"network": "2000::/3"}, "too_wide"),
            ({"kind": "ban"}, "invalid_parameter"),
            ({"kind": None}, "invalid_parameter"),
            ({"seconds": 0}, "invalid_parameter"),
            ({"seconds": "soon"}, "invalid_parameter"),
            ({"reason": "a\nb"}, "invalid_parameter"),
            ({"by": ["eve"]}, "invalid_parameter"),
        ):
            self.assertEqual(self.refusal("POST", "/api/v1/entries", {**entry, **change}), (400, code), change)
        self.assertEqual(self.refusal("POST", "/api/v1/entries", {"kind": "deny"}), (400, "invalid_parameter"))
        self.assertEqual(self.refusal("GET", "/api/v1/entries?kind=x"), (400, "invalid_parameter"))
        self.assertEqual(self.refusal("GET", "/api/v1/entries?sort=x"), (400, "unknown_parameter"))
        self.assertEqual(self.refusal("GET", "/api/v1/entries?after=%20"), (400, "invalid_parameter"))

    def test_host_bits_get_a_hint(self) -> None:
        """Bits behind a prefix are a slip; the network that may have been meant is named."""
        error = self.ask("POST", "/api/v1/entries", {"kind": "deny", "network": "203.0.113.7/24"}).value["error"]
        self.assertEqual(error["hints"], ["203.0.113.0/24"])

    @settings(deadline=None, derandomize=True, max_examples=200)
    @given(st.text(max_size=40) | st.ip_addresses().map(str) | st.ip_addresses(network="::ffff:0:0/96").map(str))
    def test_networks_and_addresses_are_total(self, written: str) -> None:
        """Any text is an address in one spelling, or refused; a spelling is its own spelling."""
        for parse in (parameters.network, parameters.address):
            try:
                spelled = parse(written)
            except Refused as refused:
                self.assertEqual(refused.status, 400)
            else:
                self.assertEqual(parse(spelled), spelled)
                self.assertNotIn("ffff:", spelled[:8])
