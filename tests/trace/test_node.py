"""The trace of a real node, asked as an operator asks it."""

from __future__ import annotations

import json
import os
import signal
import smtplib

from tests.integration.case import ProductCase
from tests.integration.clients import send_one

TRACE = {"trace": {"keep": "7d", "free": "0B"}}


def refused(port: int, recipient: str) -> str:
    """Have a recipient refused; give the reply's text."""
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
        client.ehlo("client.sender.test")
        client.mail("you@sender.test")
        return client.rcpt(recipient)[1].decode()


class NodeTests(ProductCase):
    def setUp(self):
        self.customer = self.a_customer()

    def found(self, node, *words):
        """Give what a search finds."""
        ran = node.ctl("trace", "--json", *words)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        return json.loads(ran.stdout)

    def wait_found(self, node, count, *words):
        """Wait until a search finds as many lines."""
        self.wait(lambda: len(self.found(node, *words)["lines"]) == count, f"{count} lines by {words}", 20)
        return self.found(node, *words)["lines"]

    def test_message_and_refusal_are_found(self):
        """A message is found by its recipient, a refusal by the reference that the client heard, both with a story."""
        node = self.a_node(self.customer.port, settings=TRACE)
        self.assertEqual(send_one(node.port, "one")[:3], b"250")
        reference = refused(node.port, "nobody@example.test").split()[-1].rstrip(".)")
        line = self.wait_found(node, 1, "--recipient", "ALICE@example.test", "--event", "transaction")[0]
        self.assertEqual((line["sender"], line["result"]), ("a@sender.test", "accepted"))
        self.assertEqual(line["domain"], "example.test")
        self.wait_found(node, 1, "--reason", "not listed")
        story = node.ctl("trace", line["message"]).stdout
        for words in ("attempt", "transaction", "session", "alice@example.test", "taken"):
            self.assertIn(words, story)
        story = node.ctl("trace", reference).stdout
        for words in ("refused", "nobody@example.test", "the recipient is not listed"):
            self.assertIn(words, story)
        self.assertEqual(node.ctl("trace", "1xUzZP3aMYmo0pY0fV0pzcwH").returncode, 1)
        self.assertIn("the index is up to date", node.ctl("trace", "--index").stdout)

    def test_indexer_that_dies_is_started_again(self):
        """The index goes on where it was, through the death of its process and of the node; each line is found once."""
        node = self.a_node(self.customer.port, settings=TRACE)
        send_one(node.port, "one")
        self.wait_found(node, 1, "--event", "transaction")
        started = next(one for one in node.journal() if one["event"] == "trace_started")
        os.kill(started["pid"], signal.SIGKILL)
        send_one(node.port, "two")
        self.wait_found(node, 2, "--event", "transaction")
        node.stop()
        node.start()
        send_one(node.port, "three")
        self.wait_found(node, 3, "--event", "transaction")

    def test_journal_to_standard_output_is_indexed(self):
        """A node whose journal is no file feeds its index all the same."""
        node = self.a_node(self.customer.port, settings={**TRACE, "node": {"journal": "-"}})
        self.wait(lambda: (node.directory / "state/trace/feed").exists(), "the feed")
        self.wait(lambda: send_one(node.port, "x") and self.found(node, "--event", "transaction")["lines"], "a line")

    def test_no_index_is_said(self):
        """A node that keeps none says how to have one."""
        node = self.a_node(self.customer.port)
        ran = node.ctl("trace", "--sender", "a@sender.test")
        self.assertEqual(ran.returncode, 1)
        self.assertIn("[trace] keep", ran.stderr)
