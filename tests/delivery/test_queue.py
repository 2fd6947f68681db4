"""The backlog of one domain over the real spool: what goes when, and that nothing is lost, doubled or forgotten."""

from __future__ import annotations

import os
from functools import partial
from itertools import pairwise
from pathlib import Path

from shieldrelay.delivery.breaker import State
from shieldrelay.delivery.pace import Pace
from shieldrelay.delivery.queue import Lifetimes
from shieldrelay.mail.outcome import AttemptResult, RecipientOutcome, ServerHealth
from shieldrelay.ports import Attempt
from shieldrelay.spool.name import NOTICES
from shieldrelay.testing.hop import REFUSED, TAKEN, TRANSIENT, UNSURE, FakeNextHop, answered, down, taken
from shieldrelay.testing.threads import HeldThreads
from tests.delivery.relay import DAY, EPOCH, DomainRelay, RelayTests, a_message


def later(attempt: Attempt) -> AttemptResult:
    """Answer 450 for everybody."""
    return answered(*(TRANSIENT for _ in attempt.recipients))


def says_nothing(health: ServerHealth, attempt: Attempt) -> AttemptResult:
    """Give a result that says so about the server."""
    return of_health(health)


def of_health(health: ServerHealth) -> AttemptResult:
    """Give the result of an attempt for one recipient that says so about the server."""
    return AttemptResult((UNSURE,), health)


class OrderTests(RelayTests):
    """What goes next."""

    def test_a_backlog_longer_than_the_window_is_drained_oldest_first(self) -> None:
        """Everything that an earlier run left is delivered once, in the order in which it arrived."""
        relay = self.relay(window=10)
        ids = [f"M{number:03}" for number in range(137)]
        relay.store(*(a_message(id, arrived=EPOCH - 1000 + number) for number, id in enumerate(ids)))
        relay.queue.start()
        self.assertEqual((relay.offered(), relay.files()), (ids, []))
        self.assertEqual((relay.queue.window.total, relay.queue.window.in_flight, relay.lane.slots.used), (0, {}, 0))

    def test_what_is_due_now_does_not_wait_for_what_is_due_later(self) -> None:
        """A message stored while the queue sleeps until a later one is due is delivered at once."""
        relay = self.relay()
        relay.store(a_message("M1"), due=EPOCH + 200)
        relay.queue.start()
        relay.accept(a_message("M2"), inline=False)
        self.assertEqual(relay.offered(), ["M2"])
        relay.clock.advance(200)
        self.assertEqual(relay.offered(), ["M2", "M1"])

    def test_slots_and_ahead_are_bounded(self) -> None:
        """No more attempts than connections run, and no more messages than the lane wants are in memory."""
        relay = self.relay(FakeNextHop(conduct=None), connections=3)
        relay.store(*(a_message(f"M{number}") for number in range(50)))
        relay.queue.start()
        self.assertEqual((len(relay.hop.held), len(relay.queue.window.in_flight)), (3, 6))
        while relay.hop.held:
            relay.hop.answer()
        self.assertEqual((relay.hop.most_at_once, relay.files()), (3, []))

    def test_the_pace_is_kept_and_nothing_waits_forever(self) -> None:
        """A backlog leaves at the declared rate, and all of it leaves."""
        relay = self.relay(pace=Pace(20, messages_per_minute=60))
        relay.store(*(a_message(f"M{number}") for number in range(60)))
        relay.queue.start()
        counts = []
        for _ in range(80):
            relay.clock.advance(1)
            counts.append(len(relay.hop.attempts))
        self.assertLessEqual(max(after - before for before, after in pairwise(counts)), 2)
        self.assertEqual(relay.files(), [])

    def test_a_flush_brings_everything_once(self) -> None:
        """A flush tries each message that is there, on disk or in the window, exactly once, whatever its due time."""
        for window in (5, 2000):
            relay = self.relay(FakeNextHop(later), window=window)
            relay.store(
                *(a_message(f"M{number:02}", arrived=EPOCH - 99 + number) for number in range(40)), due=EPOCH + 900
            )
            relay.queue.start()
            self.assertEqual(relay.offered(), [])
            relay.queue.flush()
            self.assertEqual(sorted(relay.offered()), [f"M{number:02}" for number in range(40)])
            relay.hop.conduct = taken
            for _ in range(10):
                relay.clock.advance(60)
            self.assertEqual(relay.files(), [])

    def test_a_clock_set_back_puts_nothing_to_sleep(self) -> None:
        """After the wall clock was set back by hours a message waits no longer than the longest delay (R12)."""
        relay = self.relay(FakeNextHop(later))
        relay.store(a_message())
        relay.queue.start()
        relay.hop.conduct = taken
        relay.step = -7200.0
        relay.clock.advance(300)
        self.assertEqual((len(relay.hop.attempts), relay.files()), (2, []))


class ServerTests(RelayTests):
    """What the state of the next hop means for the backlog (R5, R6)."""

    def outage(self, *messages: str, window: int = 2000) -> DomainRelay:
        """Have a server go down by three other messages, and these spooled, oldest first."""
        relay = self.relay(FakeNextHop(down), window=window)
        relay.queue.start()
        for number in range(3):
            relay.accept(a_message(f"A{number}"))
        relay.hop.attempts.clear()
        relay.store(
            *(
                a_message(id, arrived=EPOCH - 1000 + number, sender=b"s%d@elsewhere.test" % (number % 7))
                for number, id in enumerate(messages)
            )
        )
        relay.queue.start()
        return relay

    def test_the_probe_is_the_oldest_and_is_passed_over_after_two(self) -> None:
        """Each minute the oldest message is offered; after two failed probes it is the next one's turn."""
        relay = self.outage("M0", "M1", "M2")
        for _ in range(5):
            relay.clock.advance(60)
        self.assertEqual(relay.offered(), ["M0", "M0", "M1", "M1", "M2"])

    def test_after_the_outage_the_backlog_ramps_up(self) -> None:
        """The probe is the first step; the rest follows, oldest first, 2, 5, 20 at once; nothing is forgotten."""
        relay = self.outage(*(f"M{number:02}" for number in range(30)), window=7)
        relay.hop.conduct = None
        relay.clock.advance(60)
        at_once = []
        while relay.hop.held:
            at_once.append(len(relay.hop.held))
            for _ in range(len(relay.hop.held)):
                relay.hop.answer()
        self.assertEqual(at_once[:4], [1, 2, 5, 20])
        self.assertEqual(relay.offered()[:30], [f"M{number:02}" for number in range(30)])
        relay.clock.advance(60)
        while relay.hop.held:
            relay.hop.answer()
        self.assertEqual(relay.files(), [])

    def test_stale_and_untried_count_for_nothing(self) -> None:
        """Results that say nothing about the server open no breaker, and the message waits."""
        for health in (ServerHealth.STALE, ServerHealth.UNTRIED):
            relay = self.relay(FakeNextHop(partial(says_nothing, health)))
            relay.store(a_message(f"M{health.name}"))
            relay.queue.start()
            relay.clock.pump([10] * 5)
            self.assertGreaterEqual(len(relay.hop.attempts), 3)
            self.assertIs(relay.lane.machines.breaker.state, State.CLOSED)

    def test_a_message_whose_server_fails_waits_a_moment_at_first(self) -> None:
        """A fault of the server costs a message ten seconds, and the schedule's delay from the fourth on."""

        def flaky(attempt: Attempt) -> AttemptResult:
            """Fail for M1 and take everything else, so that the breaker stays closed."""
            return of_health(ServerHealth.FAULT) if attempt.message.id == "M1" else taken(attempt)

        relay = self.relay(FakeNextHop(flaky), delays=(60.0, 120.0, 300.0))
        relay.store(a_message("M1"))
        relay.queue.start()
        times = []
        for second in range(400):
            before = relay.offered().count("M1")
            relay.clock.advance(1)
            relay.accept(a_message(f"T{second}"))
            if relay.offered().count("M1") > before:
                times.append(second + 1)
        self.assertEqual(times, [10, 20, 30, 330])

    def test_refusals_after_an_outage_bounce_nothing(self) -> None:
        """A server that comes back without its users refuses everybody: all is kept, and no notice goes out (R5)."""
        relay = self.outage(*(f"M{number:02}" for number in range(30)))
        relay.hop.conduct = lambda attempt: answered(*(REFUSED for _ in attempt.recipients))
        for _ in range(10):
            relay.clock.advance(60)
        self.assertTrue(relay.journal.named("bounce_guard")[-1]["alarm"])
        self.assertGreaterEqual(len(relay.files()), 21)
        self.assertLessEqual(len(relay.files(part=NOTICES)), 9)

    def test_a_new_lane_serves_the_same_backlog(self) -> None:
        """After a reload the backlog goes through the new lane; what the old one has under way is settled."""
        relay = self.relay(FakeNextHop(conduct=None), connections=1)
        relay.store(a_message("M1"), a_message("M2", arrived=EPOCH + 1))
        relay.clock.advance(5)
        relay.queue.start()
        old, other = relay.lane, FakeNextHop()
        relay.bind(relay.make_lane(hop=other))
        relay.queue.serve(relay.lane, relay.schedule, relay.lifetimes)
        old.stop()
        self.assertEqual([attempt.message.id for attempt in other.attempts], ["M2"])
        relay.hop.answer()
        self.assertEqual((relay.files(), relay.offered(), old.slots.used), ([], ["M1"], 0))


class LifetimeTests(RelayTests):
    """When a message is given up (R7)."""

    def test_an_old_message_is_given_up_with_a_notice(self) -> None:
        """A message past its lifetime is not tried again: its sender is told."""
        relay = self.relay()
        relay.store(a_message(arrived=EPOCH - 7 * DAY - 1))
        relay.queue.start()
        self.assertEqual((relay.offered(), relay.files(), len(relay.files(part=NOTICES))), ([], [], 1))
        self.assertEqual(relay.journal.named("expired")[0]["message"], "M1")

    def test_an_outage_does_not_count(self) -> None:
        """Time in which the next hop was down is added to the lifetime."""
        relay = self.relay()
        relay.clock.advance(10 * DAY)
        relay.ledger.down("", 5 * DAY)
        relay.ledger.up("")
        relay.store(a_message(arrived=EPOCH))
        relay.queue.start()
        self.assertEqual(relay.offered(), ["M1"])

    def test_the_hard_lifetime_ends_it_though_the_breaker_never_closes(self) -> None:
        """With the server down for good a message ends at its hard lifetime; a younger one and a held one stay."""
        relay = self.relay(FakeNextHop(down), window=2, lifetimes=Lifetimes(DAY, 3 * DAY))
        held = relay.store(a_message("H1"))[0]
        relay.store(*(a_message(f"M{number}", arrived=EPOCH + number) for number in range(9)))
        relay.store(a_message("Y1", arrived=EPOCH + 2 * DAY))
        relay.spool.hold(held)
        relay.queue.start()
        for _ in range(3 * 24 * 4 + 2):
            relay.clock.advance(900)
        self.assertFalse(relay.lane.machines.breaker.passes)
        self.assertEqual((relay.spooled(), len(relay.files("held"))), (["Y1"], 1))
        self.assertEqual(len(relay.files(part=NOTICES)), 9)

    def test_a_message_just_read_at_its_end_is_told_once(self) -> None:
        """A message that is given up while the disk takes no notice is kept, and told of once the disk obeys."""
        relay = self.relay()
        relay.store(a_message(arrived=EPOCH - 8 * DAY))
        relay.disk.full()
        relay.queue.start()
        self.assertEqual((relay.spooled(), relay.files(part=NOTICES)), (["M1"], []))
        relay.disk.well()
        relay.clock.advance(10)
        self.assertEqual((relay.files(), len(relay.files(part=NOTICES)), relay.offered()), ([], 1, []))


class RetryTests(RelayTests):
    """What an attempt leaves behind."""

    def test_retries_follow_the_schedule(self) -> None:
        """A message that is answered 450 again and again is tried after 60, 120, 300 and 300 seconds."""
        relay = self.relay(FakeNextHop(later))
        relay.store(a_message())
        relay.queue.start()
        times = []
        for second in range(1, 1000):
            before = len(relay.hop.attempts)
            relay.clock.advance(1)
            if len(relay.hop.attempts) > before:
                times.append(second)
        self.assertEqual(times, [60, 180, 480, 780])

    def test_only_who_waits_is_tried_again(self) -> None:
        """Of three recipients one is taken, one refused with a notice, one deferred: only that one is tried again."""
        script = [answered(TAKEN, REFUSED, TRANSIENT)]
        relay = self.relay(FakeNextHop(lambda attempt: script.pop() if script else taken(attempt)))
        relay.store(a_message(recipients=("a", "b", "c")))
        relay.queue.start()
        self.assertEqual(len(relay.files(part=NOTICES)), 1)
        relay.clock.advance(60)
        self.assertEqual([str(one.mailbox) for one in relay.hop.attempts[1].recipients], ["c@example.test"])
        self.assertEqual(relay.files(), [])

    def test_the_lines_of_a_message_join_by_its_id(self) -> None:
        """Spooled, attempt, deferred, attempt, delivered: every line of the journal has the message's id."""
        script = [later]
        relay = self.relay(FakeNextHop(lambda attempt: script.pop()(attempt) if script else taken(attempt)))
        relay.queue.start()
        relay.accept(a_message(), inline=False)
        relay.clock.advance(60)
        lines = [(name, fields["message"]) for name, fields in relay.journal.events]
        names = ["spooled", "attempt", "deferred", "attempt", "delivered"]
        self.assertEqual(lines, [(name, "M1") for name in names])

    def test_a_bug_costs_a_delay_and_no_slot(self) -> None:
        """An attempt that ends in a bug is told to the journal, and the message is tried again."""
        relay = self.relay(FakeNextHop(conduct=None))
        relay.store(a_message())
        relay.queue.start()
        relay.hop.crash(ValueError("of ours"))
        self.assertEqual((len(relay.journal.named("bug")), relay.lane.slots.used, relay.spooled()), (1, 0, ["M1"]))
        relay.hop.conduct = taken
        relay.clock.advance(300)
        self.assertEqual(relay.files(), [])


class DiskTests(RelayTests):
    """What a spool that fails costs."""

    def test_a_damaged_file_stops_nothing(self) -> None:
        """A file that is no whole record is set aside and told; the rest is delivered."""
        relay = self.relay()
        broken, *_ = relay.store(a_message("M1"), a_message("M2"))
        path = Path(relay.spool.path, relay.name, "new", broken.name)
        path.write_bytes(b"nonsense" + path.read_bytes()[8:])
        relay.queue.start()
        self.assertEqual((relay.offered(), relay.files(), len(relay.files("damaged"))), (["M2"], [], 1))
        self.assertEqual(relay.queue.window.total, 0)

    def test_a_file_that_vanished_is_forgotten(self) -> None:
        """A file that somebody removed is no message any more."""
        threads = HeldThreads()
        relay = self.relay(threads=threads)
        relay.accept(a_message("M1"), inline=False)
        threads.go_on()
        relay.queue.start()
        os.unlink(f"{relay.spool.path}/{relay.name}/new/{relay.files()[0]}")
        threads.go_on()
        self.assertEqual((relay.offered(), relay.queue.window.total, relay.queue.window.in_flight), ([], 0, {}))

    def test_a_spool_that_cannot_be_read_is_asked_again(self) -> None:
        """No descriptor is left: the queue rests for ten seconds, tells it a few times, and goes on."""
        relay = self.relay()
        relay.store(*(a_message(f"M{number}") for number in range(100)))
        relay.disk.crowded()
        relay.queue.start()
        relay.clock.pump([1] * 25)
        self.assertEqual((relay.offered(), len(relay.journal.named("spool_failed"))), ([], 3))
        relay.disk.well()
        relay.clock.advance(10)
        self.assertEqual((len(relay.offered()), relay.files()), (100, []))

    def test_a_probe_that_cannot_be_read_does_not_spin(self) -> None:
        """While the spool fails and a probe is wanted, the queue asks once in ten seconds."""
        relay = self.relay(FakeNextHop(down))
        relay.queue.start()
        for number in range(4):
            relay.accept(a_message(f"M{number}"))
        relay.disk.crowded()
        relay.clock.pump([5] * 24)
        self.assertLessEqual(len(relay.journal.named("spool_failed")), 7)
        relay.disk.well()
        relay.hop.conduct = taken
        relay.clock.pump([10] * 12)
        self.assertEqual(relay.files(), [])

    def test_what_cannot_be_removed_is_delivered_once(self) -> None:
        """On a disk that turned read-only nothing is delivered twice, and no more is taken until it obeys again."""
        relay = self.relay(FakeNextHop(conduct=None), connections=2, window=3)
        relay.store(*(a_message(f"M{number:02}") for number in range(20)))
        relay.queue.start()
        relay.disk.broken()
        for _ in range(30):
            if relay.hop.held:
                relay.hop.answer()
            relay.clock.advance(3)
        self.assertEqual(len(relay.offered()), len(set(relay.offered())))
        self.assertLess(len(relay.offered()), 10)
        self.assertEqual(len(relay.files()), 20)
        relay.disk.well()
        relay.clock.advance(10)
        while relay.hop.held:
            relay.hop.answer()
        self.assertEqual((sorted(relay.offered()), relay.files()), ([f"M{number:02}" for number in range(20)], []))

    def test_who_has_it_is_kept_in_mind_when_the_disk_will_not(self) -> None:
        """What became of a recipient cannot be written down: it gets no second copy in this run all the same."""
        script = [answered(TAKEN, TRANSIENT)]
        relay = self.relay(FakeNextHop(lambda attempt: script.pop() if script else later(attempt)))
        relay.store(a_message(recipients=("a", "b")))
        relay.disk.failing = {"rename": 30, "set_due": 30}
        relay.queue.start()
        relay.clock.pump([10] * 60)
        relay.disk.well()
        relay.hop.conduct = taken
        relay.clock.pump([10] * 60)
        asked = [[str(one.mailbox)[0] for one in attempt.recipients] for attempt in relay.hop.attempts]
        self.assertEqual((asked[0], set(map(tuple, asked[1:])), relay.files()), (["a", "b"], {("b",)}, []))


class StopTests(RelayTests):
    """Stopping and starting."""

    def test_a_stop_during_loads_loses_nothing(self) -> None:
        """What was being read when the queue stopped is neither offered nor forgotten."""
        threads = HeldThreads()
        relay = self.relay(threads=threads)
        for number in range(5):
            relay.accept(a_message(f"M{number}"), inline=False)
        threads.go_on()
        relay.queue.start()
        self.assertEqual(len(threads.waiting), 6)  # the scan, too
        relay.queue.stop()
        threads.go_on()
        self.assertEqual((relay.offered(), len(relay.files()), relay.queue.window.in_flight), ([], 5, {}))
        self.assertEqual(relay.clock.getDelayedCalls(), [])

    def test_an_attempt_under_way_is_settled_after_the_stop(self) -> None:
        """An attempt that ends after the stop still removes or defers its entry, and starts nothing."""
        relay = self.relay(FakeNextHop(conduct=None), connections=2)
        relay.store(*(a_message(f"M{number}") for number in range(6)))
        relay.queue.start()
        relay.queue.stop()
        relay.hop.answer()
        relay.hop.answer(later)
        self.assertEqual((len(relay.offered()), len(relay.files())), (2, 5))

    def test_what_is_delivered_is_removed_at_once(self) -> None:
        """No thread stands between a next hop's 250 and the unlink, before the stop and after it: no duplicates."""
        threads = HeldThreads()
        relay = self.relay(FakeNextHop(conduct=None), threads=threads)
        for number in range(4):
            relay.accept(a_message(f"M{number}"), inline=False)
        threads.go_on()
        relay.queue.start()
        threads.go_on()
        for left in (3, 2, 1):
            relay.hop.answer()
            self.assertEqual(len(relay.files()), left)
        relay.queue.stop()
        relay.hop.answer()
        self.assertEqual((relay.files(), relay.queue.window.total, threads.waiting), ([], 0, []))

    def test_a_restart_finds_everything(self) -> None:
        """A new queue over the same directory delivers all that was left, with the progress that was made."""
        script = [answered(TAKEN, TRANSIENT)]
        relay = self.relay(FakeNextHop(lambda attempt: script.pop() if script else down(attempt)))
        relay.store(a_message("M0", recipients=("a", "b")))
        relay.queue.start()
        for number in range(1, 8):
            relay.accept(a_message(f"M{number}"), inline=False)
        again = self.relay()
        again.clock.advance(1000)
        again.queue.start()
        self.assertEqual(sorted(again.offered()), [f"M{number}" for number in range(8)])
        first = next(one for one in again.hop.attempts if one.message.id == "M0")
        self.assertEqual([str(one.mailbox) for one in first.recipients], ["b@example.test"])
        self.assertEqual(again.files(), [])

    def test_a_first_scan_that_fails_is_not_the_last(self) -> None:
        """The spool cannot be listed when the queue starts: ten seconds later everything is found."""
        relay = self.relay()
        relay.store(a_message())
        relay.disk.failing = {"scan": 5}
        relay.queue.start()
        self.assertTrue(relay.queue.has_due())
        relay.disk.well()
        relay.clock.advance(10)
        self.assertEqual(relay.files(), [])
        self.assertFalse(relay.queue.has_due())

    def test_an_outcome_of_nobody_is_no_outcome(self) -> None:
        """A record for whose recipients nothing remains is removed without an attempt."""
        relay = self.relay(FakeNextHop(lambda attempt: answered(RecipientOutcome(TAKEN.fate))))
        (entry,) = relay.store(a_message())
        record = relay.records()[0]
        relay.spool.defer(entry, EPOCH, record.progress.settle({0: TAKEN.fate}))
        relay.queue.start()
        self.assertEqual((relay.offered(), relay.files()), ([], []))
