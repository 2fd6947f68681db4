"""How messages become somebody's responsibility: R1 and R2 through the real spool, lane and queue."""

from __future__ import annotations

import errno

from twisted.internet.defer import Deferred

from shieldrelay.delivery.holding import MemoryBudget
from shieldrelay.mail.outcome import AttemptResult, RecipientOutcome
from shieldrelay.mail.reply import Reply
from shieldrelay.ports import Attempt
from shieldrelay.spool.name import NOTICES
from shieldrelay.testing.hop import (
    CONTENT_REFUSED,
    REFUSED,
    TAKEN,
    TRANSIENT,
    UNSURE,
    FakeNextHop,
    answered,
    down,
    taken,
)
from shieldrelay.testing.threads import HeldThreads
from tests.delivery.relay import BODY, DomainRelay, RelayTests, a_message, content_of, done

LARGE = b"x" * 5000 + b"\r\n"


def saying(*outcomes: RecipientOutcome) -> FakeNextHop:
    """Make a next hop that answers its first attempt so, and takes everything after it."""
    script = [lambda attempt: answered(*outcomes)]
    return FakeNextHop(lambda attempt: script.pop()(attempt) if script else taken(attempt))


class SlowServerTests(RelayTests):
    """R1: the client's wait is bounded, the attempt is not."""

    def offered_to_slow(self, **options: object) -> tuple[DomainRelay, Deferred[Reply]]:
        """Offer one message to a server that holds it, with the final dot written."""
        relay = self.relay(FakeNextHop(conduct=None), **options)
        relay.queue.start()
        reply = relay.accept(a_message())
        relay.hop.reach_dot()
        return relay, reply

    def test_a_dot_answered_after_fifteen_seconds_delivers_once(self) -> None:
        """The client has its 250 at 10 s, the entry is there until the attempt ends, and nothing is delivered twice."""
        relay, reply = self.offered_to_slow()
        relay.clock.advance(9.9)
        self.assertNoResult(reply)
        self.assertEqual(relay.spooled(), [])
        relay.clock.advance(0.1)
        self.assertEqual(self.answered(reply), 250)
        self.assertEqual(relay.spooled(), ["M1"])
        relay.clock.advance(5)
        self.assertEqual(relay.spooled(), ["M1"])
        relay.hop.answer()
        self.assertEqual(relay.spooled(), [])
        relay.clock.advance(5000)
        self.assertEqual(relay.offered(), ["M1"])
        self.assertEqual((relay.lane.slots.used, relay.queue.window.total, relay.queue.window.in_flight), (0, 0, {}))

    def test_a_thousand_messages_at_a_slow_server_arrive_once_each(self) -> None:
        """A server that answers every dot after 15 s gets 1 000 messages exactly once each."""
        relay = self.relay(FakeNextHop(conduct=None), connections=1000)
        relay.queue.start()
        replies = [relay.accept(a_message(f"M{number}")) for number in range(1000)]
        for held in relay.hop.held:
            held.attempt.final_dot()
        relay.clock.advance(10)
        self.assertEqual({self.answered(reply) for reply in replies}, {250})
        relay.clock.advance(5)
        while relay.hop.held:
            relay.hop.answer()
        relay.clock.advance(4000)
        self.assertEqual(sorted(relay.offered()), sorted(f"M{number}" for number in range(1000)))
        self.assertEqual(relay.spooled(), [])

    def test_before_the_dot_the_attempt_is_given_up(self) -> None:
        """At 10 s without the final dot the attempt is cancelled, the message spooled, and the client has its 250."""
        relay = self.relay(FakeNextHop(conduct=None))
        reply = relay.accept(a_message())
        relay.clock.advance(10)
        self.assertEqual([attempt.message.id for attempt in relay.hop.given_up], ["M1"])
        self.assertEqual(self.answered(reply), 250)
        self.assertEqual(relay.spooled(), ["M1"])
        self.assertEqual(relay.lane.slots.used, 0)
        self.assertEqual(relay.lane.machines.breaker.reason, "")

    def test_an_answer_during_the_store_is_settled_after_it(self) -> None:
        """An answer that comes while the message is being stored removes the entry; the client has one reply."""
        threads = HeldThreads()
        relay, reply = self.offered_to_slow(threads=threads)
        threads.go_on()
        relay.clock.advance(10)
        self.assertEqual(len(threads.waiting), 1)
        relay.hop.answer()
        self.assertNoResult(reply)
        threads.go_on()
        self.assertEqual(self.answered(reply), 250)
        self.assertEqual((relay.spooled(), relay.offered()), ([], ["M1"]))

    def test_a_scan_during_the_store_brings_no_second_delivery(self) -> None:
        """The file is seen by a scan before its store is known to be durable: it is not delivered a second time."""
        threads = HeldThreads()
        relay, reply = self.offered_to_slow(threads=threads)
        threads.go_on()
        relay.clock.advance(10)
        threads.go()
        self.assertEqual(relay.spooled(), ["M1"])
        relay.queue.start()
        threads.go(-1)
        self.assertNoResult(reply)
        self.assertEqual(relay.offered(), ["M1"])
        threads.go_on()
        relay.hop.answer()
        threads.go_on()
        self.assertEqual((relay.spooled(), relay.offered()), ([], ["M1"]))

    def test_an_answer_before_the_store_fails_is_the_clients(self) -> None:
        """The server took the message while the store was failing: the client hears 250, and sends nothing again."""
        threads = HeldThreads()
        relay, reply = self.offered_to_slow(threads=threads)
        threads.go_on()
        relay.disk.full()
        relay.clock.advance(10)
        relay.hop.answer()
        threads.go_on()
        self.assertEqual(self.answered(reply), 250)

    def test_a_store_that_fails_in_flight_is_452(self) -> None:
        """The disk is full at 10 s and the server has not answered: the client hears 452; nothing is left."""
        relay, reply = self.offered_to_slow()
        relay.disk.full()
        relay.clock.advance(10)
        self.assertEqual(self.answered(reply), 452)
        relay.disk.well()
        relay.hop.answer()
        self.assertEqual((relay.spooled(), relay.queue.window.total, relay.lane.slots.used), ([], 0, 0))

    def test_a_late_refusal_becomes_a_notice(self) -> None:
        """Refused for good after the client had its 250: a notice, and the entry is gone."""
        relay, reply = self.offered_to_slow()
        relay.clock.advance(10)
        self.assertEqual(self.answered(reply), 250)
        relay.hop.answer(lambda attempt: answered(CONTENT_REFUSED))
        self.assertEqual(relay.spooled(), [])
        self.assertEqual(len(relay.files(part=NOTICES)), 1)

    def test_a_late_loss_is_tried_again(self) -> None:
        """The connection is lost after the client had its 250: the entry is deferred and delivered later."""
        relay, _reply = self.offered_to_slow()
        relay.clock.advance(10)
        relay.hop.answer(lambda attempt: answered(UNSURE))
        self.assertEqual(relay.spooled(), ["M1"])
        relay.hop.conduct = taken
        relay.clock.advance(59)
        self.assertEqual(relay.offered(), ["M1"])
        relay.clock.advance(1)
        self.assertEqual((relay.offered(), relay.spooled()), (["M1", "M1"], []))

    def test_a_bug_after_the_client_has_gone_loses_nothing(self) -> None:
        """An attempt that ends in a bug after the 250 is told to the journal, and the entry is tried again."""
        relay, _reply = self.offered_to_slow()
        relay.clock.advance(10)
        relay.hop.crash(ValueError("of ours"))
        self.assertEqual(len(relay.journal.named("bug")), 1)
        relay.hop.conduct = taken
        relay.clock.advance(10)
        self.assertEqual((relay.offered(), relay.spooled(), relay.lane.slots.used), (["M1", "M1"], [], 0))

    def test_a_bug_before_the_deadline_is_451_once(self) -> None:
        """An attempt that ends in a bug while the client waits is answered 451, and the deadline does nothing more."""
        relay, reply = self.offered_to_slow()
        relay.hop.crash(ValueError("of ours"))
        self.assertEqual(self.answered(reply), 451)
        relay.clock.advance(60)
        self.assertEqual((relay.spooled(), relay.queue.window.total, relay.lane.slots.used), ([], 0, 0))


class OutcomeTests(RelayTests):
    """R2: each row, with what is spooled, noticed and remembered."""

    def settled(self, *outcomes: RecipientOutcome, large: bool = False) -> tuple[DomainRelay, Reply]:
        """Let a next hop answer so for as many recipients."""
        relay = self.relay(saying(*outcomes))
        message = a_message(recipients=[f"r{index}" for index in range(len(outcomes))])
        budget = MemoryBudget(1 << 20)
        holding = relay.holding(message, 1000 if large else 100_000, budget)
        holding.begin(BODY % b"M1")
        if large:
            done(holding.append(LARGE))
        content = holding.content(ascii_header=True)
        reply = self.successResultOf(relay.acceptance().accept([message], holding, content))
        self.assertEqual((relay.files("tmp"), budget.used), ([], 0))
        return relay, reply

    def waiting(self, relay: DomainRelay) -> list[list[str]]:
        """Give who waits in the spool, by message."""
        return [
            [str(one.mailbox).split("@")[0] for one in record.message.envelope.recipients] for record in relay.records()
        ]

    def test_all_taken_touches_no_disk(self) -> None:
        """Everybody taken: 250, nothing spooled, nothing noticed."""
        relay, reply = self.settled(TAKEN, TAKEN)
        self.assertEqual((reply.code, relay.files(), relay.files(part=NOTICES)), (250, [], []))

    def test_all_refused_is_told_in_the_session(self) -> None:
        """Everybody refused for good: that 5xx, no notice, nothing spooled, nothing remembered."""
        relay, reply = self.settled(REFUSED, REFUSED)
        self.assertEqual((reply.code, reply.status), (550, "5.1.1"))
        self.assertEqual((relay.files(), relay.files(part=NOTICES), len(relay.memory)), ([], [], 0))

    def test_refused_content_is_told_in_the_session(self) -> None:
        """Content refused, nobody taken: that 5xx, though others were transient."""
        relay, reply = self.settled(CONTENT_REFUSED, TRANSIENT)
        self.assertEqual((reply.code, relay.files(), relay.files(part=NOTICES)), (554, [], []))

    def test_all_transient_is_spooled(self) -> None:
        """Everybody transient: spooled for all, 250; the first retry is the schedule's."""
        relay, reply = self.settled(TRANSIENT, TRANSIENT)
        self.assertEqual((reply.code, self.waiting(relay)), (250, [["r0", "r1"]]))
        self.assertEqual(relay.records()[0].progress.attempts, 1)
        self.assertEqual(relay.queue.window.next_due(), relay.wall() + 60)

    def test_mixed_spools_notices_and_remembers(self) -> None:
        """Taken, transient, refused: 250; only the transient is spooled, the refused has a notice and is remembered."""
        relay, reply = self.settled(TAKEN, TRANSIENT, REFUSED)
        self.assertEqual((reply.code, self.waiting(relay)), (250, [["r1"]]))
        self.assertEqual((len(relay.files(part=NOTICES)), len(relay.memory)), (1, 1))

    def test_taken_and_refused_needs_no_spool(self) -> None:
        """Taken and refused: 250 and a notice, nothing spooled."""
        relay, reply = self.settled(TAKEN, REFUSED)
        self.assertEqual((reply.code, relay.files(), len(relay.files(part=NOTICES))), (250, [], 1))

    def test_transient_and_refused_is_accepted(self) -> None:
        """Transient and refused, nobody taken: 250, one spooled, one noticed."""
        relay, reply = self.settled(TRANSIENT, REFUSED)
        self.assertEqual((reply.code, self.waiting(relay), len(relay.files(part=NOTICES))), (250, [["r0"]], 1))

    def test_large_content_is_spooled_whole(self) -> None:
        """A draft is spooled for all as its own file, for some as a copy: whole in both cases, and no draft is left."""
        for outcomes, left in (((TRANSIENT, TRANSIENT), [["r0", "r1"]]), ((TAKEN, TRANSIENT), [["r1"]])):
            relay, reply = self.settled(*outcomes, large=True)
            self.assertEqual((reply.code, self.waiting(relay)), (250, left))
            whole = [content_of(record.content) for record in relay.records()]
            relay.queue.start()
            relay.clock.advance(60)
            self.assertEqual(whole, [BODY % b"M1" + LARGE] * len(whole))
            self.assertEqual(relay.files(), [])

    def test_a_large_message_keeps_what_its_inline_attempt_came_to(self) -> None:
        """A draft that becomes the spool's own file counts the attempt and its reason, like a message from memory."""
        for large in (False, True):
            relay, _reply = self.settled(TRANSIENT, TRANSIENT, large=large)
            progress = relay.records()[0].progress
            self.assertEqual((progress.attempts, progress.reason), (1, "refused at RCPT"))

    def test_a_full_disk_is_452_and_a_broken_one_451(self) -> None:
        """When the transient cannot be spooled, nothing is acknowledged and nothing is left."""
        for number, code in ((errno.ENOSPC, 452), (errno.EIO, 451)):
            for step in ("create", "write", "fsync", "link", "fsync_directory"):
                relay = self.relay(saying(TRANSIENT))
                relay.disk.failing = {step: number}
                reply = self.answered(relay.accept(a_message()))
                relay.disk.well()
                self.assertEqual((step, reply, relay.files(), relay.files("tmp")), (step, code, [], []))
                self.assertEqual((relay.queue.window.total, relay.queue.window.scan_limit), (0, 2000))

    def test_a_notice_that_cannot_be_stored_is_451(self) -> None:
        """A notice is owed and the disk fails: the client keeps the message, and nothing is spooled."""
        relay = self.relay(saying(TAKEN, REFUSED))
        relay.disk.broken()
        self.assertEqual(self.answered(relay.accept(a_message(recipients=("a", "b")))), 451)


class QueuedFirstTests(RelayTests):
    """What is spooled before anything else."""

    def test_queued_first_is_durable_before_it_is_offered(self) -> None:
        """With ``first_attempt = "queued"`` the message is in the spool when the client hears 250, then delivered."""
        relay = self.relay()
        self.assertEqual(self.answered(relay.accept(a_message(), inline=False)), 250)
        self.assertEqual((relay.spooled(), relay.offered()), (["M1"], []))
        relay.queue.start()
        self.assertEqual((relay.spooled(), relay.offered()), ([], ["M1"]))

    def test_an_open_breaker_sends_mail_straight_to_the_spool(self) -> None:
        """While the next hop is down nothing is offered: spooled, 250."""
        relay = self.relay(FakeNextHop(down))
        for number in range(3):
            relay.accept(a_message(f"M{number}"))
        self.assertEqual(self.answered(relay.accept(a_message("M3"))), 250)
        self.assertEqual((relay.spooled(), relay.offered()), (["M0", "M1", "M2", "M3"], ["M0", "M1", "M2"]))

    def test_two_domains_of_a_transaction_are_spooled_each_for_itself(self) -> None:
        """A transaction for two domains is stored twice before its 250, and each part is delivered by its own lane."""
        relay = self.relay()
        other = self.relay(name="other.test", beside=relay)
        for large in (False, True):
            messages = [a_message("M1"), a_message("M2", domain="other.test")]
            holding = relay.holding(messages[0], 1000)
            holding.begin(BODY % b"M1")
            done(holding.append(LARGE if large else b"small\r\n"))
            acceptance = relay.acceptance(other)
            reply = acceptance.accept(messages, holding, holding.content(ascii_header=True))
            self.assertEqual(self.answered(reply), 250)
            self.assertEqual((relay.spooled(), other.spooled(), relay.files("tmp")), (["M1"], ["M2"], []))
            for one in (relay, other):
                one.queue.start()
                self.assertEqual(one.files(), [])
                one.queue.stop()
        self.assertEqual((relay.offered(), other.offered()), (["M1", "M1"], ["M2", "M2"]))

    def test_half_a_transaction_is_taken_back(self) -> None:
        """When the second part cannot be stored the first is removed: 452, nothing left, nothing delivered."""
        relay = self.relay()
        other = self.relay(name="other.test", beside=relay)
        for one in (relay, other):
            one.queue.start()
        messages = [a_message("M1"), a_message("M2", domain="other.test")]
        holding = relay.holding(messages[0])
        holding.begin(BODY % b"M1")
        links = iter((False, True))
        link = relay.disk.link

        def second_fails(path: str, goal: str) -> None:
            if next(links):
                raise OSError(errno.ENOSPC, "full")
            link(path, goal)

        relay.disk.link = second_fails  # type: ignore[method-assign, assignment]
        reply = relay.acceptance(other).accept(messages, holding, holding.content(ascii_header=True))
        self.assertEqual(self.answered(reply), 452)
        self.assertEqual((relay.files(), other.files(), relay.files("tmp")), ([], [], []))
        self.assertEqual((relay.offered(), other.offered()), ([], []))

    def test_a_bug_of_the_lane_is_451(self) -> None:
        """An offer that raises is answered 451, told to the journal, and the slot is free."""

        def bug(_attempt: Attempt) -> AttemptResult:
            raise ValueError("of ours")

        relay = self.relay(FakeNextHop(bug))
        self.assertEqual(self.answered(relay.accept(a_message())), 451)
        self.assertEqual((relay.lane.slots.used, len(relay.journal.named("bug"))), (0, 1))

    def test_pending_counts_the_clients_that_wait(self) -> None:
        """The number of waiting clients goes back to none, whatever became of their messages."""
        relay = self.relay(FakeNextHop(conduct=None))
        acceptance = relay.acceptance()
        for number in range(2):
            message = a_message(f"M{number}")
            holding = relay.holding(message)
            holding.begin(b"\r\n")
            acceptance.accept([message], holding, holding.content(ascii_header=True))
        self.assertEqual(acceptance.pending, 2)
        relay.hop.answer()
        relay.hop.crash(ValueError("of ours"))
        self.assertEqual(acceptance.pending, 0)
