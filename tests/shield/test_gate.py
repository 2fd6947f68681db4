"""Every judgement over a transaction, in its order (R3, R9, R14, R17)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.mail.address import Mailbox, parse_mailbox
from shieldrelay.mail.reply import Reply
from shieldrelay.shield.gate import DomainLimits, Gate, Place

BOB = parse_mailbox(b"bob@Example.test")
REMEMBERED = Reply(550, (5, 1, 1), ("gone, reference R",))


class Surroundings:
    """Who exists, how full the disk is, what was refused: all as told.

    :ivar announced: the SIZE that the next hop announced last.
    """

    def __init__(self) -> None:
        self.disk: str | None = None
        self.full_domains: set[str] = set()
        self.remembered: Reply | None = None
        self.announced: int | None = None

    def place(self, mailbox: Mailbox) -> Place:
        """List everybody but nobody@."""
        return Place.UNKNOWN if mailbox.local_key == b"nobody" else Place.LISTED

    def full(self) -> str | None:
        """Say why no mail can be taken."""
        return self.disk

    def domain_full(self, domain: str) -> str | None:
        """Say why a domain's mail cannot be taken."""
        return "its share is used up" if domain in self.full_domains else None

    def recall(self, mailbox: Mailbox) -> Reply | None:
        """Give what is remembered of anybody."""
        return self.remembered


class GateTests(SynchronousTestCase):
    """`Gate` by itself."""

    def setUp(self) -> None:
        self.facts = Surroundings()
        example = DomainLimits("example.test", 1000, lambda: self.facts.announced)
        domains = {
            "example.test": example,
            "alias.test": example,
            "other.test": DomainLimits("other.test", 9, lambda: None),
        }
        self.gate = Gate(domains, self.facts, self.facts, self.facts, domains_per_transaction=1)

    def judged(self, mailbox: bytes, *domains: str, size: int | None = None) -> tuple[str, str] | None:
        """Give code and enhanced code, and who judged, for one RCPT."""
        refusal = self.gate.recipient(parse_mailbox(mailbox), domains, size)
        return None if refusal is None else (f"{refusal.reply.code} {refusal.reply.status}", refusal.defence)

    def test_a_listed_recipient_passes(self) -> None:
        """Who is listed passes, by any name of the domain, and is kept under its first."""
        self.assertIsNone(self.judged(b"bob@EXAMPLE.test"))
        self.assertIsNone(self.judged(b"bob@alias.test", "example.test"))
        self.assertEqual(self.gate.domain_of(parse_mailbox(b"bob@alias.test")), "example.test")
        self.assertEqual(self.gate.size_limit("example.test"), 1000)

    def test_each_refusal_has_its_reply(self) -> None:
        """Relaying, unknown, another domain, size, memory, full: each its code, and 5yz only for what lasts (R17)."""
        self.assertEqual(self.judged(b"bob@foreign.test"), ("550 5.7.1", "relay"))
        self.assertEqual(self.judged(b"nobody@example.test"), ("550 5.1.1", "recipients"))
        self.assertEqual(self.judged(b"bob@example.test", "other.test"), ("452 4.5.3", "limits"))
        self.assertEqual(self.judged(b"bob@example.test", size=1001), ("552 5.3.4", "limits"))
        self.facts.full_domains = {"example.test"}
        self.assertEqual(self.judged(b"bob@example.test"), ("452 4.3.1", "capacity"))
        self.facts.remembered = REMEMBERED
        self.assertEqual(self.judged(b"bob@example.test"), ("550 5.1.1", "next_hop"))

    def test_a_full_disk_stops_everything_at_mail(self) -> None:
        """Without room MAIL is answered 452, with the reason for the journal; with room it passes."""
        self.assertIsNone(self.gate.mail(None))
        self.facts.disk = "2 octets are free"
        refusal = self.gate.mail(5)
        assert refusal is not None
        self.assertEqual((refusal.reply.code, refusal.reason), (452, "2 octets are free"))

    def test_the_smaller_size_of_ours_and_the_next_hops_counts(self) -> None:
        """A declared size is held against our limit and the SIZE that the next hop announced last (R9)."""
        for announced, size, passes in ((None, 1000, True), (500, 501, False), (500, 500, True), (5000, 1001, False)):
            self.facts.announced = announced
            self.assertEqual(self.judged(b"bob@example.test", size=size) is None, passes)

    def test_existence_is_not_told_to_who_may_not_relay(self) -> None:
        """An unknown recipient of a second domain is unknown; nothing depends on what cannot be asked there."""
        self.assertEqual(self.judged(b"nobody@example.test", "other.test"), ("550 5.1.1", "recipients"))
        self.assertEqual(self.judged(b"nobody@foreign.test"), ("550 5.7.1", "relay"))
