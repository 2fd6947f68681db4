"""Claims about senders at a whole node whose name server is a real one (nsd): lawful, unlawful, forged (R24, R26)."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from tests.capabilities import possible
from tests.integration.case import ProductCase
from tests.integration.clients import send_one
from tests.wire.name_servers import Server, nsd

ABROAD = "8.8.4.4"
"""A client's address that a balancer tells: DNS lists are not asked about those of this network."""
CLIENT_NAMES = {
    "lists.test": "2.0.0.127 IN A 127.0.0.2\n4.4.8.8 IN A 127.0.0.2\n",
    "wild.test": "* IN A 127.0.0.2\n",
    "4.8.8.in-addr.arpa": "4 IN PTR mail.lawful.test.\n5 IN PTR mail.lawful.test.\n",
}
ZONES = {
    "lawful.test": "@ IN MX 10 mx\n@ IN TXT \"v=spf1 ip4:127.0.0.0/8 -all\"\nmx IN A 9.9.9.9\nmail IN A 8.8.4.4\n",
    "silent.test": "@ IN MX 0 .\n",
    "hollow.test": "@ IN MX 10 mx\nmx IN A 127.0.0.1\n",
}


@possible("nsd")
class NamesCase(ProductCase):
    """One customer, one name server."""

    def setUp(self):
        super().setUp()
        self.names: Server = nsd(Path(self.mktemp()).absolute(), ZONES | CLIENT_NAMES)
        self.addCleanup(self.names.stop)
        self.customer = self.a_customer(keep=True)


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


class ClientTests(NamesCase):
    """The same node behind a balancer, so that clients come from abroad; it refuses by reputation from the start."""

    def begin(self, **lists: int) -> None:
        """Start a node that asks DNS lists, by name and weight."""
        host, port = self.names.address
        settings: dict[str, dict[str, object]] = {
            "resolver": {"servers": [f"{host}:{port}"]},
            "shield.lawful": {"mode": "enforce"},
            "shield.greeting": {"mode": "off"},
            "listen": {"proxy": ["127.0.0.0/8"]},
            "shield.reputation": {"learning_days": "0s", "learning_messages": 0},
        }
        for name, weight in lists.items():
            settings[f'shield.reputation.dnsbl."{name}.test"'] = {"weight": weight}
        self.node = self.a_node(self.customer.port, settings=settings, started=False)
        self.node.launch()
        self.node.wait_for_event("started")

    def came(self, address: str, token: str) -> tuple[bytes, bytes]:
        """Connect as a client that a balancer tells of, and send; give the code of the greeting and the last one."""
        with socket.create_connection(("127.0.0.1", self.node.port), 20) as one, one.makefile("rb") as heard:
            one.sendall(f"PROXY TCP4 {address} 8.8.8.8 4711 25\r\n".encode())
            greeting = last = heard.readline()
            steps = (b"EHLO mail.lawful.test", b"MAIL FROM:<carol@lawful.test>", b"RCPT TO:<alice@example.test>",
                     b"DATA", b"X-Token: " + token.encode() + b"\r\n\r\nx\r\n.")  # fmt: skip
            for step in steps:
                if last[:1] not in b"23":
                    break
                one.sendall(step + b"\r\n")
                last = heard.readline()
                while last[3:4] == b"-":
                    last = heard.readline()
            return greeting[:3], last[:3]

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

    def told(self, address: str) -> str:
        """Give what the node says of an address."""
        return json.dumps(self.node.ask("GET", f"sources/{address}"))

    def test_a_listed_client_is_asked_to_come_later(self):
        """Whom a DNS list of weight 2 has is told so as soon as it has answered; others are served."""
        self.begin(lists=2)
        self.wait(lambda: self.came(ABROAD, "listed")[1] == b"450", "the list's word")
        self.assertIn("lists.test", self.told(ABROAD))
        self.assertEqual(self.came("8.8.4.5", "other"), (b"220", b"250"))

    def test_a_list_that_has_everybody_is_nobody_s_judge(self):
        """A wildcarded list is switched off with an alarm, and refuses nobody."""
        self.begin(wild=3)
        self.assertEqual(self.node.wait_for_event("alarm")["alarm"], "DNS list")
        for number in range(3):
            self.assertEqual(self.came(ABROAD, f"m{number}"), (b"220", b"250"))
