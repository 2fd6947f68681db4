"""Giving messages up by hand, and getting them as files, at a running node."""

from __future__ import annotations

from tests.integration.case import ProductCase
from tests.integration.clients import send_one


class BounceTests(ProductCase):
    def test_given_up_at_once(self) -> None:
        """A waiting message and one on hold are given up, and leave the spool; whether senders are told is decided."""
        node = self.a_node(9, settings={"delivery": {"probe": "1h", "retry": ["1h"]}})
        for token in ("one", "two"):
            send_one(node.port, token)
        ids = [each["id"] for each in node.ask("GET", "queue")["messages"]]
        node.ask("POST", f"messages/{ids[0]}/hold")
        for id in ids:
            self.assertEqual(node.ask("POST", f"messages/{id}/bounce")["state"], "bounced")
        self.wait(lambda: not node.spooled(), "an empty spool")
        status = node.domain_status()
        self.assertEqual((status["queued"], status["held"]), (0, 0))
        self.wait(lambda: len(node.journal("bounced")) == 2, "both lines")
        self.assertEqual(sorted(line["message"] for line in node.journal("bounced")), sorted(ids))
        decided = lambda: len(node.journal("notice_withheld")) + len(node.journal("notice_stored"))  # noqa: E731
        self.wait(lambda: decided() == 2, "a decision on each notice")
