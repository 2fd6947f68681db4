"""Claims about decisions of every realm: what is believed, who hears of it, what is kept and what makes room."""

from __future__ import annotations

from itertools import count

from twisted.trial import unittest

from shieldrelay.cluster.change import TOMBSTONE_SECONDS, Change, ChangeKind, Realm
from shieldrelay.cluster.change_sound import AHEAD_SECONDS, LONGEST_STRESS_SECONDS
from shieldrelay.cluster.decisions import Decisions
from shieldrelay.cluster.hub import KEY_OCTETS, STATE_MOST

EPOCH = 1_800_000_000.0
DOMAIN = b"example.com"


class Bench:
    """Decisions with a clock that is set by hand, and what listeners heard."""

    def __init__(self, name: str = "n") -> None:
        self.now = EPOCH
        numbers = count()
        self.decisions = Decisions(lambda: self.now, lambda: f"{name}{next(numbers)}")
        self.took: list[Change] = []
        self.forgot: list[Change] = []
        for realm in Realm:
            self.decisions.on(realm, self.took.append, self.forgot.append)


def change(kind: ChangeKind, subject: bytes, at: float = 0.0, until: float | None = None, id: str = "x") -> Change:
    return Change(id, kind, subject, EPOCH + at, until, "reason", "tests")


class DecisionTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.bench = Bench()
        self.decisions = self.bench.decisions

    def test_realms_are_apart(self) -> None:
        """Decisions about one domain in several realms stand beside each other, and the later of one realm holds."""
        for kind in (ChangeKind.DOWN, ChangeKind.VERSION, ChangeKind.DOMAIN, ChangeKind.UP):
            self.decisions.decide(kind, DOMAIN, None, "reason", "tests")
        holds = {realm: self.decisions.latest(realm, DOMAIN) for realm in Realm}
        kinds = {realm: found.kind for realm, found in holds.items() if found is not None}
        self.assertEqual(
            kinds,
            {Realm.NEXT_HOP: ChangeKind.UP, Realm.LIST: ChangeKind.VERSION, Realm.DOMAIN: ChangeKind.DOMAIN},
        )
        self.assertEqual([each.kind for each in self.decisions.of(Realm.NEXT_HOP)], [ChangeKind.UP])

    def test_listeners_hear_of_their_realm_once(self) -> None:
        """Who listens to a realm hears of each change in force, decided here or elsewhere, and of none twice."""
        heard: list[Change] = []
        self.decisions.on(Realm.LIST, heard.append)
        ours = self.decisions.decide(ChangeKind.VERSION, DOMAIN, None, "7", "here")
        theirs = change(ChangeKind.VERSION, DOMAIN, 10.0, id="theirs")
        self.decisions.apply([ours, theirs, theirs, change(ChangeKind.VERSION, DOMAIN, 5.0, id="old"),
                              change(ChangeKind.DOWN, DOMAIN, 20.0)])  # fmt: skip
        self.assertEqual(heard, [ours, theirs])

    def test_what_is_over_is_told_and_forgotten(self) -> None:
        """A change that ends by itself is told to listeners when it is swept; what was superseded is not."""
        first = self.decisions.decide(ChangeKind.DOWN, DOMAIN, EPOCH + 50.0, "reason", "tests")
        second = self.decisions.decide(ChangeKind.DOWN, DOMAIN, EPOCH + 60.0, "reason", "tests")
        self.bench.now += 61.0
        self.decisions.sweep()
        self.assertEqual((self.bench.took, self.bench.forgot), ([first, second], [second]))
        self.assertEqual(self.decisions.state(), ())

    def test_an_end_is_remembered_for_a_week(self) -> None:
        """An older word that comes late is not believed again: servers that answer stay up, calm stays calm."""
        for last, former, subject in (
            (ChangeKind.UP, ChangeKind.DOWN, DOMAIN),
            (ChangeKind.CONTRADICTED, ChangeKind.DOWN, b"other.test"),
            (ChangeKind.CALM, ChangeKind.STRESS, b"member"),
        ):
            self.decisions.apply([change(last, subject, 10.0), change(former, subject, 5.0, EPOCH + 60.0, "late")])
            found = self.decisions.latest(change(last, subject).scope[0], subject)
            assert found is not None
            self.assertIs(found.kind, last)
        self.bench.now += TOMBSTONE_SECONDS + 20.0
        self.decisions.sweep()
        self.assertEqual(self.decisions.state(), ())

    def test_nonsense_is_counted_and_left_out(self) -> None:
        """Subjects that are none of their realm, times of the far future and endless stress are not believed."""
        nonsense = (
            change(ChangeKind.DOWN, b""),
            change(ChangeKind.DOWN, b"two words"),
            change(ChangeKind.DOMAIN, b"x" * (KEY_OCTETS + 1)),
            change(ChangeKind.VERSION, b"\xff.example"),
            change(ChangeKind.VERSION, b"line\r\n"),
            change(ChangeKind.BAN, DOMAIN),
            change(ChangeKind.ALLOW, DOMAIN),
            change(ChangeKind.DOWN, DOMAIN, AHEAD_SECONDS + 10.0),
            change(ChangeKind.DOWN, DOMAIN, 0.0, float("nan")),
            change(ChangeKind.STRESS, b"member"),
            change(ChangeKind.STRESS, b"member", 0.0, EPOCH + LONGEST_STRESS_SECONDS + 1.0),
        )
        self.assertEqual(self.decisions.apply(nonsense), 0)
        self.assertEqual((self.decisions.nonsense, self.bench.took), (len(nonsense), []))

    def test_nonsense_cannot_be_decided(self) -> None:
        """Who decides what cannot be is told so, and nothing has changed."""
        with self.assertRaises(ValueError):
            self.decisions.decide(ChangeKind.DOWN, b"", None, "reason", "tests")
        with self.assertRaises(ValueError):
            self.decisions.decide(ChangeKind.STRESS, b"member", None, "reason", "tests")
        self.assertEqual((self.decisions.state(), self.decisions.nonsense), ((), 0))

    def test_a_fast_clock_can_be_contradicted(self) -> None:
        """Who decides against a known decision comes later, whatever its clock shows."""
        self.decisions.apply([change(ChangeKind.DOWN, DOMAIN, 3600.0, id="fast")])
        self.decisions.decide(ChangeKind.UP, DOMAIN, None, "reason", "tests")
        found = self.decisions.latest(Realm.NEXT_HOP, DOMAIN)
        assert found is not None
        self.assertIs(found.kind, ChangeKind.UP)

    def test_restarts_need_not_know_of_stress(self) -> None:
        """Bans, lists, next hops, versions and domains are kept; that a member is under stress is not."""
        self.decisions.decide(ChangeKind.STRESS, b"member", EPOCH + 60.0, "reason", "tests")
        for kind in (ChangeKind.DOWN, ChangeKind.VERSION, ChangeKind.DOMAIN):
            self.decisions.decide(kind, DOMAIN, None, "reason", "tests")
        self.decisions.decide(ChangeKind.DENY, b"192.0.2.0/24", None, "reason", "tests")
        kept = [each.kind for each in self.decisions.kept()]
        self.assertEqual(kept, [ChangeKind.DOWN, ChangeKind.VERSION, ChangeKind.DOMAIN, ChangeKind.DENY])

    def test_what_operators_say_is_not_pushed_out(self) -> None:
        """A flood of servers up and down, of bans and of members makes room for itself among its like."""
        self.decisions.decide(ChangeKind.DOMAIN, DOMAIN, None, "reason", "operator")
        self.decisions.decide(ChangeKind.DENY, b"192.0.2.0/24", None, "reason", "operator")
        kinds = (ChangeKind.UP, ChangeKind.DOWN, ChangeKind.CALM)
        self.decisions.apply(
            change(kinds[number % 3], b"%d.example" % number, id=str(number)) for number in range(STATE_MOST + 100)
        )
        self.assertLessEqual(len(self.decisions.state()), STATE_MOST)
        for realm, subject in ((Realm.DOMAIN, DOMAIN), (Realm.NETWORK, b"192.0.2.0/24")):
            self.assertIsNotNone(self.decisions.latest(realm, subject))

    def test_what_others_said_waits_for_nobody(self) -> None:
        """A change that others superseded is not told any more, and what came from others is not told to them."""
        self.decisions.share()
        self.decisions.decide(ChangeKind.DOWN, DOMAIN, None, "reason", "tests")
        self.assertEqual(self.decisions.waiting, 1)
        self.decisions.apply([change(ChangeKind.UP, DOMAIN, 10.0)])
        self.assertEqual((self.decisions.waiting, self.decisions.outbox(10)), (0, ()))
