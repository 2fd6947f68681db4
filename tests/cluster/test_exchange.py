"""Claims about a member's exchanges: what is told and put in place, and what a bad hub costs."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial import unittest

from shieldrelay.cluster.decisions import Decisions
from shieldrelay.cluster.exchange import Exchange, HubState
from shieldrelay.cluster.hub import RECORDS_AT_ONCE, Card, Change, ChangeKind, Hub, HubAway, News, Record, Report
from shieldrelay.cluster.kinds import Field, Kind
from shieldrelay.cluster.memory_hub import MemoryHub
from shieldrelay.cluster.register import Register
from shieldrelay.cluster.table import Table
from shieldrelay.mail.client import client_of
from shieldrelay.testing.journal import ListJournal

EPOCH = 1_800_000_000.0
KIND = Kind("things", (Field("count"), Field("held", lease=True)), lifetime=1000.0)
OTHER = Kind("others", (Field("count"),), lifetime=1000.0)
COUNT, HELD = range(2)
TICK = 0.1


class Node:
    """A member with one table and a register, on somebody's clock."""

    def __init__(self, name: str, hub: Hub, clock: Clock, ahead: float = 0.0) -> None:
        self.clock = clock
        self.journal = ListJournal()
        numbers = count()
        self.decisions = Decisions(self.wall, lambda: f"{name}.{next(numbers)}")
        self.register = Register(self.decisions, self.wall, self.journal)
        self.table = Table(KIND)
        self.exchange = Exchange(hub, clock, self.wall, self.journal, self.decisions, name)
        self.exchange.add(self.table)

    def wall(self) -> float:
        return EPOCH + self.clock.seconds()

    def add(self, key: bytes, amount: float, field: int = COUNT) -> None:
        self.table.add(self.table.row(key, self.clock.seconds()), field, amount)

    def total(self, key: bytes, field: int = COUNT) -> float:
        return self.table.total(self.table.row(key, self.clock.seconds()), field)


class ScriptedHub:
    """A hub that answers as a test says; it keeps the reports, and the answers that it owes."""

    alone = False

    def __init__(self, answer: Callable[[Report], Any]) -> None:
        self.answer = answer
        self.reports: list[Report] = []
        self.left: list[str] = []

    def exchange(self, report: Report) -> Deferred[News]:
        self.reports.append(report)
        answer = self.answer(report)
        return answer if isinstance(answer, Deferred) else succeed(answer)

    def meet(self, card: Card) -> Deferred[tuple[Card, ...]]:
        return succeed((card,))

    def leave(self, member: str) -> Deferred[None]:
        self.left.append(member)
        return succeed(None)


class ForgetfulHub:
    """A memory hub in which several meet, and which can lose everything."""

    alone = False

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.forget()

    def forget(self) -> None:
        self.hub = MemoryHub((KIND, OTHER), self.clock, lambda: EPOCH + self.clock.seconds(), alone=False)

    def exchange(self, report: Report) -> Deferred[News]:
        return self.hub.exchange(report)

    def meet(self, card: Card) -> Deferred[tuple[Card, ...]]:
        return self.hub.meet(card)

    def leave(self, member: str) -> Deferred[None]:
        return self.hub.leave(member)


def no_news(report: Report) -> News:
    return News(report.version or 1, 1)


class HeardTests(unittest.SynchronousTestCase):
    def test_who_counts_hears_what_was_told(self) -> None:
        """Whoever counts is told of each report, and of its having been taken in; of none that failed."""
        clock, told = Clock(), list[str]()
        answers = iter([HubAway("gone"), News(1, 2), News(2, 2)])

        def answer(report: Report) -> Any:
            told.append("asked")
            this = next(answers)
            return fail(this) if isinstance(this, Exception) else this

        node = Node("one", ScriptedHub(answer), clock)
        node.exchange.telling = lambda: told.append("telling")
        node.exchange.heard = lambda: told.append("heard")
        node.exchange.start()
        clock.pump([0.0, 2 * TICK, TICK])
        self.assertEqual(told, ["telling", "asked"] + 2 * ["telling", "asked", "heard"])

    def test_what_cannot_be_is_counted(self) -> None:
        """Records that no row looks like and changes without a meaning are left out, and how many shows."""
        clock = Clock()
        records = (Record("things", b"x", EPOCH, (1.0,)), Record("things", b"x", -1.0, (1.0, 0.0)))
        node = Node("one", ScriptedHub(lambda _: News(1, 2, records=records)), clock)
        node.exchange.start()
        clock.advance(0)
        self.assertEqual(node.exchange.nonsense, 2)
        self.assertEqual(node.total(b"x"), 0.0)


class SharedTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.hub = ForgetfulHub(self.clock)
        self.one, self.two = (Node(name, self.hub, self.clock) for name in ("one", "two"))
        for node in (self.one, self.two):
            node.exchange.start()
        self.pass_ticks(1)

    def pass_ticks(self, ticks: int) -> None:
        self.clock.pump([TICK / 2.0] * (2 * ticks + 1))

    def test_members_see_each_other(self) -> None:
        """What one member counts is in the other's total within two ticks, in both directions."""
        self.one.add(b"k", 3.0)
        self.two.add(b"k", 4.0)
        self.pass_ticks(2)
        self.assertEqual([node.total(b"k") for node in (self.one, self.two)], [7.0, 7.0])
        self.assertEqual({node.exchange.state for node in (self.one, self.two)}, {HubState.SHARED})
        self.assertEqual({node.exchange.members for node in (self.one, self.two)}, {2})

    def test_decisions_hold_everywhere(self) -> None:
        """A ban, an allow and a release made on one member are in force on the other within two ticks."""
        client = client_of("192.0.2.7")
        heard: list[bytes] = []
        self.two.register.on_release(heard.append)
        self.one.register.ban(client.source, self.one.wall() + 60.0, "reason", "harvest")
        self.one.register.allow("198.51.100.0/24", None, "reason", "operator")
        self.pass_ticks(2)
        for address, kind in (("192.0.2.7", ChangeKind.BAN), ("198.51.100.1", ChangeKind.ALLOW)):
            entry = self.two.register.standing(client_of(address), self.two.wall())
            assert entry is not None
            self.assertIs(entry.kind, kind)
        self.two.register.release(client.source, "operator")
        self.pass_ticks(2)
        self.assertIsNone(self.one.register.standing(client, self.one.wall()))
        self.assertEqual(heard, [client.source])
        self.assertEqual(self.one.decisions.outbox(10), ())

    def test_a_stopped_member_holds_nothing(self) -> None:
        """What a member held is gone from the others' totals when it stops, and after its time when it dies."""
        self.one.add(b"k", 3.0, HELD)
        self.pass_ticks(2)
        self.assertEqual(self.two.total(b"k", HELD), 3.0)
        self.successResultOf(self.one.exchange.stop())
        self.pass_ticks(2)
        self.assertEqual((self.two.total(b"k", HELD), self.two.exchange.members), (0.0, 1))

    def test_a_new_life_takes_back_the_former(self) -> None:
        """A member that was killed and starts again does not count twice."""
        killed = Node("killed", self.hub, Clock())  # its clock stands still: it says this and nothing more
        killed.add(b"k", 3.0)
        killed.exchange.start()
        killed.clock.advance(0.0)
        self.pass_ticks(2)
        self.assertEqual(self.two.total(b"k"), 3.0)
        again = Node("again", self.hub, self.clock)
        again.add(b"k", 3.0)
        again.exchange.start(former="killed")
        self.pass_ticks(3)
        self.assertEqual(self.two.total(b"k"), 3.0)

    def test_a_hub_that_forgot_is_told_everything(self) -> None:
        """When a hub comes back empty, rows and decisions are there again within a few ticks, once."""
        self.one.add(b"k", 3.0)
        self.one.register.deny("192.0.2.0/24", None, "reason", "operator")
        self.pass_ticks(2)
        told: list[bool] = []
        self.one.exchange.forgotten = lambda: told.append(True)
        self.hub.forget()
        self.pass_ticks(4)
        self.assertEqual(told, [True])
        late = Node("late", self.hub, self.clock)
        late.exchange.start()
        late.add(b"k", 1.0)
        self.pass_ticks(2)
        self.assertEqual((late.total(b"k"), self.two.total(b"k")), (4.0, 4.0))
        self.assertIsNotNone(late.register.standing(client_of("192.0.2.1"), late.wall()))

    def test_an_answer_held_back_comes_with_the_next_exchange(self) -> None:
        """Who waits is told within a tick, and the others' part is in place by then."""
        self.pass_ticks(1)
        seen: list[float] = []
        self.two.add(b"k", 5.0)
        self.pass_ticks(1)
        self.one.add(b"k", 1.0)
        waited = self.one.exchange.next()
        assert waited is not None
        waited.addCallback(lambda _: seen.append(self.one.total(b"k")))
        self.pass_ticks(1)
        self.assertEqual(seen, [6.0])

    def test_a_table_has_one_owner(self) -> None:
        """Two tables of one name are refused."""
        self.assertRaises(ValueError, self.one.exchange.add, Table(KIND))


class AloneTests(unittest.SynchronousTestCase):
    def test_alone_nothing_runs_and_nobody_waits(self) -> None:
        """With a hub that is alone no timer runs, nothing is gathered, nobody waits, and the state is local."""
        clock = Clock()
        node = Node("one", MemoryHub((KIND,), clock, lambda: EPOCH), clock)
        node.exchange.start()
        node.add(b"k", 1.0)
        node.register.deny("192.0.2.0/24", None, "reason", "operator")
        self.assertEqual((clock.getDelayedCalls(), node.exchange.waiting, node.decisions.outbox(1)), ([], 0, ()))
        self.assertIsNone(node.exchange.next())
        self.assertIs(node.exchange.state, HubState.LOCAL)
        self.successResultOf(node.exchange.stop())


class BadHubTests(unittest.SynchronousTestCase):
    def node(self, answer: Callable[[Report], Any]) -> tuple[Node, ScriptedHub]:
        self.clock = Clock()
        hub = ScriptedHub(answer)
        node = Node("one", hub, self.clock)
        node.exchange.start()
        self.clock.advance(0.0)
        return node, hub

    def test_a_hanging_hub_costs_a_quarter_second(self) -> None:
        """With a hub that never answers, who waits is told after its time, and one exchange at a time is under way."""
        owed: list[Deferred[News]] = []

        def hang(report: Report) -> Deferred[News]:
            owed.append(Deferred())
            return owed[-1]

        node, hub = self.node(hang)
        waited = node.exchange.next()
        assert waited is not None
        for _ in range(24):
            self.clock.advance(0.01)
        self.assertNoResult(waited)
        self.clock.advance(0.01)
        self.successResultOf(waited)
        self.clock.pump([0.05] * 400)
        self.assertLess(len(hub.reports), 12)
        self.assertLessEqual(sum(not each.called for each in owed), 1)
        self.assertIs(node.exchange.state, HubState.DEGRADED)

    def test_a_late_answer_is_no_answer(self) -> None:
        """What a hub says after its time is up changes nothing."""
        owed: list[Deferred[News]] = []

        def hang(report: Report) -> Deferred[News]:
            owed.append(Deferred())
            return owed[-1]

        node, _ = self.node(hang)
        self.clock.advance(2.0)
        owed[0].callback(News(99, 99, (Record("things", b"k", EPOCH, (9.0, 9.0)),)))
        self.assertEqual((node.total(b"k"), node.exchange.members), (0.0, 1))

    def test_a_failing_hub_is_asked_less_and_less_and_told_all_again(self) -> None:
        """While a hub fails the pause grows to a second, nothing piles up, and afterwards the last values are told."""
        failing = [True]
        node, hub = self.node(lambda report: fail(ConnectionError("refused")) if failing[0] else no_news(report))
        for number in range(200):
            node.add(b"%d" % (number % 3), 1.0)
            self.clock.advance(0.05)
        self.assertLess(len(hub.reports), 16)
        self.assertEqual(node.exchange.waiting, 3)
        failing[0] = False
        self.clock.pump([0.05] * 40)
        told = {record.key: record.values[COUNT] for report in hub.reports for record in report.records}
        self.assertEqual(sum(told.values()), 200.0)
        self.assertIs(node.exchange.state, HubState.SHARED)
        self.assertEqual([event["state"] for event in node.journal.named("hub_state")], ["degraded", "shared"])

    def test_nonsense_costs_the_exchange(self) -> None:
        """A hub that answers anything but news, or raises, degrades the state and does no other harm."""
        answers: list[Callable[[Report], Any]] = [
            lambda report: None,
            lambda report: b"+OK",
            lambda report: News("x", 1),  # type: ignore[arg-type]
            lambda report: News(1, 1, (Record("things", b"k", EPOCH, ("a", "b")),)),  # type: ignore[arg-type]
            lambda report: News(1, 1, None),  # type: ignore[arg-type]
            lambda report: News(1, 1, (), (Change("x", ChangeKind.BAN, None, 1.0, 1.0, "", ""),)),  # type: ignore[arg-type]
            lambda report: 1 // 0,
        ]
        for answer in answers:
            node, hub = self.node(no_news)
            self.assertIs(node.exchange.state, HubState.SHARED)
            hub.answer = answer
            node.add(b"k", 1.0)
            self.clock.advance(TICK)
            self.assertIs(node.exchange.state, HubState.DEGRADED)
            hub.answer = no_news
            self.clock.pump([TICK] * 12)
            self.assertIs(node.exchange.state, HubState.SHARED)
            self.assertEqual(node.total(b"k"), 1.0)
            self.assertIn(b"k", [record.key for record in hub.reports[-1].records + hub.reports[2].records])

    def test_who_never_heard_the_hub_divides_by_the_members_of_its_last_life(self) -> None:
        """A node that starts while the hub is away has no more of what is shared out than its part was before."""
        clock = Clock()
        node = Node("one", ScriptedHub(lambda report: fail(OSError("away"))), clock)
        stake = node.exchange.stakes.stake(b"hop:example.test")
        stake.ask(20, 20, 0)
        node.exchange.start("former", 4)
        clock.pump([0.1] * 50)
        self.assertEqual((node.exchange.members, stake.units), (4, 5))

    def test_a_dead_hub_lets_leases_end(self) -> None:
        """What others held is forgotten when nothing was heard of them for a member's time; what they counted stays."""
        held = News(1, 2, (Record("things", b"k", EPOCH, (5.0, 7.0)),))
        node, hub = self.node(lambda report: held)
        self.assertEqual(node.total(b"k", HELD), 7.0)
        hub.answer = lambda report: fail(ConnectionError())
        self.clock.pump([0.5] * 50)
        self.assertEqual(node.total(b"k", HELD), 7.0)
        self.clock.pump([0.5] * 20)
        self.assertEqual((node.total(b"k", HELD), node.total(b"k"), node.exchange.members), (0.0, 5.0, 2))

    def test_a_full_tick_leaves_the_rest_for_the_next(self) -> None:
        """No report carries more than it may, tables share it, and everything is told in the end."""
        node, hub = self.node(no_news)
        other = Table(OTHER)
        node.exchange.add(other)
        for number in range(2500):
            node.add(b"%d" % number, 1.0)
        other.add(other.row(b"few", 0.0), COUNT, 1.0)
        hub.reports.clear()
        self.clock.pump([TICK] * 5)
        sizes = [len(report.records) for report in hub.reports]
        self.assertLessEqual(max(sizes), RECORDS_AT_ONCE)
        self.assertEqual(sum(sizes), 2501)
        self.assertIn("others", [record.kind for record in hub.reports[0].records])

    def test_the_tick_stretches_with_its_cost_and_says_so(self) -> None:
        """Exchanges that take long come less often, never less than once a second, and the journal has it both ways."""
        node, hub = self.node(no_news)
        slow = [0.05]

        def busy(report: Report) -> Any:
            return News(1, 1, SlowRecords(self.clock, slow))  # type: ignore[arg-type]

        hub.answer = busy
        self.clock.advance(TICK)
        self.assertApproximates(node.exchange.interval, 0.5, 0.01)
        slow[0] = 0.0
        self.clock.pump([0.1] * 100)
        self.assertEqual(node.exchange.interval, TICK)
        told = [event["interval"] for event in node.journal.named("hub_state")]
        self.assertEqual(told, [0.1, 0.5, 0.1])

    def test_waiting_can_be_cancelled(self) -> None:
        """Who does not want to wait any more is let go at once, and the others are told as ever."""
        node, _ = self.node(no_news)
        first, second = node.exchange.next(), node.exchange.next()
        assert first is not None and second is not None
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.clock.advance(TICK)
        self.successResultOf(second)

    def test_an_exchange_under_way_is_not_the_next(self) -> None:
        """Who comes while an exchange is under way waits for the one after: its own part was not told yet."""
        owed: list[Deferred[News]] = []

        def later(report: Report) -> Deferred[News]:
            owed.append(Deferred())
            return owed[-1]

        node, _ = self.node(later)
        waited = node.exchange.next()
        assert waited is not None
        owed[0].callback(News(1, 1))
        self.assertNoResult(waited)
        self.clock.advance(TICK)
        self.assertNoResult(waited)
        owed[1].callback(News(1, 1))
        self.successResultOf(waited)

    def test_stopping_lets_everybody_go(self) -> None:
        """At the stop nobody waits any more, no timer is left, the hub is told, and the journal has no false alarm."""
        node, hub = self.node(no_news)
        hub.answer = lambda report: Deferred()
        self.clock.advance(TICK)
        waited = node.exchange.next()
        assert waited is not None
        self.successResultOf(node.exchange.stop())
        self.successResultOf(waited)
        self.assertEqual((hub.left, self.clock.getDelayedCalls()), (["one"], []))
        self.assertEqual([event["state"] for event in node.journal.named("hub_state")], ["shared"])
        self.assertIsNone(node.exchange.next())

    def test_stopping_does_not_wait_for_a_hung_hub(self) -> None:
        """A hub that does not hear the farewell is left without."""
        node, hub = self.node(no_news)
        hub.leave = lambda member: Deferred()  # type: ignore[method-assign]
        stopped = node.exchange.stop()
        self.assertNoResult(stopped)
        self.clock.advance(2.0)
        self.successResultOf(stopped)


class SlowRecords:
    """No records, but it takes long to see that."""

    def __init__(self, clock: Clock, seconds: list[float]) -> None:
        self.clock = clock
        self.seconds = seconds

    def __getitem__(self, index: slice) -> tuple[Record, ...]:
        self.clock.rightNow += self.seconds[0]
        return ()
