"""The memory of recipients that were refused behind a 250 (R2)."""

from __future__ import annotations

import sys

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.delivery.refusals import LIFETIME_SECONDS, RefusedRecipients
from shieldrelay.mail.address import parse_mailbox

GONE = parse_mailbox(b"gone@example.com")
UNKNOWN = (550, (5, 1, 1))


class RefusedRecipientsTests(SynchronousTestCase):
    def test_a_refusal_is_remembered_for_an_hour(self) -> None:
        """Its codes are recalled until the hour is over, and then it is gone from memory too."""
        memory = RefusedRecipients()
        memory.remember(GONE, *UNKNOWN, now=100.0)
        recalled = memory.recall(GONE, 100.0 + LIFETIME_SECONDS - 1)
        assert recalled is not None
        self.assertEqual((recalled.code, recalled.status), UNKNOWN)
        self.assertIsNone(memory.recall(GONE, 100.0 + LIFETIME_SECONDS))
        self.assertEqual((len(memory), memory.octets), (0, 0))

    def test_the_same_mailbox_in_another_spelling_is_recalled(self) -> None:
        """Case and quoting do not make another recipient; another domain does."""
        memory = RefusedRecipients()
        memory.remember(GONE, *UNKNOWN, now=0.0)
        for spelling in (b"GONE@Example.COM", b'"gone"@example.com'):
            self.assertIsNotNone(memory.recall(parse_mailbox(spelling), 1.0))
        for other in (b"gone@example.net", b"gone2@example.com"):
            self.assertIsNone(memory.recall(parse_mailbox(other), 1.0))

    def test_a_domain_can_be_forgotten(self) -> None:
        """Forgetting a domain leaves other domains, and takes what it held."""
        memory = RefusedRecipients()
        names = [b"a@example.com", b"b@example.com", b"a@example.net"]
        for name in names:
            memory.remember(parse_mailbox(name), *UNKNOWN, now=0.0)
        held = memory.octets
        memory.forget_domain("example.com")
        self.assertEqual([memory.recall(parse_mailbox(name), 1.0) is None for name in names], [True, True, False])
        self.assertEqual(memory.octets, held // 3)

    def test_the_oldest_gives_way_at_the_cap(self) -> None:
        """A flood of refusals stays within the octets declared, and the newest are what remains."""
        memory = RefusedRecipients(cap_octets=50_000)
        for number in range(1000):
            memory.remember(parse_mailbox(b"user%d@example.com" % number), *UNKNOWN, now=float(number))
        self.assertLessEqual(memory.octets, 50_000)
        self.assertGreater(len(memory), 50)
        self.assertIsNone(memory.recall(parse_mailbox(b"user0@example.com"), 1000.0))
        self.assertIsNotNone(memory.recall(parse_mailbox(b"user999@example.com"), 1000.0))

    def test_the_estimate_of_its_size_is_not_too_low(self) -> None:
        """What an entry is counted for is at least what Python says that its parts take."""
        memory = RefusedRecipients()
        memory.remember(GONE, *UNKNOWN, now=0.0)
        ((key, refusal),) = memory._entries.items()
        parts = sum(map(sys.getsizeof, (key, *key, refusal, refusal.until)))
        table = sys.getsizeof(dict.fromkeys(range(1000))) / 1000
        self.assertGreaterEqual(memory.octets, parts + table)

    def test_refused_again_is_counted_once(self) -> None:
        """A second refusal renews the hour and takes no more room."""
        memory = RefusedRecipients()
        memory.remember(GONE, *UNKNOWN, now=0.0)
        before = memory.octets
        memory.remember(GONE, *UNKNOWN, now=LIFETIME_SECONDS / 2)
        self.assertEqual((memory.octets, len(memory)), (before, 1))
        self.assertIsNotNone(memory.recall(GONE, LIFETIME_SECONDS + 1))
