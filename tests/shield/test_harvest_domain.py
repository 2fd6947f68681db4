"""Claims about the shield of a domain, its baseline, and patience."""

from __future__ import annotations

from twisted.trial import unittest

from shieldrelay.cluster.table import Table
from shieldrelay.shield.harvest import Harvest, HarvestSettings, Level, Rung
from shieldrelay.shield.harvest_baseline import learn
from shieldrelay.shield.harvest_domain import thresholds
from shieldrelay.shield.harvest_kinds import COUNTED, DOMAINS, RATE
from shieldrelay.shield.harvest_names import REMEMBERED, RecentNames, keyed_hash
from tests.shield.harvest_room import DOMAIN, GOOD, HALF, LISTED, UNKNOWN, Caller, apart, harvest_of, raise_shield


class ShieldTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.changes: list[tuple[Level, Level]] = []
        self.harvest = Harvest(
            HarvestSettings(), level_changed=lambda domain, before, _: self.changes.append((before, domain.level))
        )

    def _level(self, now: float) -> Level:
        return self.harvest.domains(now)[0].level

    def test_one_source_raises_no_shield(self) -> None:
        """One source with a thousand guesses does not shield a domain, and neither does one network."""
        caller = Caller(self.harvest, apart(1))
        for number in range(1000):
            caller.rcpt(f"guess{number}")
        self.assertIs(self._level(1000.0), Level.CALM)

    def test_ten_sources_do(self) -> None:
        """Ten sources in ten networks with one unknown recipient each do, and each change is told once."""
        raise_shield(self.harvest)
        self.assertIs(self._level(1000.0), Level.SHIELD)
        self.assertEqual(self.changes, [(Level.CALM, Level.WARY), (Level.WARY, Level.SHIELD)])

    def test_granted_without_message_counts_beside_unknown(self) -> None:
        """Five unknown and five granted without a message are as much evidence as ten unknown."""
        for number in range(5):
            caller = Caller(self.harvest, apart(number))
            caller.rcpt(f"user{number}", LISTED)
            caller.rcpt(f"nobody{number}")
        self.assertIs(self._level(1000.0), Level.SHIELD)

    def test_valid_mail_raises_no_shield(self) -> None:
        """A thousand strangers with lawful-looking mail to valid recipients do not."""
        for number in range(1000):
            Caller(self.harvest, apart(number)).rcpt(f"user{number}", LISTED)
        self.assertIs(self._level(1000.0), Level.CALM)

    def test_good_pass_a_shield(self) -> None:
        """Under the shield a source with a good name hears the truth at once; others are answered alike."""
        raise_shield(self.harvest)
        for kind, rung in ((GOOD, Rung.TRUTH), (HALF, Rung.UNIFORM)):
            self.assertIs(Caller(self.harvest, apart(50), kind).rcpt("friend", LISTED).rung, rung)

    def test_shield_comes_down(self) -> None:
        """A quarter of an hour after the last hit it comes down by itself, and the domain stays wary for six hours."""
        raise_shield(self.harvest)
        self.assertIs(self._level(1000.0 + 890), Level.SHIELD)
        self.assertIs(self._level(1000.0 + 1800), Level.WARY)
        self.assertIs(self._level(1000.0 + 8 * 3600), Level.CALM)

    def test_wary_allows_one(self) -> None:
        """In a wary domain a stranger is told of one unknown recipient."""
        raise_shield(self.harvest)
        caller = Caller(self.harvest, apart(51), now=1000.0 + 3 * 3600)
        self.assertEqual([caller.rcpt(f"x{n}").rung for n in range(2)], [Rung.TRUTH, Rung.UNIFORM])

    def test_other_members_are_assumed_to_see_the_same(self) -> None:
        """With three members, evidence of four that is not told yet is taken for twelve."""
        harvest = Harvest(HarvestSettings(), members=lambda: 3)
        for number in range(4):
            Caller(harvest, apart(number)).rcpt(f"nobody{number}")
        self.assertIs(harvest.domains(1000.0)[0].level, Level.SHIELD)

    def test_what_others_have_heard_counts_once(self) -> None:
        """Once the other members have heard of evidence it counts for what it is, not for what they might have seen."""
        harvest = Harvest(HarvestSettings(), members=lambda: 3)
        for number in range(3):
            Caller(harvest, apart(number)).rcpt(f"nobody{number}")
        harvest.telling()
        Caller(harvest, apart(3)).rcpt("nobody3")
        harvest.exchanged()
        self.assertAlmostEqual(harvest.domains(1000.0)[0].evidence, 4.0 + 2 * 1.0, 1)

    def test_what_others_did_not_hear_counts_for_all(self) -> None:
        """An exchange that fails leaves all of it assumed."""
        harvest = Harvest(HarvestSettings(), members=lambda: 3)
        Caller(harvest, apart(1)).rcpt("nobody")
        harvest.telling()
        self.assertAlmostEqual(harvest.domains(1000.0)[0].evidence, 3.0, 1)

    def test_what_is_assumed_fades(self) -> None:
        """When no exchange comes for hours, a little noise is no attack: what others may see fades like what we saw."""
        harvest = Harvest(HarvestSettings(), members=lambda: 3)
        for number in range(48):
            Caller(harvest, apart(number), now=1000.0 + 1800 * number).rcpt(f"nobody{number}")
        picture = harvest.domains(1000.0 + 1800 * 48)[0]
        self.assertIs(picture.level, Level.CALM)
        self.assertLess(picture.evidence, 1.0)

    def test_noise_raises_the_threshold(self) -> None:
        """A domain that is used to one unknown recipient a minute is shielded at 37, not at ten."""
        self.assertAlmostEqual(thresholds(HarvestSettings(), 1 / 60).shield, 37.2, 1)
        self.assertEqual(thresholds(HarvestSettings(), 0.0).shield, 10.0)


class BaselineTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.table = Table(DOMAINS)

    def _hours(self, rates: list[float], begin: int = 0, shielded_for: float | None = None) -> float:
        """Let so much evidence come in, hour by hour; gives the rate an hour that was learnt."""
        for hour, seen in enumerate(rates, begin):
            row = self.table.row(b"d", 1.0 + 3600.0 * (hour + 1))
            learn(self.table, row, 1.0 + 3600.0 * hour, shielded_for)
            self.table.add(row, COUNTED, seen)
            learn(self.table, row, 1.0 + 3600.0 * (hour + 1), shielded_for)
        return self.table.total(row, RATE) * 3600

    def test_young_domain_takes_the_mean(self) -> None:
        """Within its first week a domain's baseline is the mean of what it has seen."""
        self.assertAlmostEqual(self._hours([10.0, 20.0, 30.0, 20.0]), 20.0)

    def test_one_hour_moves_little(self) -> None:
        """After a week, one hour of attack moves the baseline by less than a tenth."""
        self._hours([20.0] * 170)
        self.assertLess(self._hours([2000.0], 170), 22.0)

    def test_frozen_under_a_shield(self) -> None:
        """Under a shield nothing is learnt; only when nobody retried for six hours the noise is new."""
        self._hours([20.0] * 170)
        self.assertAlmostEqual(self._hours([200.0], 170, 3600.0), 20.0)
        self.assertGreater(self._hours([200.0], 171, 30000.0), 25.0)


class PatienceTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.harvest = harvest_of()
        raise_shield(self.harvest)

    def _first(self, number: int, name: str = "friend", kind: object = LISTED) -> Caller:
        caller = Caller(self.harvest, apart(number))
        self.assertIs(caller.rcpt(name, LISTED if kind is LISTED else UNKNOWN).rung, Rung.UNIFORM)
        caller.again()
        return caller

    def test_retry_after_five_minutes(self) -> None:
        """A stranger that comes again after five minutes hears the truth; before that it does not."""
        caller = self._first(1)
        caller.now += 200.0
        self.assertIs(caller.rcpt("friend", LISTED).rung, Rung.UNIFORM)
        caller.now += 101.0
        self.assertIs(caller.rcpt("friend", LISTED).rung, Rung.TRUTH)

    def test_pool_retries_from_another_address(self) -> None:
        """Sender and recipient are remembered, not the address: a pool may come again from elsewhere."""
        self._first(1)
        other = Caller(self.harvest, apart(2), now=1301.0)
        self.assertIs(other.rcpt("friend", LISTED).rung, Rung.TRUTH)

    def test_null_sender_stays_in_its_network(self) -> None:
        """First asks with the null reverse-path count for their own network only."""
        first = Caller(self.harvest, apart(1), sender=0)
        first.rcpt("friend", LISTED)
        other = Caller(self.harvest, apart(2), sender=0, now=1301.0)
        self.assertIs(other.rcpt("friend", LISTED).rung, Rung.UNIFORM)

    def test_names_asked_under_a_shield_are_charged_later(self) -> None:
        """What was asked for under a shield is charged when the truth is told: a second unknown one is not released."""
        caller = Caller(self.harvest, apart(1))
        caller.rcpt("nobody")
        caller.again()
        caller.now += 301.0
        self.assertIs(caller.rcpt("nobody").rung, Rung.TRUTH)
        self.assertIn("1.0 unknown recipients told of in 10 minutes", self.harvest.explain(caller.client, caller.now))

    def test_steps(self) -> None:
        """When three unknown recipients were told to the patient, patience is half an hour for an hour."""
        callers = [self._first(number, f"guess{number}", UNKNOWN) for number in range(3)]
        self.assertEqual(self.harvest.domains(1000.0)[0].patience, 300.0)
        for number, caller in enumerate(callers):
            caller.now += 310.0
            self.assertIs(caller.rcpt(f"guess{number}").rung, Rung.TRUTH)
        self.assertEqual(self.harvest.domains(1310.0)[0].patience, 1800.0)
        self.assertEqual(self.harvest.domains(1310.0 + 3601.0)[0].patience, 300.0)

    def test_guilty(self) -> None:
        """Who asked for two unknown recipients among three hears no truth at all while the shield is up."""
        caller = Caller(self.harvest, apart(1))
        for name, existence in (("a", LISTED), ("b", UNKNOWN), ("c", UNKNOWN)):
            caller.rcpt(name, existence)
        caller.again()
        caller.now += 301.0
        answer = caller.rcpt("a", LISTED)
        self.assertIs(answer.rung, Rung.UNIFORM)
        self.assertIn("do not exist", answer.reason)

    def test_guilty_while_wary(self) -> None:
        """Who asked for two unknown recipients among five hears no truth while its domain is wary."""
        caller = Caller(self.harvest, apart(1))
        for name, existence in (("a", LISTED), ("b", UNKNOWN), ("c", UNKNOWN), ("d", LISTED), ("e", LISTED)):
            caller.rcpt(name, existence)
        caller.again()
        caller.now += 2 * 3600.0
        self.assertIs(self.harvest.domains(caller.now)[0].level, Level.WARY)
        self.assertIs(caller.rcpt("a", LISTED).rung, Rung.UNIFORM)
        caller.now += 7 * 3600.0
        self.assertIs(self.harvest.domains(caller.now)[0].level, Level.CALM)
        self.assertIs(caller.rcpt("a", LISTED).rung, Rung.TRUTH)


class WaveTests(unittest.SynchronousTestCase):
    def test_second_wave_counts_again(self) -> None:
        """A list that an earlier wave asked for is evidence again two days later: nothing is discounted."""
        harvest = harvest_of()
        raise_shield(harvest)
        for number in range(12):
            Caller(harvest, apart(number), now=1000.0 + 2 * 86400).rcpt(f"nobody{number}")
        self.assertIs(harvest.domains(1000.0 + 2 * 86400)[0].level, Level.SHIELD)

    def test_same_name_within_the_hour_counts_once(self) -> None:
        """Twelve sources with one and the same dead name are one piece of evidence."""
        harvest = harvest_of()
        for number in range(12):
            Caller(harvest, apart(number)).rcpt("left-last-year")
        self.assertEqual((harvest.domains(1000.0)[0].name, harvest.domains(1000.0)[0].level), (DOMAIN, Level.CALM))

    def test_names_are_bounded(self) -> None:
        """A domain remembers some thousand names at most, the latest."""
        names = RecentNames()
        self.assertTrue(all(names.note(name, 1.0) for name in range(2 * REMEMBERED)))
        self.assertEqual(len(names), REMEMBERED)
        self.assertFalse(names.note(2 * REMEMBERED - 1, 2.0))
        self.assertTrue(names.note(2 * REMEMBERED - 1, 3602.0))

    def test_hashes_are_keyed(self) -> None:
        """Another secret gives other hashes; domain and local-part cannot be shifted; only the null sender is 0."""
        one, other = keyed_hash(b"a" * 16), keyed_hash(b"b" * 16)
        self.assertNotEqual(one("d", b"x"), other("d", b"x"))
        self.assertNotEqual(one("yd", b"x"), one("d", b"xy"))
        self.assertEqual((one("", b""), other("", b"")), (0, 0))
        self.assertRaises(ValueError, keyed_hash, b"short")
