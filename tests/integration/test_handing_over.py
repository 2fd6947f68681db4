"""Handing over context to a real Postfix: who sent a message, as it logs it, judges by it, and writes it down."""

from __future__ import annotations

import smtplib
import time
from pathlib import Path

from shieldrelay.testing.authority import Authority
from tests.capabilities import possible
from tests.integration.case import ProductCase
from tests.integration.node import Node
from tests.integration.postfix import Postfix

CLIENT = "127.0.0.77"
LETTER = b"Subject: hello\r\nAuthentication-Results: relay.test; spf=pass\r\n\r\nbody\r\n"


def sent(node: Node, source: str = CLIENT, helo: str = "client.elsewhere.test") -> None:
    """Send a letter to alice from an address of its own."""
    with smtplib.SMTP("127.0.0.1", node.port, helo, timeout=60, source_address=(source, 0)) as client:
        client.sendmail("a@sender.test", ["alice@example.test"], LETTER)


@possible("postfix", "loopback addresses")
class PostfixTests(ProductCase):
    def postfix(self, extra: str, *, tls: str = "may") -> Postfix:
        place = Path(self.mktemp()).absolute()
        place.mkdir()
        self.authority = Authority(now=time.time())
        issued = self.authority.issue("mail.example.test")
        chain = place / "chain.pem"
        chain.write_bytes(issued.key_pem + issued.certificate_pem)
        postfix = Postfix(chain, tls=tls, extra=extra)
        self.addCleanup(postfix.close)
        postfix.start()
        return postfix

    def arrived(self, postfix: Postfix, count: int = 1) -> list[bytes]:
        self.wait(lambda: len(postfix.delivered()) == count, f"{count} messages in the mailbox")
        return postfix.delivered()

    def test_xforward_is_told_where_it_is_offered(self):
        """Postfix that authorises us for XFORWARD logs the real client and our message id."""
        postfix = self.postfix("smtpd_authorized_xforward_hosts = 127.0.0.1\n", tls="encrypt")
        node = self.a_node(postfix.port)
        sent(node)
        sent(node, "127.0.0.78")
        self.arrived(postfix, 2)
        self.wait(lambda: len(node.journal("transaction")) == 2, "two lines")
        for line, source in zip(node.journal("transaction"), (CLIENT, "127.0.0.78"), strict=True):
            self.assertIn(f"orig_queue_id={line['message']}, orig_client=unknown[{source}]", postfix.log())

    def test_nothing_is_told_where_it_is_not_offered(self):
        """Postfix that does not authorise us sees no XFORWARD, and takes the message."""
        postfix = self.postfix("")
        sent(self.a_node(postfix.port))
        self.arrived(postfix)
        self.assertNotIn("orig_client", postfix.log())
        self.assertNotIn("improper", postfix.log())

    def test_xclient_makes_it_the_clients_session(self):
        """With XCLIENT Postfix judges and writes down the real client, over TLS too, and never one for another."""
        refused = "127.0.0.66"
        extra = (
            "smtpd_authorized_xclient_hosts = 127.0.0.1\n"
            f"smtpd_client_restrictions = check_client_access inline:{{ {{ {refused} = 554 not from there }} }}\n"
        )
        postfix = self.postfix(extra, tls="encrypt")
        node = self.a_node(postfix.port, domain={"next_hop_context": "xclient"})
        sent(node)
        sent(node, "127.0.0.78", "another.elsewhere.test")
        with self.assertRaises(smtplib.SMTPException) as caught:
            sent(node, refused)
        self.assertIn("554", str(caught.exception))
        first, second = sorted(self.arrived(postfix, 2), key=lambda one: b"127.0.0.78" in one)
        self.assertIn(b"from client.elsewhere.test (unknown [127.0.0.77])", first)
        self.assertIn(b"from another.elsewhere.test (unknown [127.0.0.78])", second)

    def test_results_of_ours_are_ours(self):
        """A forged Authentication-Results under our name does not reach the next hop as ours."""
        postfix = self.postfix("")
        sent(self.a_node(postfix.port, settings={"shield.lawful": {"mode": "observe"}}))
        (letter,) = self.arrived(postfix)
        self.assertNotIn(b"\nAuthentication-Results: relay.test; spf=pass\n", letter)
