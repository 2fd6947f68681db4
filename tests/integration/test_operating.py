"""``shieldrelayctl`` as a process against a running node: what an operator does in an outage and before one."""

from __future__ import annotations

import json

from tests.integration.case import ProductCase
from tests.integration.clients import send_one


class OperatingTests(ProductCase):
    def setUp(self):
        self.customer = self.a_customer()
        self.node = self.a_node(self.customer.port, settings={"delivery": {"probe": "1h", "retry": ["1h"]}})

    def done(self, *words):
        """Run a command that must succeed; give what it printed."""
        ran = self.node.ctl(*words)
        self.assertEqual((ran.returncode, ran.stderr), (0, ""), words)
        return ran.stdout

    def spooled(self, *tokens):
        """Have mail spooled; give the ids by token."""
        self.customer.down()
        for token in tokens:
            self.assertEqual(send_one(self.node.port, token)[:3], b"250")
        page = json.loads(self.done("queue", "--json"))
        self.assertEqual(page["total"], len(tokens))
        shown = {one["id"]: self.node.ask("GET", f"messages/{one['id']}")["header"] for one in page["messages"]}
        return {token: id for token in tokens for id, header in shown.items() if f"Subject: {token}\r\n" in header}

    def test_status_and_queue(self):
        """During an outage the status says since when and why, and the queue lists what is held."""
        ids = self.spooled("one", "two", "three")
        status = self.done("status")
        self.assertIn("DOWN", status)
        self.assertIn("Connection was refused", status)
        listing = self.done("queue", "example.test")
        for token in ("one", "two", "three"):
            self.assertIn(ids[token], listing)
        self.assertIn("3 messages", listing)

    def test_flush(self):
        """A flush delivers at once what would have waited an hour."""
        self.spooled("one", "two")
        self.customer.up()
        self.assertIn("2 messages are due now", self.done("flush", "example.test"))
        self.wait_for_arrival(self.customer, "one", "two")
        self.wait(self.node.drained, "an empty spool")
        self.assert_once(self.customer, ["one", "two"])

    def test_show(self):
        """One message is shown with envelope, client, header and what went wrong."""
        shown = self.done("show", self.spooled("one")["one"])
        for words in ("a@sender.test", "alice@example.test", "Subject: one", "Connection was refused", "127.0.0.1"):
            self.assertIn(words, shown)

    def test_hold_and_release(self):
        """A held message stays through a flush and a restart, and goes when it is released."""
        ids = self.spooled("held", "free")
        self.assertIn("held", self.done("hold", ids["held"]))
        self.customer.up()
        self.done("flush", "example.test")
        self.wait_for_arrival(self.customer, "free")
        self.node.stop()
        self.node.start()
        self.assertEqual(json.loads(self.done("status", "--json"))["domains"][0]["held"], 1)
        self.done("release", ids["held"])
        self.wait_for_arrival(self.customer, "held")
        self.assert_once(self.customer, ["held", "free"])

    def test_delete(self):
        """A deleted message is gone for good; without --yes nothing is deleted."""
        ids = self.spooled("gone", "kept")
        self.assertEqual(self.node.ctl("delete", ids["gone"]).returncode, 1)
        self.assertEqual(len(self.node.spooled()), 2)
        self.done("delete", "--yes", ids["gone"])
        self.customer.up()
        self.done("flush", "example.test")
        self.wait_for_arrival(self.customer, "kept")
        self.wait(self.node.drained, "an empty spool")
        self.assert_once(self.customer, ["kept"])
        again = self.node.ctl("delete", "--yes", ids["gone"])
        self.assertEqual(again.returncode, 1)
        self.assertIn("There is no message", again.stderr)

    def test_drill(self):
        """A drill keeps mail though the customer's server is well, and its end delivers it."""
        self.assertIn("treated as down", self.done("drill", "example.test", "--minutes", "5"))
        self.assertEqual(send_one(self.node.port, "drilled")[:3], b"250")
        self.assertEqual((self.customer.count(), len(self.node.spooled())), (0, 1))
        self.done("drill", "example.test", "--minutes", "0")
        self.wait_for_arrival(self.customer, "drilled")
        self.assert_once(self.customer, ["drilled"])

    def test_a_wrong_name(self):
        """A domain that is nearly right is suggested; a node that does not run is told."""
        wrong = self.node.ctl("flush", "exmaple.test")
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("Did you mean example.test?", wrong.stderr)
        self.node.stop()
        self.assertEqual(self.node.ctl("status").returncode, 3)
