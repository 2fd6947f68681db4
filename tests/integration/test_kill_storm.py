"""Killed in the middle of its work again and again, a node loses nothing that it acknowledged (D2, R12, R13)."""

from __future__ import annotations

import statistics

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.clients import Sent
from tests.integration.customer import Taken
from tests.integration.kill_storm import SHORT, Findings, compare, run


class KillStormTests(SynchronousTestCase):
    def test_nothing_acknowledged_is_lost(self):
        """Six kills -9 under load while the customer's server flaps: none lost, none altered, at most 1 % twice."""
        findings = run(SHORT)
        self.assertTrue(findings.good, f"\n{findings}")
        self.assertGreaterEqual(findings.acknowledged, SHORT.kills * SHORT.messages)
        self.assertEqual(len(findings.outages), SHORT.kills)
        self.assertLess(
            statistics.median(findings.outages), 10, "a bound for a busy machine; docs/soak.md has the real one"
        )


class ComparisonTests(SynchronousTestCase):
    """The instrument itself."""

    def compared(self, sent: Sent, *taken: Taken) -> Findings:
        findings = Findings(SHORT)
        compare(findings, [sent], taken)
        return findings

    def test_a_message_that_did_not_arrive_is_lost(self):
        """One of two recipients went without: one loss; a message without a 250 is none."""
        findings = self.compared(_sent(250), _taken("alice@example.test"))
        self.assertEqual((len(findings.lost), findings.acknowledged, findings.good), (1, 1, False))
        findings = self.compared(_sent(0))
        self.assertEqual((findings.lost, findings.unacknowledged, findings.good), ([], 1, True))

    def test_another_content_is_an_alteration(self):
        """A content that differs, or has no trace line, is altered."""
        both = ("alice@example.test", "bob@example.test")
        self.assertEqual(self.compared(_sent(250), _taken(*both)).altered, [])
        self.assertEqual(len(self.compared(_sent(250), _taken(*both, digest="other")).altered), 1)
        self.assertEqual(len(self.compared(_sent(250), _taken(*both, traced=False)).altered), 1)

    def test_a_second_delivery_is_a_duplicate(self):
        """Two deliveries to the same recipient are one duplicate; one to each of two recipients is none."""
        alice, bob = _taken("alice@example.test"), _taken("bob@example.test")
        self.assertEqual(self.compared(_sent(250), alice, bob).duplicates, 0)
        self.assertEqual(self.compared(_sent(250), alice, bob, alice).duplicates, 1)

    def test_a_message_that_nobody_sent_is_a_fault(self):
        """What arrives must have been sent, and to those who were accepted."""
        self.assertEqual(len(self.compared(_sent(250), _taken("alice@example.test", token="other")).faults), 1)
        self.assertEqual(len(self.compared(_sent(250), _taken("eve@example.test")).faults), 1)


def _sent(code: int) -> Sent:
    return Sent("t", "digest", ("alice", "bob", "ghost"), code)


def _taken(*recipients: str, token: str = "t", digest: str = "digest", traced: bool = True) -> Taken:
    return Taken(token, digest, traced, "a@sender.test", recipients, False, (), "")
