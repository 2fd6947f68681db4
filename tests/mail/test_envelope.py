"""The envelope's values."""

from __future__ import annotations

from attrs.exceptions import FrozenInstanceError
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.mail.address import NULL, parse_mailbox
from shieldrelay.mail.envelope import Body, Envelope, Message, Notify, Recipient

BOB = Recipient(parse_mailbox(b"bob@example.com"))


class EnvelopeTests(SynchronousTestCase):
    def test_a_message_does_not_change(self) -> None:
        """What was accepted stays as it was: message, envelope and recipients are frozen and hashable."""
        message = Message("1AbC", 0.0, "example.com", Envelope(NULL, (BOB,)))
        self.assertRaises(FrozenInstanceError, setattr, message, "id", "other")
        self.assertRaises(FrozenInstanceError, setattr, message.envelope, "recipients", ())
        self.assertRaises(FrozenInstanceError, setattr, BOB, "orcpt", b"rfc822;x")
        self.assertEqual(hash(message), hash(Message("1AbC", 0.0, "example.com", Envelope(NULL, (BOB,)))))

    def test_parameters_not_given_are_told_from_those_given(self) -> None:
        """No NOTIFY is not NOTIFY=NEVER, and a message without BODY is 7BIT."""
        self.assertIsNone(BOB.notify)
        self.assertNotEqual(BOB, Recipient(BOB.mailbox, frozenset({Notify.NEVER})))
        self.assertIs(Envelope(NULL, (BOB,)).body, Body.SEVENBIT)

    def test_the_null_reverse_path_is_no_mailbox(self) -> None:
        """It writes as nothing, is ASCII, and equals no address."""
        self.assertEqual((bytes(NULL), str(NULL), NULL.is_ascii), (b"", "", True))
        self.assertNotEqual(NULL, BOB.mailbox)
