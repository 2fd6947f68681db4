"""Mail that the node writes by itself: lawful, whatever is in it, and never answered."""

from __future__ import annotations

import email
import email.policy
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.alarms.letter import Letter, Letters
from shieldrelay.mail.address import NULL, Mailbox, parse_mailbox
from shieldrelay.mail.envelope import Message
from shieldrelay.ports import Content
from shieldrelay.spool.name import NOTICES
from shieldrelay.testing.journal import ListJournal

NOW = 1_800_000_000.0


class LetterTests(SynchronousTestCase):
    """Letters into a store that keeps them."""

    def setUp(self) -> None:
        self.kept: list[tuple[Message, bytes]] = []
        self.stored = 0

        def looked() -> None:
            self.stored += 1

        self.letters = Letters(
            hostname="mx1.example", sender=lambda: "shieldrelay@mx1.example", protected=self.protected, spool=self,
            wall=lambda: NOW, new_id=lambda: f"id{len(self.kept)}", stored=looked, journal=ListJournal(),
        )  # fmt: skip

    def protected(self, to: Mailbox) -> str:
        """Give a domain."""
        return "example.test"

    def store(self, message: Message, content: Content, *, due: float) -> Deferred[Any]:
        """Keep it."""
        self.kept.append((message, b"".join(content.blocks or ())))
        return succeed(None)

    def send(self, to: str, letter: Letter) -> Any:
        """Send one and read what was stored."""
        mailbox = parse_mailbox(to.encode(), utf8=True)
        self.successResultOf(Deferred.fromCoroutine(self.letters.send(mailbox, letter)))
        return email.message_from_bytes(self.kept[-1][1], policy=email.policy.SMTPUTF8)

    def test_a_letter_is_a_notice(self) -> None:
        """From the null reverse-path, for the queue of notices, marked as written by a machine."""
        made = self.send("admin@example.test", Letter("ALARM: disk (mx1)", "It is full.\n"))
        message, octets = self.kept[0]
        self.assertEqual((message.domain, message.envelope.reverse_path, self.stored), (NOTICES, NULL, 1))
        assert message.origin is not None
        self.assertEqual(message.origin.helo, "example.test")
        self.assertEqual((made["Auto-Submitted"], made["From"]), ("auto-generated", "shieldrelay@mx1.example"))
        self.assertEqual((made["Message-ID"], made["To"]), ("<id0@mx1.example>", "admin@example.test"))
        self.assertEqual(made.get_content().strip(), "It is full.")
        self.assertNotIn(b"\n", octets.replace(b"\r\n", b""))

    def test_hostile_words_stay_words(self) -> None:
        """Nothing in a subject or text makes a field, a part, a long line or a control character."""
        words = "x\r\nBcc: eve@evil.test\r\n\r\n\x00\x1b[2J\n.\n" + "y" * 5000 + "é漢\ud800"
        made = self.send("admin@example.test", Letter(words, words, f"<p>{'z' * 5000}</p>"))
        octets = self.kept[0][1]
        self.assertIsNone(made["Bcc"])
        self.assertLessEqual(max(map(len, octets.split(b"\r\n"))), 998)
        self.assertFalse(set(octets) & (set(range(32)) - set(b"\r\n\t")))
        self.assertTrue(octets.isascii())
        self.assertEqual([each.get_content_type() for each in made.iter_parts()], ["text/plain", "text/html"])

    def test_addresses_of_all_forms(self) -> None:
        """Quoted and international addresses are written to as they are."""
        for to in ('"a b"@example.test', "o'neil+x@example.test", "käthe@example.test"):
            made = self.send(to, Letter("s", "t"))
            message = self.kept[-1][0]
            self.assertEqual(str(message.envelope.recipients[0].mailbox), to)
            read = made["To"].addresses[0].addr_spec  # the library reads raw UTF-8 as octets
            self.assertEqual(read.encode("utf-8", "surrogateescape").decode(), to)
            self.assertEqual(message.envelope.smtputf8, "ä" in to)
