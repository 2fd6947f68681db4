"""Who is told of a failure: whole nodes, with a name server and a smart host of the test's own (R2, R8)."""

from __future__ import annotations

from tests.integration.case import ProductCase
from tests.integration.clients import send_one
from tests.integration.customer import say
from tests.integration.names import NameServer


class NoticeTests(ProductCase):
    def setUp(self):
        self.names = NameServer({"genuine.test": "v=spf1 ip4:127.0.0.1 -all", "forged.test": "v=spf1 -all"})
        self.addCleanup(self.names.close)
        self.customer = self.a_customer()
        self.customer.on_recipient(
            "ghost@example.test", say("550 5.7.1 not from you")
        )  # not remembered, so asked for each message
        self.smart_host = self.a_customer()
        self.node = self.a_node(
            self.customer.port,
            settings={
                "resolver": {"servers": [f"127.0.0.1:{self.names.port}"]},
                "delivery": {"notices": f"smarthost:127.0.0.1:{self.smart_host.port}"},
            },
        )

    def notices(self):
        """Give what lies in the spool's part for notices."""
        return list(self.node.spool.glob("*/_notices/new/*"))

    def withheld(self, reason):
        """Wait for the line about a notice that is not sent for this reason."""
        return self.node.wait_for_event("notice_withheld", lambda line: line["reason"] == reason, 60)

    def test_a_genuine_sender_is_told(self):
        """One recipient is taken, one refused: 250, and a notice to the sender whose SPF passes."""
        self.assertEqual(send_one(self.node.port, "m", "alice", "ghost", reverse_path="carol@genuine.test")[:3], b"250")
        self.wait(self.smart_host.count, "the notice")
        (notice,) = self.smart_host.taken()
        self.assertEqual((notice.reverse_path, notice.recipients), ("", ("carol@genuine.test",)))
        self.assertIn("Final-Recipient: rfc822; ghost@example.test", notice.content)
        self.assertNotIn("Final-Recipient: rfc822; alice@example.test", notice.content)
        self.assertEqual(len(self.customer.taken()), 1)
        self.wait(lambda: not self.notices(), "an empty spool")

    def test_a_forged_sender_is_not_told(self):
        """A sender whose SPF fails, or who has none, is not: withheld, journalled with the reason, and counted."""
        for domain, reason in (("forged.test", "spf fail"), ("nowhere.test", "spf none")):
            sent = send_one(self.node.port, domain, "alice", "ghost", reverse_path=f"carol@{domain}")
            self.assertEqual(sent[:3], b"250")
            self.assertEqual(self.withheld(reason)["to"], f"carol@{domain}")
        self.assertEqual((self.notices(), self.smart_host.count()), ([], 0))
        self.assertIn("2 withheld", self.node.ctl("status").stdout)

    def test_dns_is_away(self):
        """While DNS is silent clients are answered; what is owed outlives a SIGKILL, and is judged when DNS is back."""
        self.names.hold()
        for domain in ("genuine.test", "forged.test"):
            sent = send_one(self.node.port, domain, "alice", "ghost", reverse_path=f"carol@{domain}")
            self.assertEqual(sent[:3], b"250")
        self.assertEqual(len(self.notices()), 2)
        self.node.kill()
        self.node.start()
        self.assertEqual(self.smart_host.count(), 0)
        self.names.go_on()
        self.wait(self.smart_host.count, "the notice", 60)
        self.withheld("spf fail")
        self.wait(lambda: not self.notices(), "an empty spool", 60)
        self.assertEqual([one.recipients for one in self.smart_host.taken()], [("carol@genuine.test",)])
