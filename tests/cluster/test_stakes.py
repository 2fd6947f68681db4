"""Claims about stakes: what is told of them when, what a member goes by, and what it takes when nobody answers."""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial import unittest

from shieldrelay.cluster.claims import Claims
from shieldrelay.cluster.hub import CLAIMS_AT_ONCE, CLAIMS_MOST, KEY_OCTETS, Claim, Grant
from shieldrelay.cluster.stake import Stake
from shieldrelay.cluster.stakes import SETTLING_SECONDS, TOLD_SECONDS, Stakes

HOP = b"hop:example.com"
MOST = 10


class Cluster:
    """Members whose stakes meet in the claims of one hub, exchange by exchange."""

    def __init__(self, *members: str) -> None:
        self.claims = Claims()
        self.now = 0.0
        self.stakes = {member: Stakes(alone=False) for member in members}
        self.told: list[tuple[str, Claim]] = []

    def stake(self, member: str) -> Stake:
        return self.stakes[member].stake(HOP)

    def exchange(self, member: str, *, lost: bool = False) -> None:
        stakes = self.stakes[member]
        claims = stakes.take(self.now)
        self.told += [(member, claim) for claim in claims]
        grants = [self.claims.put(member, claim) for claim in claims]
        if lost:
            stakes.again(claims)
        else:
            stakes.put(claims, grants, len(self.stakes), self.now)

    def turn(self, times: int = 1) -> None:
        for _ in range(times):
            for member in self.stakes:
                self.exchange(member)
            self.now += 0.1


class SharingTests(unittest.SynchronousTestCase):
    def test_members_share_evenly(self) -> None:
        """Two members that want everything have half each within a few ticks, and are told of each other."""
        cluster = Cluster("one", "two")
        heard: list[tuple[int, int]] = []
        one, two = cluster.stake("one"), cluster.stake("two")
        one.changed = lambda: heard.append((one.units, one.claimants))
        one.ask(50, MOST, 0)
        cluster.turn()
        two.ask(50, MOST, 0)
        cluster.turn(20)
        self.assertEqual((one.units, two.units, two.claimants), (5, 5, 2))
        self.assertEqual(heard[0], (MOST, 1))
        self.assertEqual(heard[-1], (5, 2))

    def test_what_is_in_use_is_kept_until_it_is_let_go(self) -> None:
        """Beyond a lowered grant nothing new is begun, and what is in use is nobody else's until its end is told."""
        cluster = Cluster("one", "two")
        one, two = cluster.stake("one"), cluster.stake("two")
        one.ask(50, MOST, 0)
        cluster.turn()
        one.ask(50, MOST, 8)
        two.ask(50, MOST, 0)
        cluster.turn(20)
        self.assertEqual((one.units, two.units), (5, 2))
        one.ask(50, MOST, 6)
        cluster.turn(2)
        self.assertEqual((one.units, two.units), (5, 4))

    def test_less_asked_is_less_had_from_the_next_exchange_on(self) -> None:
        """Who wants less goes by less before anybody has answered, for the others may have it from then on."""
        cluster = Cluster("one", "two")
        one, two = cluster.stake("one"), cluster.stake("two")
        one.ask(50, MOST, 0)
        cluster.turn()
        one.ask(3, MOST, 1)
        cluster.exchange("one", lost=True)
        self.assertEqual(one.units, 3)
        two.ask(50, MOST, 0)
        cluster.exchange("two")
        self.assertEqual(two.units, 7)

    def test_a_lost_answer_gives_nothing(self) -> None:
        """What was granted in an answer that never came is not gone by; it is asked for again and then had."""
        cluster = Cluster("one", "two")
        one = cluster.stake("one")
        one.ask(4, MOST, 0)
        cluster.exchange("one", lost=True)
        self.assertEqual(one.units, 0)
        cluster.exchange("one")
        self.assertEqual(one.units, 4)

    def test_an_ended_stake_is_forgotten(self) -> None:
        """Who wants and holds nothing any more tells it once, and neither hub nor member keeps anything."""
        cluster = Cluster("one")
        one = cluster.stake("one")
        one.ask(4, MOST, 0)
        cluster.turn()
        one.ask(0, MOST, 0)
        cluster.turn()
        cluster.told.clear()
        cluster.turn(20)
        self.assertEqual((one.units, len(cluster.stakes["one"]), len(cluster.claims), cluster.told), (0, 0, 0, []))

    def test_a_name_has_one_stake(self) -> None:
        """Whoever asks for a name gets the same stake, and what is no name gets none."""
        stakes = Stakes(alone=False)
        stake = stakes.stake(HOP)
        self.assertIs(stakes.stake(HOP), stake)
        self.assertIsNot(stakes.stake(b"another"), stake)
        for name in (b"", b"x" * (KEY_OCTETS + 1)):
            self.assertRaises(ValueError, stakes.stake, name)

    def test_owners_may_ask_while_they_are_told(self) -> None:
        """An owner may ask for something else whenever it is told, and goes by what comes of that."""
        cluster = Cluster("one", "two")
        one, two = cluster.stake("one"), cluster.stake("two")
        one.changed = lambda: one.ask(max(0, one.wanted - 1), MOST, min(one.used, one.units))
        one.ask(8, MOST, 0)
        two.ask(8, MOST, 0)
        cluster.turn(40)
        self.assertEqual((one.wanted, one.units, two.units), (5, 5, 5))


class TellingTests(unittest.SynchronousTestCase):
    def told(self, wanted: int, others: int, ticks: int) -> int:
        cluster = Cluster("one", "two")
        one, two = cluster.stake("one"), cluster.stake("two")
        two.ask(others, MOST, others)
        cluster.turn()
        one.ask(wanted, MOST, 0)
        cluster.turn()
        cluster.told.clear()
        cluster.turn(ticks)
        return sum(member == "one" for member, _ in cluster.told)

    def test_the_satisfied_say_so_once_a_second(self) -> None:
        """Who has what it wants tells it again once a second: else nobody could lower its part."""
        self.assertIn(self.told(wanted=4, others=4, ticks=45), (round(4.0 / TOLD_SECONDS), round(3.0 / TOLD_SECONDS)))

    def test_the_unsatisfied_say_so_each_time(self) -> None:
        """Who lacks something asks with every exchange."""
        self.assertEqual(self.told(wanted=MOST, others=8, ticks=20), 20)

    def test_reminders_are_bounded_and_go_round(self) -> None:
        """With more claims than are told again at once, all of them are, in turn."""
        stakes = Stakes(alone=False)
        kept = [stakes.stake(b"%04d" % number) for number in range(CLAIMS_AT_ONCE)]
        for stake in kept:
            stake.ask(5, 5, 0)
        told: set[bytes] = set()
        sizes = []
        for turn in range(5):
            claims = stakes.take(turn * 0.1)
            stakes.put(claims, [Grant(claim.name, 0, 2, 0) for claim in claims], 2, turn * 0.1)
            sizes.append(len(claims))
            told |= {claim.name for claim in claims} if turn else set()
        self.assertEqual(sizes, [CLAIMS_AT_ONCE, 250, 250, 250, 250])
        self.assertEqual(len(told), CLAIMS_AT_ONCE)

    def test_more_than_an_exchange_carries_go_with_the_next(self) -> None:
        """With more asked anew than an exchange carries, each is told once before any is told twice."""
        stakes = Stakes(alone=False)
        kept = [stakes.stake(b"%04d" % number) for number in range(CLAIMS_MOST)]
        told: list[bytes] = []
        for turn in range(1, CLAIMS_MOST // CLAIMS_AT_ONCE + 1):
            for stake in kept:
                stake.ask(5, 5, turn % 2)  # so that all of them have something new to say, each time
            claims = stakes.take(turn * 0.1)
            self.assertEqual(len(claims), CLAIMS_AT_ONCE)
            stakes.put(claims, [Grant(claim.name, 5, 1, 5) for claim in claims], 1, turn * 0.1)
            told += [claim.name for claim in claims]
        self.assertEqual(len(set(told)), CLAIMS_MOST)

    def test_one_too_many_takes_its_divided_part(self) -> None:
        """A stake for which there is no room with the hub goes by what the whole is, divided by the members."""
        stakes = Stakes(alone=False)
        kept = [stakes.stake(b"%04d" % number) for number in range(CLAIMS_MOST)]
        for stake in kept:
            stake.ask(5, 5, 0)
        claims = stakes.take(0.0)
        stakes.put(claims, [Grant(claim.name, 0, 1, 0) for claim in claims], 3, 0.0)
        self.assertEqual(len(claims), CLAIMS_AT_ONCE)
        surplus = stakes.stake(b"surplus")
        surplus.ask(50, MOST, 0)
        self.assertEqual((surplus.units, len(stakes)), (3, CLAIMS_MOST))


class DegradedTests(unittest.SynchronousTestCase):
    def degraded(self, members: int, asked: Callable[[Stake], None]) -> Stake:
        stakes = Stakes(alone=False)
        self.stakes = stakes
        stake = stakes.stake(HOP)
        asked(stake)
        claims = stakes.take(0.0)
        stakes.put(claims, [Grant(HOP, claim.wanted, 1, claim.most) for claim in claims], members, 0.0)
        stakes.degrade()
        return stake

    def test_everything_is_divided_by_the_members(self) -> None:
        """Without the hub a member goes by its even part, at least one unit, and none of what there is none of."""
        units = [
            self.degraded(members, lambda stake, most=most: stake.ask(1, most, 0)).units  # type: ignore[misc]
            for members, most in ((1, 10), (3, 10), (4, 3), (3, 0))
        ]
        self.assertEqual(units, [10, 3, 1, 0])

    def test_what_is_asked_meanwhile_is_divided_at_once(self) -> None:
        """Who asks while the hub is away has its part at once, of what it says there is."""
        stake = self.degraded(2, lambda stake: stake.ask(1, MOST, 0))
        stake.ask(50, 20, 0)
        other = self.stakes.stake(b"other")
        other.ask(1, MOST, 0)
        self.assertEqual((stake.units, other.units), (10, 5))

    def test_grants_count_again_with_the_first_answer(self) -> None:
        """When the hub is back it is told what is held, and its word counts."""
        stake = self.degraded(2, lambda stake: stake.ask(50, MOST, 4))
        (claim,) = self.stakes.take(10.0)
        self.assertEqual(claim, Claim(HOP, 50, MOST, 5))
        self.stakes.put((claim,), (Grant(HOP, 3, 2, 9),), 2, 10.0)
        self.assertEqual((stake.units, self.stakes.degraded), (3, False))
        stake.ask(40, MOST, 3)
        self.assertEqual(stake.units, 3)

    def test_after_the_hub_forgot_nobody_asks_for_more_at_once(self) -> None:
        """Members that tell an empty hub what they hold never get more together than there is, in whatever order."""
        cluster = Cluster("one", "two", "three")
        for member in cluster.stakes:
            cluster.stake(member).ask(50, MOST, 0)
        cluster.turn(20)
        cluster.claims = Claims()
        for stakes in cluster.stakes.values():
            stakes.tell_all(cluster.now)
        for _ in range(int(SETTLING_SECONDS * 10) + 20):
            cluster.turn()
            self.assertLessEqual(sum(cluster.stake(member).units for member in cluster.stakes), MOST)
        self.assertEqual(sorted(cluster.stake(member).units for member in cluster.stakes), [3, 3, 4])


class AloneTests(unittest.SynchronousTestCase):
    def test_alone_there_is_all_and_nothing_is_kept(self) -> None:
        """With a hub that is alone a stake has all there is at once, and nothing is ever told."""
        stakes = Stakes(alone=True)
        stake = stakes.stake(HOP)
        stake.ask(3, MOST, 0)
        self.assertEqual((stake.units, len(stakes), stakes.take(0.0)), (MOST, 0, ()))
        stake.ask(3, 4, 0)
        self.assertEqual(stake.units, 4)
