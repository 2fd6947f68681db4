"""Claims about senders at a whole node whose name server is a real one (nsd): lawful, unlawful, forged (R24, R26)."""

from __future__ import annotations

from tests.integration.clients import send_one
from tests.integration.senders_case import ABROAD, ClientCase, NamesCase


class SenderTests(NamesCase):
    """One node before them."""

    def setUp(self):
        super().setUp()
        host, port = self.names.address
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


class ClientTests(ClientCase):
    """Clients of the world."""

    def test_a_client_s_name_is_confirmed_both_ways(self):
        """Reverse names from DNS stand in Authentication-Results: confirmed by their address, or not."""
        self.begin()
        for address, wanted in ((ABROAD, "iprev=pass"), ("8.8.4.5", "iprev=fail")):
            self.wait(lambda address=address, wanted=wanted: self.marked(address, wanted), wanted)

    def marked(self, address: str, wanted: str) -> bool:
        """Send from an address, and say whether what arrived is marked so; its name is asked for beside the session."""
        token = f"m{self.customer.count()}"
        self.assertEqual(self.came(address, token), (b"220", b"250"))
        return wanted in self.wait_for_arrival(self.customer, token)[-1].content

    def test_a_listed_client_is_asked_to_come_later(self):
        """Whom a DNS list of weight 2 has is told so as soon as it has answered; others are served."""
        self.begin({"lists": 2})
        self.wait(lambda: self.came(ABROAD, "listed")[1] == b"450", "the list's word")
        self.assertIn("lists.test", self.told(ABROAD))
        self.assertEqual(self.came("8.8.4.5", "other"), (b"220", b"250"))

    def test_a_list_that_has_everybody_is_nobody_s_judge(self):
        """A wildcarded list is switched off with an alarm, and refuses nobody."""
        self.begin({"wild": 3})
        self.assertEqual(self.node.wait_for_event("alarm")["alarm"], "DNS list")
        for number in range(3):
            self.assertEqual(self.came(ABROAD, f"m{number}"), (b"220", b"250"))

    def test_lists_of_the_operator_change_with_a_reload(self):
        """A network that is denied is refused for good at connect from the reload on, but for whom a list allows."""
        self.begin()
        self.assertEqual(self.came(ABROAD, "before"), (b"220", b"250"))
        self.change("shield", deny=["8.8.4.0/24"], allow=["8.8.4.5/32"])
        self.assertEqual(self.came(ABROAD, "denied")[0], b"554")
        self.assertEqual(self.came("8.8.4.5", "allowed"), (b"220", b"250"))
        self.change("shield", deny=[])
        self.assertEqual(self.came(ABROAD, "after"), (b"220", b"250"))

    def test_a_protected_sender_comes_with_spf_or_is_told_of(self):
        """Whoever writes in a protected domain's name is only told of as shipped; enforced, SPF must pass."""
        self.begin()
        self.assertEqual(self.came("8.8.4.5", "shipped", "alice@example.test"), (b"220", b"250"))
        self.node.wait_for_event("would_refuse", lambda line: line["defence"] == "lawful")
        self.change("shield.lawful", mode="enforce", impostor="enforce")
        self.assertEqual(self.came("8.8.4.6", "forged", "alice@example.test"), (b"220", b"450"))
        self.assertEqual(self.came(ABROAD, "own", "alice@example.test"), (b"220", b"250"))

    def test_clients_from_within_are_refused_when_that_is_set(self):
        """A private address is served as shipped, and refused at connect, for now, when that is set."""
        self.begin()
        self.assertEqual(self.came("10.1.2.3", "shipped"), (b"220", b"250"))
        self.change("shield.lawful", mode="enforce", bogon_client="enforce")
        self.assertIn(self.came("10.1.2.4", "set")[0], (b"421", b"450"))
        self.assertEqual(self.came(ABROAD, "other"), (b"220", b"250"))
