"""Claims about an outbreak: thousands of strangers send to valid recipients, and known-good mail comes too (R4)."""

from __future__ import annotations

from itertools import pairwise

from attrs import evolve

from shieldrelay.delivery.pace import Pace
from shieldrelay.mail.envelope import Precedence
from shieldrelay.mail.outcome import AttemptResult
from shieldrelay.ports import Attempt
from shieldrelay.testing.hop import TRANSIENT, FakeNextHop, answered, taken
from tests.delivery.relay import EPOCH, DomainRelay, RelayTests, a_message

PER_MINUTE = 600
STEP = 0.25


class Customer:
    """The customer's server: takes everything and notes when, on the relay's clock."""

    def __init__(self) -> None:
        self.hop = FakeNextHop(conduct=self._take)
        self.relay: DomainRelay | None = None
        self.offered: list[tuple[float, str]] = []

    def _take(self, attempt: Attempt) -> AttemptResult:
        assert self.relay is not None
        self.offered.append((self.relay.clock.seconds(), attempt.message.id))
        return taken(attempt)

    def took(self, begins: str) -> list[float]:
        """Give when it took the messages whose ids begin so."""
        return [at for at, id in self.offered if id.startswith(begins)]

    def most_in(self, seconds: float) -> int:
        """Give the most that it saw in any such stretch of time."""
        times, first, most = [at for at, _id in self.offered], 0, 0
        for last, at in enumerate(times):
            while at - times[first] >= seconds:
                first += 1
            most = max(most, last - first + 1)
        return most


class SiegeTests(RelayTests):
    """A paced domain with a spool on the disk, whose syncs are left out where there are thousands."""

    def besieged(self, *, synced: bool = False, pace: Pace | None = None, connections: int = 20) -> None:
        self.customer = Customer()
        paced = Pace(connections, messages_per_minute=PER_MINUTE) if pace is None else pace
        self.domain = self.relay(self.customer.hop, pace=paced, connections=connections)
        if not synced:
            self.domain.disk.fsync = lambda file: None  # type: ignore[method-assign]
            self.domain.disk.fsync_directory = lambda path: None  # type: ignore[method-assign]
        self.customer.relay = self.domain
        self.domain.queue.start()
        self.sent: dict[str, float] = {}

    def send(self, id: str, precedence: Precedence = Precedence.ORDINARY) -> None:
        """Have a client send one; it is taken at once or durable, and never refused."""
        self.sent[id] = self.domain.clock.seconds()
        message = evolve(a_message(id, arrived=self.domain.wall()), precedence=precedence)
        self.assertEqual(self.answered(self.domain.accept(message)), 250)

    def waits(self, begins: str) -> list[float]:
        """Give for how long the messages whose ids begin so were on their way."""
        return [at - self.sent[id] for at, id in self.customer.offered if id.startswith(begins)]

    def last_minutes(self, minutes: float) -> None:
        """Let time pass."""
        for _ in range(int(minutes * 60 / STEP)):
            self.domain.clock.advance(STEP)

    def outbreak(self, strangers: int, known_good: int, seconds: int) -> None:
        """Send so many in so many seconds, evenly."""
        steps = int(seconds / STEP)
        for step in range(steps):
            for number in range(strangers * step // steps, strangers * (step + 1) // steps):
                self.send(f"S{number:05}")
            for number in range(known_good * step // steps, known_good * (step + 1) // steps):
                self.send(f"K{number:05}", Precedence.KNOWN_GOOD)
            self.domain.clock.advance(STEP)

    def test_five_thousand_strangers_reach_the_customer_at_its_pace(self) -> None:
        """It never sees more than its 600 a minute and their burst; the rest is kept and drained in order."""
        self.besieged()
        self.outbreak(strangers=5000, known_good=60, seconds=60)
        self.last_minutes(8.5)
        customer = self.customer
        self.assertEqual(len({id for _at, id in customer.offered}), 5060)
        self.assertEqual((len(customer.offered), self.domain.files()), (5060, []))
        self.assertLessEqual(customer.most_in(60), PER_MINUTE + PER_MINUTE // 60)
        self.assertLessEqual(customer.most_in(1), 2 * PER_MINUTE // 60)
        self.assertLessEqual(max(self.waits("K")), 60.0)
        drained = [id for at, id in customer.offered if id.startswith("S") and at > 60]
        self.assertEqual([one for one, other in pairwise(drained) if one > other], [])

    def test_known_good_mail_is_there_within_a_minute_of_an_outbreak_that_goes_on(self) -> None:
        """In the fifth minute of a flood, with thousands before it in the spool, it takes seconds."""
        self.besieged()
        self.outbreak(strangers=1500, known_good=0, seconds=30)
        self.outbreak(strangers=150, known_good=100, seconds=30)
        self.assertLessEqual(max(self.waits("K")), 5.0)
        self.assertGreaterEqual(len(self.waits("K")), 95)

    def test_strangers_get_half_when_known_good_mail_is_a_flood_too(self) -> None:
        """Known-good mail at twice the pace gets half of it, after its lead; strangers are not starved."""
        self.besieged()
        self.outbreak(strangers=600, known_good=600, seconds=30)
        known_good, strangers = self.customer.took("K"), self.customer.took("S")
        self.assertGreaterEqual(len(strangers) + 15, len(known_good))
        self.assertGreaterEqual(len(known_good) + 15, len(strangers))
        self.assertGreaterEqual(len(known_good) + len(strangers), PER_MINUTE // 2 - 10)

    def test_a_slow_server_without_a_rate_serves_known_good_mail_too(self) -> None:
        """Where only connections limit and each takes two seconds, known-good mail waits for the next free ones."""
        self.besieged(pace=Pace(4), connections=4)
        hop = self.customer.hop
        hop.conduct = None
        began: dict[Attempt, float] = {}
        for step in range(240):
            for number in range(3):
                self.domain.accept(a_message(f"S{step:03}{number}", arrived=self.domain.wall()))
            if step % 8 == 0:
                id = f"K{step:03}"
                self.sent[id] = self.domain.clock.seconds()
                message = evolve(a_message(id, arrived=self.domain.wall()), precedence=Precedence.KNOWN_GOOD)
                self.domain.accept(message)
            self.domain.clock.advance(STEP)
            now = self.domain.clock.seconds()
            for held in list(hop.held):
                if now - began.setdefault(held.attempt, now) >= 2.0:
                    self.customer.offered.append((now, held.attempt.message.id))
                    hop.answer(taken, hop.held.index(held))
        self.assertEqual(hop.most_at_once, 4)
        self.assertLessEqual(max(self.waits("K")), 10.0)
        self.assertGreaterEqual(len(self.waits("K")), 27)
        self.assertGreaterEqual(len(self.customer.took("S")), len(self.customer.took("K")))

    def test_a_restart_keeps_the_order(self) -> None:
        """What was known-good is so after a restart, found first behind a backlog larger than the window."""
        strangers = [a_message(f"S{number:03}", arrived=EPOCH - 1000 + number) for number in range(60)]
        friends = [evolve(a_message(f"K{number}"), precedence=Precedence.KNOWN_GOOD) for number in range(3)]
        before = self.relay()
        before.store(*strangers, *friends)
        after = self.relay(window=8, connections=1, pace=Pace(1, messages_per_minute=60))
        after.queue.start()
        for _ in range(120):
            after.clock.advance(1.0)
        offered = after.offered()
        self.assertEqual(sorted(offered[:3]), ["K0", "K1", "K2"])
        self.assertEqual(offered[3:], [message.id for message in strangers])

    def test_a_flush_brings_all_of_both(self) -> None:
        """A flush of a backlog far larger than the window: known-good mail first, and all of it at last, in order."""
        strangers = [a_message(f"S{number:03}", arrived=EPOCH - 1000 + number) for number in range(80)]
        friends = [evolve(a_message(f"K{number:03}"), precedence=Precedence.KNOWN_GOOD) for number in range(30)]
        before = self.relay()
        before.store(*strangers, *friends, due=before.wall() + 3000)
        after = self.relay(window=8, pace=Pace(2, messages_per_minute=60), connections=2)
        after.queue.start()
        after.clock.advance(1)
        after.queue.flush()
        for _ in range(200):
            after.clock.advance(1.0)
        offered = after.offered()
        self.assertEqual(sorted(offered), sorted(message.id for message in (*strangers, *friends)))
        self.assertEqual([id for id in offered if id[0] == "S"], [message.id for message in strangers])

    def test_deferred_known_good_mail_is_first_again(self) -> None:
        """Known-good mail that the server put off goes before strangers who wait, when its time has come."""
        self.besieged(pace=Pace(20, messages_per_minute=60))
        self.customer.hop.conduct = lambda attempt: answered(TRANSIENT)
        self.send("K1", Precedence.KNOWN_GOOD)
        self.customer.hop.conduct = taken
        for number in range(200):
            self.send(f"S{number:03}")
        self.last_minutes(1.2)
        self.assertIn("K1", self.domain.offered()[1:75])
        self.assertNotIn("K1", self.domain.spooled())

    def test_with_real_syncs_nothing_is_lost(self) -> None:
        """A smaller outbreak with every sync on the disk: all of it is taken once, known-good mail first."""
        self.besieged(synced=True)
        self.outbreak(strangers=300, known_good=10, seconds=5)
        self.last_minutes(1)
        self.assertEqual(sorted(id for _at, id in self.customer.offered), sorted(self.sent))
        self.assertLessEqual(max(self.waits("K")), 2.0)
        self.assertEqual((self.domain.files(), self.domain.lane.slots.used), ([], 0))


