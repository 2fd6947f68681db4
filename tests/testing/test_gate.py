"""The open gate: what it answers, and that it notices callers who forget their obligations."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.mail.address import NULL, parse_mailbox
from shieldrelay.mail.client import client_of
from shieldrelay.mail.verdict import GO_ON, Refusal
from shieldrelay.mail.violation import ViolationKind
from shieldrelay.ports import Gate, RecipientAsked, SenderAsked
from shieldrelay.smtp.replies import OVERLOADED, UNKNOWN_RECIPIENT
from shieldrelay.testing.gate import Misused, OpenGate, OpenVisit

CLIENT = client_of("192.0.2.7")
UNKNOWN = Refusal(UNKNOWN_RECIPIENT, "not listed", "recipients")


class OpenGateTests(SynchronousTestCase):
    """`OpenGate`."""

    def setUp(self) -> None:
        self.gate = OpenGate()
        self.port: Gate = self.gate  # it is one

    def admitted(self) -> OpenVisit:
        visit = self.gate.admit(CLIENT, 0, 0.0)
        assert isinstance(visit, OpenVisit)
        return visit

    def test_it_lets_in(self) -> None:
        """Without a word from the test everything is let in, and remembered."""
        visit = self.admitted()
        asked = RecipientAsked(parse_mailbox(b"alice@example.test"), NULL, ())
        self.assertIs(self.gate.mail(visit, SenderAsked(NULL, 17), 0.0), GO_ON)
        self.assertIs(self.gate.recipient(visit, asked, 0.0), GO_ON)
        self.assertIsNone(self.gate.violation(visit, ViolationKind.SYNTAX, b"x", 0.0))
        self.assertEqual((self.gate.mails, self.gate.recipients), ([17], [asked]))
        self.gate.left(visit, 5, 0.0)
        self.assertEqual((self.gate.departures, self.gate.present), ([("id1", 5)], []))

    def test_it_refuses_when_told(self) -> None:
        """A test may shut it, or refuse one recipient."""
        self.gate.refused_recipient("bob@example.test", UNKNOWN)
        asked = RecipientAsked(parse_mailbox(b"bob@example.test"), NULL, ())
        self.assertEqual(self.gate.recipient(self.admitted(), asked, 0.0).refusal, UNKNOWN)
        self.gate.shut = Refusal(OVERLOADED, "full", "capacity")
        self.assertIs(self.gate.admit(CLIENT, 9, 0.0), self.gate.shut)

    def test_nothing_comes_after_leaving(self) -> None:
        """Who has left asks nothing more, and leaves once."""
        visit = self.admitted()
        self.gate.left(visit, 0, 0.0)
        self.assertRaises(Misused, self.gate.mail, visit, None, 0.0)
        self.assertRaises(Misused, self.gate.abandoned, visit, 1, 0.0)
        self.assertRaises(Misused, self.gate.left, visit, 0, 0.0)
