"""Who is told, and the budget."""

from __future__ import annotations

from email import message_from_bytes
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.delivery.notice_budget import DOMAINS, HOUR, NoticeAllowance, NoticeBudget
from shieldrelay.delivery.notices import JUDGED_SECONDS, WITHHELD_KEPT, Disposition, Notices, NoticeStore
from shieldrelay.delivery.standing import Believed, EveryoneStanding, Evidence, Judgement, SenderStanding
from shieldrelay.mail.address import NULL
from shieldrelay.mail.envelope import Message, Notify
from shieldrelay.ports import Content
from shieldrelay.spool.content import MemoryContent
from shieldrelay.spool.entry import Entry
from tests.delivery.notice_samples import CLIENT, CONTENT, EPOCH, SpoolCase, a_message, failures


class FullDisk:
    """A spool that takes nothing."""

    def store(self, message: Message, content: Content, *, due: float) -> Deferred[Entry]:
        return fail(OSError(28, "No space left on device"))


class GivenStanding:
    """Judges as it is told, at once or when the test says so.

    :ivar judgement: what it says; ``None``: nothing yet.
    :ivar asked: all evidence so far.
    :ivar waiting: those who have had no answer.
    """

    def __init__(self, judgement: Judgement | None) -> None:
        self.judgement = judgement
        self.asked: list[Evidence] = []
        self.waiting: list[Deferred[Judgement]] = []

    def judge(self, evidence: Evidence) -> Deferred[Judgement]:
        self.asked.append(evidence)
        if self.judgement is not None:
            return succeed(self.judgement)
        self.waiting.append(Deferred())
        return self.waiting[-1]


DOUBTED = Judgement(Believed.NO, "spf fail")


class TornReader:
    """Gives one block and then fails."""

    def __init__(self) -> None:
        self.closed = False

    def read(self) -> bytes:
        raise OSError(5, "Input/output error")

    def close(self) -> None:
        self.closed = True


class TornContent:
    """A content whose file cannot be read."""

    size = 10
    ascii_header = True
    blocks = None

    def __init__(self) -> None:
        self.reader = TornReader()

    def open(self) -> TornReader:
        return self.reader


class NoticesTests(SpoolCase):
    """`Notices.tell`, with the real composer and the real spool."""

    def notices(
        self,
        standing: SenderStanding | None = None,
        allowance: NoticeAllowance = NoticeAllowance(),
        spool: NoticeStore | None = None,
    ) -> Notices:
        """Make it."""
        numbers = count(1)
        self.kicks = 0
        self.clock = Clock()
        return Notices(
            hostname="mx1.shield.example",
            spool=spool or self.spool,
            standing=standing or EveryoneStanding(),
            budget=NoticeBudget(allowance, 0.0),
            journal=self.journal,
            clock=self.clock,
            wall=self.wall,
            new_id=lambda: f"N{next(numbers)}",
            stored=self.kick,
        )

    def kick(self) -> None:
        """Count what the queue is told."""
        self.kicks += 1

    def tell(self, notices: Notices, message: Message, content: Content = CONTENT) -> Disposition:
        """Tell that all recipients failed, now."""
        return self.successResultOf(Deferred.fromCoroutine(notices.tell(message, failures(message), content)))

    def test_stored(self) -> None:
        """A notice is durable, due now, from the null reverse-path to the sender, and the queue is told."""
        self.assertIs(self.tell(self.notices(), a_message()), Disposition.STORED)
        (entry,) = self.stored()
        self.assertEqual((entry.id, entry.due, self.kicks), ("N1", EPOCH, 1))
        record = self.successResultOf(self.spool.load(entry))
        envelope = record.message.envelope
        self.assertEqual(
            (envelope.reverse_path, str(envelope.recipients[0].mailbox)), (NULL, "carol@elsewhere.example")
        )
        octets = record.content.open().read()
        assert isinstance(octets, bytes) or octets.result
        parsed = message_from_bytes(octets if isinstance(octets, bytes) else self.successResultOf(octets))
        self.assertEqual(parsed["To"], "<carol@elsewhere.example>")
        self.assertNotIn("secret body", parsed.as_string())
        self.assertNotIn("exchange.internal", parsed.as_string())
        self.assertIn("Subject: hello", parsed.as_string())

    def test_remembers_why(self) -> None:
        """The spooled notice knows the protected domain and the message that it speaks of."""
        self.tell(self.notices(), a_message())
        origin = self.successResultOf(self.spool.load(self.stored()[0])).message.origin
        assert origin is not None
        self.assertEqual((origin.helo, origin.session), ("example.test", "M1"))

    def test_never_to_nobody(self) -> None:
        """The null reverse-path is never told, and costs no budget."""
        notices = self.notices(allowance=NoticeAllowance(per_domain=0, total=0))
        self.assertIs(self.tell(notices, a_message(b"")), Disposition.NOT_WANTED)
        self.assertEqual((self.stored(), self.journal.events), ((), []))

    def test_notify_never(self) -> None:
        """NOTIFY=NEVER and NOTIFY=SUCCESS are respected."""
        for words in ({Notify.NEVER}, {Notify.SUCCESS}):
            told = self.tell(self.notices(), a_message(notify=frozenset(words)))
            self.assertIs(told, Disposition.NOT_WANTED)
        self.assertEqual(self.stored(), ())

    def test_unverified_sender(self) -> None:
        """A sender without standing is not told: that is journalled and shown."""
        standing = GivenStanding(DOUBTED)
        notices = self.notices(standing)
        self.assertIs(
            self.tell(notices, a_message(to=(b"bob@example.test", b"alice@example.test"))), Disposition.WITHHELD
        )
        self.assertEqual(self.stored(), ())
        (shown,) = notices.withheld
        self.assertEqual((shown.message, shown.sender, shown.recipients), ("M1", "carol@elsewhere.example", 2))
        self.assertEqual(shown.reason, "spf fail")
        self.assertEqual(self.journal.named("notice_withheld")[0]["reason"], "spf fail")

    def test_evidence(self) -> None:
        """A sender is judged by the client's address and HELO and by the reverse-path."""
        standing = GivenStanding(DOUBTED)
        self.tell(self.notices(standing), a_message(origin=CLIENT))
        (evidence,) = standing.asked
        self.assertEqual(
            (str(evidence.sender), evidence.address, evidence.helo),
            ("carol@elsewhere.example", "192.0.2.1", "mail.elsewhere.example"),
        )

    def test_judged_too_late(self) -> None:
        """Nobody waits longer than a second for a judgement: the notice is stored, and judged before it is sent."""
        standing = GivenStanding(None)
        notices = self.notices(standing)
        message = a_message(origin=CLIENT, to=(b"bob@example.test", b"alice@example.test"))
        telling = Deferred.fromCoroutine(notices.tell(message, failures(message), CONTENT))
        self.clock.advance(JUDGED_SECONDS - 0.01)
        self.assertNoResult(telling)
        self.clock.advance(0.01)
        self.assertIs(self.successResultOf(telling), Disposition.STORED)
        notice = self.successResultOf(self.spool.load(self.stored()[0])).message
        standing.judgement = DOUBTED
        judged = self.successResultOf(Deferred.fromCoroutine(notices.reconsider(notice)))
        self.assertEqual((judged, standing.asked[1]), (DOUBTED, standing.asked[0]))
        (shown,) = notices.withheld
        self.assertEqual((shown.message, shown.recipients, shown.reason), ("M1", 2, "spf fail"))
        self.assertEqual(self.journal.named("notice_withheld")[0]["message"], "M1")

    def test_unknown(self) -> None:
        """A sender who cannot be judged now is not forgotten: the notice is stored, within the budget."""
        standing = GivenStanding(Judgement(Believed.UNKNOWN, "spf temperror"))
        notices = self.notices(standing, NoticeAllowance(per_domain=1, total=10))
        self.assertIs(self.tell(notices, a_message(origin=CLIENT)), Disposition.STORED)
        self.assertIs(self.tell(notices, a_message(origin=CLIENT)), Disposition.OVER_BUDGET)

    def test_judged_once(self) -> None:
        """A sender who was believed when the notice was stored is not judged again."""
        standing = GivenStanding(Judgement(Believed.YES))
        notices = self.notices(standing)
        self.tell(notices, a_message(origin=CLIENT))
        notice = self.successResultOf(self.spool.load(self.stored()[0])).message
        judged = self.successResultOf(Deferred.fromCoroutine(notices.reconsider(notice)))
        self.assertEqual((judged.believed, len(standing.asked)), (Believed.YES, 1))

    def test_over_budget(self) -> None:
        """What exceeds the budget of a destination is journalled and not sent; another destination is not affected."""
        notices = self.notices(allowance=NoticeAllowance(per_domain=2, total=100))
        told = [self.tell(notices, a_message(id=f"M{number}")) for number in range(4)]
        self.assertEqual(told, [Disposition.STORED] * 2 + [Disposition.OVER_BUDGET] * 2)
        self.assertIs(self.tell(notices, a_message(b"dave@other.example")), Disposition.STORED)
        self.assertEqual(len(self.journal.named("notice_withheld")), 2)

    def test_withheld_is_bounded(self) -> None:
        """The list of what was withheld keeps the newest hundred; the count keeps counting."""
        notices = self.notices(GivenStanding(DOUBTED))
        for number in range(WITHHELD_KEPT + 5):
            self.tell(notices, a_message(id=f"M{number}"))
        self.assertEqual((len(notices.withheld), notices.withheld_count), (WITHHELD_KEPT, WITHHELD_KEPT + 5))
        self.assertEqual(notices.withheld[-1].message, f"M{WITHHELD_KEPT + 4}")

    def test_full_disk(self) -> None:
        """When the notice cannot be stored the caller gets the OSError and nothing was told."""
        message = a_message()
        telling = Deferred.fromCoroutine(self.notices(spool=FullDisk()).tell(message, failures(message), CONTENT))
        self.failureResultOf(telling, OSError)
        self.assertEqual((self.kicks, self.journal.events), (0, []))

    def test_unreadable_original(self) -> None:
        """A content that cannot be read is closed, and its sender is told all the same, without the header."""
        content = TornContent()
        self.assertIs(self.tell(self.notices(), a_message(), content), Disposition.STORED)
        self.assertTrue(content.reader.closed)
        self.assertEqual(len(self.journal.named("notice_original_unreadable")), 1)

    def test_large_original(self) -> None:
        """Of a large message only the first 64 KiB are read, and only its header comes back."""
        blocks = (b"Subject: large\r\n\r\n", *(b"x" * 65536 for _ in range(16)))
        self.tell(self.notices(), a_message(), MemoryContent(blocks, ascii_header=True))
        self.assertLess(self.stored()[0].size, 5000)


class BudgetTests(SynchronousTestCase):
    """The budget's arithmetic."""

    def test_refills(self) -> None:
        """What was spent comes back evenly within the hour, never more than the allowance."""
        budget = NoticeBudget(NoticeAllowance(per_domain=60, total=1000), 0.0)
        self.assertEqual(sum(budget.take("a.example", 0.0) for _ in range(100)), 60)
        self.assertFalse(budget.take("a.example", 59.0))
        self.assertTrue(budget.take("a.example", 61.0))
        self.assertEqual(sum(budget.take("a.example", 10 * HOUR) for _ in range(100)), 60)
        self.assertEqual(budget.refused, 40 + 1 + 40)

    def test_total(self) -> None:
        """All destinations together have a budget too."""
        budget = NoticeBudget(NoticeAllowance(per_domain=60, total=10), 0.0)
        self.assertEqual(sum(budget.take(f"{number}.example", 0.0) for number in range(50)), 10)

    def test_memory_is_bounded(self) -> None:
        """Any number of destinations takes bounded memory, and known ones keep their own budget."""
        budget = NoticeBudget(NoticeAllowance(per_domain=1, total=10 * DOMAINS), 0.0)
        for number in range(DOMAINS + 50):
            self.assertTrue(budget.take(f"{number}.example", 0.0))
        self.assertEqual(len(budget._domains), DOMAINS)
        self.assertFalse(budget.take("1.example", 0.0))
        budget.take("new.example", HOUR)
        self.assertEqual(len(budget._domains), 1)

    @settings(deadline=None, derandomize=True, max_examples=100)
    @given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 2000)), max_size=120))
    def test_never_above(self, takes: list[tuple[str, float]]) -> None:
        """In no hour does one destination get more than twice its hourly allowance, the burst included."""
        budget, now, granted = NoticeBudget(NoticeAllowance(per_domain=5, total=1000), 0.0), 0.0, []
        for domain, step in takes:
            now += step
            if budget.take(domain, now):
                granted.append((domain, now))
        for domain, moment in granted:
            within = [one for one in granted if one[0] == domain and moment <= one[1] < moment + HOUR]
            self.assertLessEqual(len(within), 10)
