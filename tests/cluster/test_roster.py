"""Claims about who the members are: who is seen, what is told, and what a bad hub or a wrong clock costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial import unittest

from shieldrelay.cluster.constellation import unlike
from shieldrelay.cluster.hub import Card, Hub, HubRefused, News, Report
from shieldrelay.cluster.memory_hub import MemoryHub
from shieldrelay.cluster.roster import MEET_SECONDS, SOON_SECONDS, TIMEOUT_SECONDS, Roster
from shieldrelay.testing.journal import ListJournal

EPOCH = 1_800_000_000.0


class Node:
    """A member that only meets."""

    def __init__(self, name: str, hub: Hub, clock: Clock, ahead: float = 0.0) -> None:
        self.clock = clock
        self.ahead = ahead
        self.journal = ListJournal()
        self.card = Card(name, f"node-{name}", 0, "1", "", "smtp:1 shield:1", "up", False, name, "", 0.0)
        self.roster = Roster(hub, clock, self.journal, self.write, lambda: 0.5)

    def write(self) -> Card:
        return evolve(self.card, at=EPOCH + self.clock.seconds() + self.ahead)

    def told(self, name: str) -> list[dict[str, Any]]:
        return self.journal.named(name)


class ScriptedHub:
    """A hub that answers a card as a test says."""

    alone = False

    def __init__(self, answer: Callable[[Card], Any]) -> None:
        self.answer = answer
        self.shown: list[Card] = []

    def exchange(self, report: Report) -> Deferred[News]:
        return succeed(News(1, 1))

    def meet(self, card: Card) -> Deferred[tuple[Card, ...]]:
        self.shown.append(card)
        answer = self.answer(card)
        return answer if isinstance(answer, Deferred) else succeed(answer)

    def leave(self, member: str) -> Deferred[None]:
        return succeed(None)


def mirror(card: Card) -> tuple[Card, ...]:
    return (evolve(card, heard=card.at),)


class MeetingTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.hub = MemoryHub((), self.clock, lambda: EPOCH + self.clock.seconds(), alone=False)
        self.one, self.two = Node("one", self.hub, self.clock), Node("two", self.hub, self.clock)

    def meet(self, times: int = 1) -> None:
        self.clock.pump([MEET_SECONDS / 5.0] * (5 * times))

    def start(self, *nodes: Node) -> None:
        for node in nodes:
            node.roster.start()
        self.meet()

    def test_members_see_each_other(self) -> None:
        """Each sees all cards, its own among them, and tells once who has come."""
        self.start(self.one, self.two)
        self.meet(5)
        for node, other in ((self.one, "two"), (self.two, "one")):
            self.assertEqual([card.member for card in node.roster.cards], ["one", "two"])
            self.assertEqual(node.roster.nodes, ("node-one", "node-two"))
            self.assertEqual([event["member"] for event in node.told("member_joined")], [other])
        self.assertEqual(self.one.roster.met_since, 1.0)  # the clock's first step

    def test_who_leaves_is_told_of_once(self) -> None:
        """A member that has left is seen no more at the next meeting, and told of when two more have missed it."""
        self.start(self.one, self.two)
        self.meet()
        self.two.roster.stop()
        self.successResultOf(self.hub.leave("two"))
        while len(self.one.roster.cards) > 1:
            self.clock.advance(0.1)
        for told in (0, 0, 1):
            self.assertEqual(len(self.one.told("member_left")), told)
            self.clock.advance(SOON_SECONDS)
        self.meet(5)
        self.assertEqual([event["peer"] for event in self.one.told("member_left")], ["node-two"])

    def test_a_hub_that_forgot_makes_nobody_leave(self) -> None:
        """When the hub comes back empty, nobody is told to have left or come."""
        self.start(self.one, self.two)
        self.meet()
        for member in ("one", "two"):
            self.successResultOf(self.hub.leave(member))
        self.meet(4)
        self.assertEqual(len(self.one.roster.cards), 2)
        self.assertEqual([len(self.one.told(name)) for name in ("member_joined", "member_left")], [1, 0])

    def test_after_somebody_was_missed_the_next_meeting_is_soon(self) -> None:
        """Whoever a hub forgot is met again within two seconds of its word, and is not told to have left."""
        self.start(self.one, self.two)
        self.meet()
        for member in ("one", "two"):
            self.successResultOf(self.hub.leave(member))
        for node in (self.one, self.two):
            node.roster.show()
        self.clock.pump([0.01, SOON_SECONDS])
        self.assertEqual([len(node.roster.cards) for node in (self.one, self.two)], [2, 2])
        self.assertEqual(self.one.told("member_left"), [])

    def test_a_changed_card_is_shown_at_once(self) -> None:
        """Who says that its card has changed does not wait for the next meeting; nor for one under way to be over."""
        self.start(self.one, self.two)
        self.two.card = evolve(self.two.card, state="draining")
        self.two.roster.show()
        self.clock.advance(0.0)
        self.one.roster.show()
        self.clock.advance(0.0)
        self.assertEqual([card.state for card in self.one.roster.cards], ["up", "draining"])

    def test_a_change_while_meeting_is_shown_after_it(self) -> None:
        """A card that changes while a meeting is under way is shown right after it."""
        owed: list[Deferred[tuple[Card, ...]]] = []

        def later(card: Card) -> Deferred[tuple[Card, ...]]:
            owed.append(Deferred())
            return owed[-1]

        hub = ScriptedHub(later)
        node = Node("one", hub, self.clock)
        node.roster.start()
        self.clock.advance(0.0)
        node.card = evolve(node.card, state="leaving")
        node.roster.show()
        owed[0].callback(mirror(hub.shown[0]))
        self.clock.advance(0.0)
        self.assertEqual([card.state for card in hub.shown], ["up", "leaving"])

    def test_unlike_configurations_are_told_once(self) -> None:
        """Differing parts are named once for each constellation that lasts, and again when all are alike."""
        self.two.card = evolve(self.two.card, fingerprint="smtp:1 shield:2")
        self.start(self.one, self.two)
        self.meet(6)
        self.assertEqual(self.one.roster.drift, ("shield",))
        self.two.card = evolve(self.two.card, fingerprint="smtp:1 shield:1")
        self.meet(6)
        told = [(event["state"], event["sections"]) for event in self.one.told("configuration_drift")]
        self.assertEqual(told, [("unlike", ("shield",)), ("alike", ())])

    def test_a_change_made_one_after_the_other_is_no_drift(self) -> None:
        """Members that differ for a single meeting are not told of."""
        self.start(self.one, self.two)
        self.meet(2)
        for node in (self.one, self.two):
            node.card = evolve(node.card, fingerprint="smtp:9 shield:1")
            node.roster.show()
            self.clock.advance(0.1)
        self.meet(6)
        self.assertEqual(self.one.told("configuration_drift"), [])

    def test_a_wrong_clock_is_told_once(self) -> None:
        """A clock that is ahead of or behind the hub's by more than five seconds is told when it begins and ends."""
        self.one.ahead = 3600.0
        self.two.ahead = -60.0
        self.start(self.one, self.two)
        self.meet(3)
        self.assertEqual((round(self.one.roster.skew), round(self.two.roster.skew)), (3600, -60))
        self.one.ahead = 4.0
        self.meet(3)
        told = [(event["state"], event["seconds"]) for event in self.one.told("clock_skew")]
        self.assertEqual(told, [("wrong", 3600.0), ("right", 4.0)])
        self.assertEqual([event["seconds"] for event in self.two.told("clock_skew")], [-60.0])

    def test_stopping_leaves_nothing_behind(self) -> None:
        """After the stop no timer is left and nothing is shown any more."""
        self.start(self.one)
        self.one.roster.stop()
        self.one.roster.show()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class BadHubTests(unittest.SynchronousTestCase):
    def node(self, answer: Callable[[Card], Any]) -> Node:
        self.clock = Clock()
        self.hub = ScriptedHub(answer)
        node = Node("one", self.hub, self.clock)
        node.roster.start()
        self.clock.advance(0.0)
        return node

    def test_a_refusal_is_told_once_and_asked_again(self) -> None:
        """A hub that refuses is told of once, asked again, and forgotten when it lets us in."""
        node = self.node(lambda card: fail(HubRefused("another version")))
        self.clock.pump([MEET_SECONDS] * 4)
        self.assertEqual([event["reason"] for event in node.told("hub_refused")], ["another version"])
        self.assertEqual((node.roster.refused, node.roster.met_since), ("another version", None))
        self.assertEqual([card.member for card in node.roster.cards], ["one"])
        self.hub.answer = mirror
        self.clock.pump([MEET_SECONDS] * 2)
        self.assertEqual((node.roster.refused, node.roster.failure), ("", ""))
        self.assertIsNotNone(node.roster.met_since)

    def test_a_failing_hub_leaves_the_last_cards(self) -> None:
        """While the hub cannot be met the last cards stay, nothing is told, and the unbroken time is over."""
        node = self.node(lambda card: (evolve(card, heard=card.at), evolve(card, member="two", node="other")))
        for answer in (
            lambda card: fail(ConnectionError("refused")),
            lambda card: None,
            lambda card: (),
            lambda card: (1, 2),
            lambda card: (card,) * 2000,
            lambda card: 1 // 0,
        ):
            self.hub.answer = answer
            self.clock.advance(MEET_SECONDS)
            self.assertEqual(len(node.roster.cards), 2)
            self.assertNotEqual(node.roster.failure, "")
            self.assertIsNone(node.roster.met_since)
        self.assertEqual([node.told(name) for name in ("member_left", "hub_refused")], [[], []])

    def test_a_hanging_hub_is_given_up(self) -> None:
        """A meeting that is not answered is given up, and never more than one is under way."""
        node = self.node(lambda card: Deferred())
        self.clock.pump([1.0] * int(TIMEOUT_SECONDS + MEET_SECONDS - 1))
        self.assertEqual(len(self.hub.shown), 1)
        self.assertIn("no answer", node.roster.failure)
        self.clock.pump([1.0] * 2)
        self.assertEqual(len(self.hub.shown), 2)
        node.roster.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_alone_nobody_is_met(self) -> None:
        """With a hub that is alone no timer runs, and the only card is our own."""
        clock = Clock()
        node = Node("one", MemoryHub((), clock, lambda: EPOCH), clock)
        node.roster.start()
        node.roster.show()
        self.assertEqual((clock.getDelayedCalls(), [card.member for card in node.roster.cards]), ([], ["one"]))
        node.roster.stop()


class FingerprintTests(unittest.SynchronousTestCase):
    def test_what_differs_is_named(self) -> None:
        """Parts with other hashes, and parts that only some have, are named; like ones are not."""
        self.assertEqual(unlike(["a:1 b:2 c:3", "a:1 b:9", "a:1 b:2 c:3"]), ("b", "c"))
        self.assertEqual((unlike([]), unlike(["a:1"]), unlike(["a:1", "a:1"])), ((), (), ()))
