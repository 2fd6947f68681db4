"""Claims about senders at a whole node whose name server is a real one (nsd): lawful, unlawful, forged (R24, R26)."""

from __future__ import annotations

from pathlib import Path

from tests.capabilities import possible
from tests.integration.case import ProductCase
from tests.integration.clients import send_one
from tests.wire.name_servers import Server, nsd

ZONES = {
    "lawful.test": "@ IN MX 10 mx\n@ IN TXT \"v=spf1 ip4:127.0.0.0/8 -all\"\nmx IN A 9.9.9.9\n",
    "silent.test": "@ IN MX 0 .\n",
    "hollow.test": "@ IN MX 10 mx\nmx IN A 127.0.0.1\n",
}


@possible("nsd")
class SenderTests(ProductCase):
    """One node, one customer, one name server."""

    def setUp(self):
        super().setUp()
        self.names: Server = nsd(Path(self.mktemp()).absolute(), ZONES)
        self.addCleanup(self.names.stop)
        host, port = self.names.address
        self.customer = self.a_customer(keep=True)
        self.node = self.a_node(
            self.customer.port,
            settings={"resolver": {"servers": [f"{host}:{port}"]}, "shield.lawful": {"mode": "enforce"}},
        )

    def answer(self, token: str, sender: str) -> bytes:
        """Send a message; give the code of the last reply."""
        return send_one(self.node.port, token, reverse_path=sender)[:3]

    def test_senders_are_judged_by_what_their_domain_says(self):
        """A domain that takes mail may send it; a null MX is refused for good, nothing but loopback for now."""
        self.assertEqual(self.answer("one", "carol@lawful.test"), b"250")
        self.assertEqual(self.answer("two", "carol@silent.test"), b"550")
        self.assertEqual(self.answer("three", "carol@hollow.test"), b"450")
        arrived = self.wait_for_arrival(self.customer, "one")[0]
        self.assertIn("Authentication-Results: relay.test;", arrived.content)
        self.assertIn("spf=pass", arrived.content)

    def test_a_dead_name_server_refuses_nobody(self):
        """Without DNS everybody may send, and the result says that nothing was found out."""
        self.names.stop()
        self.assertEqual(self.answer("one", "carol@lawful.test"), b"250")
        arrived = self.wait_for_arrival(self.customer, "one")[0]
        self.assertIn("spf=temperror", arrived.content)
