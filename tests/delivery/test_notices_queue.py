"""Sending spooled notices: a real spool, fake next hops, time moved by hand."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from shieldrelay.delivery.notice_queue import PARALLEL, PAUSE_SECONDS, QUIET_SECONDS, SCAN, NoticeQueue, NoticeSpool
from shieldrelay.delivery.notice_route import Candidate, Candidates, NotNow, Routing, Undeliverable
from shieldrelay.delivery.schedule import Schedule
from shieldrelay.delivery.standing import Believed, Judgement
from shieldrelay.mail.address import NULL, parse_mailbox
from shieldrelay.mail.envelope import Envelope, Message, Origin, Recipient
from shieldrelay.mail.outcome import AttemptResult
from shieldrelay.ports import Attempt
from shieldrelay.spool.entry import Window
from shieldrelay.spool.name import NOTICES
from shieldrelay.testing.hop import REFUSED, TRANSIENT, FakeNextHop, answered, down, taken
from tests.delivery.notice_samples import CONTENT, EPOCH, SpoolCase

Conduct = Callable[[Attempt], AttemptResult]


class TableRoute:
    """Routes by a dictionary; everything else to ``mx``."""

    def __init__(self) -> None:
        self.table: dict[str, Routing] = {}
        self.asked: list[tuple[str, str]] = []

    async def servers(self, destination: str, protected: str) -> Routing:
        self.asked.append((destination, protected))
        return self.table.get(destination, Candidates((Candidate("mx", 25),)))


class BrokenSpool:
    """A spool that cannot be read."""

    def window(self, domain: str, limit: int) -> Deferred[Window]:
        return fail(OSError(5, "Input/output error"))


class QueueCase(SpoolCase):
    """A queue and its surroundings."""

    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.route = TableRoute()
        self.hops: dict[str, FakeNextHop] = {}
        self.opened: list[str] = []
        self.judgements: dict[str, Judgement] = {}
        self.queue = self.make(self.spool)

    def make(self, spool: NoticeSpool) -> NoticeQueue:
        """Make a queue on a spool."""
        return NoticeQueue(
            spool=spool,
            route=self.route,
            reconsider=self.reconsider,
            next_hop=self.next_hop,
            schedule=Schedule(jitter=0.0),
            lifetime=172_800.0,
            journal=self.journal,
            clock=self.clock,
            wall=self.wall,
            rnd=lambda: 0.5,
        )

    def reconsider(self, notice: Message) -> Deferred[Judgement]:
        """Believe the sender of a notice, unless told otherwise."""
        return succeed(self.judgements.get(notice.id, Judgement(Believed.YES)))

    def next_hop(self, host: str, port: int) -> FakeNextHop:
        """Give the next hop of a host; unless told otherwise it takes everything."""
        self.opened.append(f"{host}:{port}")
        return self.hops.setdefault(host, FakeNextHop())

    def behave(self, host: str, conduct: Conduct | None) -> FakeNextHop:
        """Have a host behave in some way."""
        self.hops[host] = FakeNextHop(conduct)
        return self.hops[host]

    def put(self, number: int = 1, to: bytes = b"carol@elsewhere.example", arrived: float = EPOCH) -> None:
        """Store a notice."""
        envelope = Envelope(NULL, (Recipient(parse_mailbox(to)),))
        message = Message(
            f"N{number}", arrived, NOTICES, envelope, Origin("127.0.0.1", 0, "example.test", session="M1")
        )
        self.successResultOf(self.spool.store(message, CONTENT, due=EPOCH))

    def advance(self, seconds: float) -> None:
        """Move both clocks."""
        self.now += seconds
        self.clock.advance(seconds)


class QueueTests(QueueCase):
    """What becomes of a notice."""

    def test_sent(self) -> None:
        """A due notice is offered to the destination's server, with content and envelope, and removed when taken."""
        self.put()
        self.queue.start()
        (attempt,) = self.hops["mx"].attempts
        self.assertIs(attempt.message.envelope.reverse_path, NULL)
        self.assertEqual(attempt.content.size, CONTENT.size)
        self.assertEqual(self.route.asked, [("elsewhere.example", "example.test")])
        self.assertEqual((self.stored(), self.opened), ((), ["mx:25"]))
        (told,) = self.journal.named("notice")
        self.assertEqual((told["notice"], told["message"], told["to"]), ("N1", "M1", "carol@elsewhere.example"))

    def test_next_server(self) -> None:
        """A server that is down is passed over for the next; one that answered is not."""
        self.route.table["elsewhere.example"] = Candidates((Candidate("a", 25), Candidate("b", 25)))
        self.behave("a", down)
        self.put()
        self.queue.start()
        self.assertEqual((self.opened, self.stored()), (["a:25", "b:25"], ()))
        self.opened.clear()
        self.behave("a", lambda attempt: answered(TRANSIENT))
        self.put(2)
        self.queue.look()
        self.assertEqual((self.opened, len(self.stored())), (["a:25"], 1))

    def test_refused(self) -> None:
        """A notice that is refused is dropped with a journal line and causes no further notice."""
        self.behave("mx", lambda attempt: answered(REFUSED))
        self.put()
        self.queue.start()
        self.assertEqual((self.stored(), len(self.journal.named("notice_dropped"))), ((), 1))

    def test_no_route(self) -> None:
        """Without a server it is dropped; when that cannot be told now it is kept, and no server is spoken to."""
        self.route.table = {"a.example": Undeliverable("null MX"), "b.example": NotNow("no DNS")}
        self.put(1, b"x@a.example")
        self.put(2, b"x@b.example")
        self.queue.start()
        self.assertEqual([entry.id for entry in self.stored()], ["N2"])
        self.assertEqual(self.journal.named("notice_dropped")[0]["reason"], "null MX")
        self.assertEqual(self.opened, [])

    def test_not_believed(self) -> None:
        """A notice whose sender turns out not to be believed is removed, and no server is spoken to."""
        self.judgements["N1"] = Judgement(Believed.NO, "spf fail")
        self.put()
        self.queue.start()
        self.assertEqual((self.stored(), self.opened, self.route.asked), ((), [], []))

    def test_not_judged_yet(self) -> None:
        """While its sender cannot be judged a notice waits by the schedule, and is sent as soon as he is believed."""
        self.judgements["N1"] = Judgement(Believed.UNKNOWN, "spf temperror")
        self.put()
        self.queue.start()
        self.assertEqual((len(self.stored()), self.opened), (1, []))
        self.assertEqual(self.journal.named("notice_deferred")[0]["reason"], "spf temperror")
        del self.judgements["N1"]
        self.advance(60)
        self.assertEqual((self.stored(), self.opened), ((), ["mx:25"]))

    def test_never_judged(self) -> None:
        """A notice whose sender cannot be judged within its lifetime is dropped unsent."""
        self.judgements["N1"] = Judgement(Believed.UNKNOWN, "spf temperror")
        self.put()
        self.queue.start()
        for _ in range(1500):
            self.advance(120)
        self.assertEqual((self.stored(), self.opened), ((), []))
        self.assertEqual(self.journal.named("notice_expired")[0]["reason"], "spf temperror")

    def test_retries(self) -> None:
        """A transient refusal is tried again by the schedule, and sent when the server takes it."""
        hop = self.behave("mx", lambda attempt: answered(TRANSIENT))
        self.put()
        self.queue.start()
        for seconds, attempts in ((59, 1), (1, 2), (119, 2), (1, 3)):
            self.advance(seconds)
            self.assertEqual(len(hop.attempts), attempts)
        hop.conduct = taken
        self.advance(300)
        self.assertEqual((len(hop.attempts), self.stored()), (4, ()))

    def test_expires(self) -> None:
        """After its lifetime a notice is dropped without another attempt, and causes no notice."""
        hop = self.behave("mx", lambda attempt: answered(TRANSIENT))
        self.put()
        self.queue.start()
        for _ in range(1500):
            self.advance(120)
        self.assertEqual(self.stored(), ())
        (told,) = self.journal.named("notice_expired")
        self.assertEqual(told["notice"], "N1")
        self.assertLess(len(hop.attempts), 110)

    def test_quiet(self) -> None:
        """A destination whose servers are all down is left alone for five minutes, whatever waits for it."""
        hop = self.behave("mx", down)
        for number in range(5):
            self.put(number)
        self.queue.start()
        self.assertEqual(len(hop.attempts), 1)
        hop.conduct = taken
        self.advance(QUIET_SECONDS - 1)
        self.assertEqual(len(hop.attempts), 1)
        for _ in range(10):
            self.advance(60)
        self.assertEqual(self.stored(), ())

    def test_parallel(self) -> None:
        """At most a few are tried at once; as each ends, the next begins."""
        hop = self.behave("mx", None)
        for number in range(PARALLEL + 3):
            self.put(number)
        self.queue.start()
        self.assertEqual((self.queue.in_flight, len(hop.held)), (PARALLEL, PARALLEL))
        while hop.held:
            hop.answer()
        self.assertEqual((hop.most_at_once, len(hop.attempts), self.stored()), (PARALLEL, PARALLEL + 3, ()))

    def test_many(self) -> None:
        """More notices than one look brings are all sent, without nesting and without waiting."""
        depths: list[int] = []

        def deep(attempt: Attempt) -> AttemptResult:
            depths.append(len(inspect.stack(0)))
            return taken(attempt)

        self.behave("mx", deep)
        for number in range(SCAN * 2 + 7):
            self.put(number)
        self.queue.start()
        for _ in range(3):
            self.advance(0)
        self.assertEqual((self.stored(), len(depths)), ((), SCAN * 2 + 7))
        self.assertLess(max(depths) - min(depths), 20)

    def test_told_of_new(self) -> None:
        """What is stored later is sent when the queue is told, or by itself within a minute."""
        self.queue.start()
        self.put(1)
        self.queue.look()
        self.assertEqual(self.stored(), ())
        self.put(2)
        self.advance(PAUSE_SECONDS)
        self.assertEqual(self.stored(), ())

    def test_told_while_busy(self) -> None:
        """What is stored while everything is busy is sent as soon as something ends."""
        hop = self.behave("mx", None)
        for number in range(PARALLEL):
            self.put(number)
        self.queue.start()
        hop.conduct = taken
        self.put(99)
        self.queue.look()
        hop.answer()
        self.advance(0)
        self.assertEqual(len(self.stored()), PARALLEL - 1)

    def test_broken_spool(self) -> None:
        """Trouble with the spool is told once a minute, not in a loop."""
        queue = self.make(BrokenSpool())  # type: ignore[arg-type]
        queue.start()
        self.advance(0)
        self.assertEqual(len(self.journal.named("notice_trouble")), 1)
        self.advance(PAUSE_SECONDS)
        self.assertEqual(len(self.journal.named("notice_trouble")), 2)
        self.successResultOf(queue.stop())

    def test_deleted_meanwhile(self) -> None:
        """A notice that an operator removed is no trouble."""
        hop = self.behave("mx", None)
        for number in range(PARALLEL + 1):
            self.put(number)
        self.queue.start()
        waiting = {entry.id for entry in self.stored()} - {held.attempt.message.id for held in hop.held}
        gone = [entry for entry in self.stored() if entry.id in waiting]
        self.successResultOf(self.spool.remove(gone))
        while hop.held:
            hop.answer()
        self.assertEqual(self.journal.named("notice_trouble"), [])


class StopTests(QueueCase):
    """Stopping."""

    def test_before_dot(self) -> None:
        """A stop breaks off what has not reached its final dot; the notice stays, as if it had not been tried."""
        hop = self.behave("mx", None)
        self.route.table["elsewhere.example"] = Candidates((Candidate("mx", 25), Candidate("b", 25)))
        self.put()
        self.queue.start()
        self.successResultOf(self.queue.stop())
        (entry,) = self.stored()
        self.assertEqual((hop.held, entry.due, self.opened), ([], EPOCH, ["mx:25"]))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_after_dot(self) -> None:
        """After the final dot a stop waits for the answer, so that nothing is sent twice."""
        hop = self.behave("mx", None)
        self.put()
        self.queue.start()
        hop.held[0].attempt.final_dot()
        stopped = self.queue.stop()
        self.assertNoResult(stopped)
        hop.answer()
        self.successResultOf(stopped)
        self.assertEqual(self.stored(), ())

    def test_looks_no_more(self) -> None:
        """After a stop nothing begins, whoever asks."""
        self.queue.start()
        self.successResultOf(self.queue.stop())
        self.put()
        self.queue.look()
        self.advance(1000)
        self.assertEqual(self.opened, [])
