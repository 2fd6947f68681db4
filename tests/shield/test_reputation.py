"""Claims about what a source's past makes of what it may do (R16, R17, R19, R27)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.mail.client import Client, client_of
from shieldrelay.shield.acquaintance import Acquaintance
from shieldrelay.shield.reputation import Reputation
from shieldrelay.shield.reputation_kinds import DAY_SECONDS
from shieldrelay.shield.reputation_listed import Feed, Said
from shieldrelay.shield.reputation_networks import Networks, parse_line
from shieldrelay.shield.reputation_score import CEILING, Band
from shieldrelay.shield.reputation_settings import ReputationSettings

NOW, WALL = 1000.0, 1_800_000_000.0
CLIENT = client_of("192.0.2.7")
STRANGER, GOOD, NEIGHBOUR = Acquaintance.STRANGER, Acquaintance.KNOWN_GOOD, Acquaintance.NEIGHBOUR


class ListsSay:
    """Lists that say of everybody what they are told to."""

    def __init__(self) -> None:
        self.answer = Said()
        self.asked: list[str] = []

    def begin(self, client: Client) -> None:
        """Note who is asked about."""
        self.asked.append(client.address)

    def said(self, client: Client) -> Said:
        """Say it."""
        return self.answer


class ReputationTests(SynchronousTestCase):
    """`Reputation` with its default settings."""

    def setUp(self) -> None:
        self.lists = ListsSay()
        self.reputation = Reputation(ReputationSettings(), self.lists)

    def band(self, now: float = NOW, acquaintance: Acquaintance = STRANGER, client: Client = CLIENT) -> Band:
        """Give the client's band."""
        return self.reputation.standing(client, acquaintance, now).band

    def sends(self, taken: int, refused: int, unknown: int = 0, client: Client = CLIENT, now: float = NOW) -> None:
        """Let a client send, and come to it five times."""
        reputation = self.reputation
        reputation.taken(client, taken, now, WALL)
        reputation.refused(client, refused, now)
        reputation.unknown(client, unknown, now)
        for _ in range(5):
            reputation.entered(client, STRANGER, now)

    def refused(self, now: float, *, acts: bool = True) -> str | None:
        """Say why the client's MAIL is refused."""
        return self.reputation.message(CLIENT, STRANGER, now, acts=acts).refused

    def test_nobody_is_known_to_begin_with(self) -> None:
        """Who was never seen is clean, and costs no row, however often it connects."""
        for _ in range(100):
            self.reputation.entered(CLIENT, STRANGER, NOW)
        self.assertIs(self.band(), Band.CLEAN)
        self.assertEqual(len(self.reputation.sources), 0)

    def test_little_evidence_has_no_effect(self) -> None:
        """Four connections with nothing but evil are not enough to act upon; the fifth is, and so are ten messages."""
        self.reputation.violated(CLIENT, 50.0, NOW)
        for _ in range(3):
            self.reputation.entered(CLIENT, STRANGER, NOW)
        self.assertIs(self.band(), Band.CLEAN)
        self.reputation.entered(CLIENT, STRANGER, NOW)
        self.assertIs(self.band(), Band.TEMPFAIL)
        other = client_of("192.0.2.8")
        self.reputation.refused(other, 9, NOW)
        self.assertIs(self.band(client=other), Band.CLEAN)
        self.reputation.refused(other, 1, NOW)
        self.assertIs(self.band(client=other), Band.TEMPFAIL)

    def test_a_score_is_a_share(self) -> None:
        """Two refusals in a hundred messages are no matter; a third of the mail throttles; nearly all asks to wait."""
        self.sends(100, 2)
        self.assertIs(self.band(), Band.CLEAN)
        self.sends(0, 18)
        self.assertIs(self.band(), Band.THROTTLE)
        self.sends(0, 200)
        self.assertIs(self.band(), Band.TEMPFAIL)

    def test_one_kind_of_evidence_never_refuses(self) -> None:
        """However bad, a source is refused only when a second kind of evidence says so too."""
        self.sends(0, 1000)
        self.assertIs(self.band(), Band.TEMPFAIL)
        self.reputation = Reputation(ReputationSettings(), self.lists)
        self.sends(0, 8, unknown=8)
        standing = self.reputation.standing(CLIENT, STRANGER, NOW)
        self.assertIs(standing.band, Band.REJECT)
        self.assertEqual(standing.reason, "score 83, limit 80, for refused by next hops, unknown recipients")

    def test_it_fades(self) -> None:
        """A bad name halves in seven days of silence: who was refused is not any more after a fortnight."""
        self.sends(0, 20, unknown=20)
        bands = [self.band(NOW + day * DAY_SECONDS) for day in (0, 7, 14, 28, 43)]
        self.assertEqual(bands, [Band.REJECT, Band.REJECT, Band.CLEAN, Band.CLEAN, Band.CLEAN])

    def test_what_is_beyond_the_ceiling_counts_no_more(self) -> None:
        """A million offences are forgotten as soon as a hundred: a score stays below 100."""
        self.sends(0, 0)
        for _ in range(1000):
            self.reputation.unknown(CLIENT, 10, NOW)
            self.reputation.entered(CLIENT, STRANGER, NOW)
        score = self.reputation.standing(CLIENT, STRANGER, NOW).score
        self.assertTrue(CEILING - 1 < score < CEILING + 1, score)

    def test_a_name_can_be_mended(self) -> None:
        """Who comes later, as it was asked to, may send some messages an hour; good ones lift it again."""
        self.sends(0, 20)
        self.assertIs(self.band(), Band.TEMPFAIL)
        why = ": score 89, limit 55, for refused by next hops"
        self.assertEqual(self.refused(NOW), "it has to come again" + why)
        self.assertEqual(self.refused(NOW + 60), "it came again after 60 s, 300 s are wanted" + why)
        refused = [self.refused(NOW + 600) for _ in range(5)]
        self.assertEqual(refused, [None] * 4 + ["5 messages an hour, limit 4" + why])
        self.assertEqual(self.refused(NOW + 5 * 3600), "it has to come again" + why)
        self.sends(40, 0)
        self.assertIs(self.band(), Band.THROTTLE)
        self.sends(200, 0)
        self.assertIs(self.band(), Band.CLEAN)

    def test_the_throttled_are_slowed(self) -> None:
        """A throttled source waits for its answers, and may send sixty messages an hour."""
        self.sends(50, 10)
        answers = [self.reputation.message(CLIENT, STRANGER, NOW, acts=True) for _ in range(61)]
        self.assertEqual({each.pause for each in answers[:60]}, {5.0})
        self.assertIsNone(answers[59].refused)
        self.assertIsNotNone(answers[60].refused)
        self.assertIsNone(self.reputation.message(CLIENT, STRANGER, NOW + 60.0, acts=True).refused)

    def test_observing_counts_apart(self) -> None:
        """What was observed takes nothing from what is allowed once it is enforced."""
        self.sends(0, 20)
        self.assertIsNotNone(self.refused(NOW, acts=False))
        self.assertIsNotNone(self.refused(NOW + 600, acts=True))
        for _ in range(10):
            self.refused(NOW + 1000, acts=False)
        self.assertIsNone(self.refused(NOW + 1000))

    def test_known_good_stands_one_step_better(self) -> None:
        """Good history is worth one step, and no list is asked about it."""
        self.sends(0, 20)
        self.assertIs(self.band(acquaintance=GOOD), Band.THROTTLE)
        self.lists.asked.clear()
        self.reputation.entered(CLIENT, GOOD, NOW)
        self.assertEqual(self.lists.asked, [])

    def test_a_network_only_slows_strangers(self) -> None:
        """Three bad sources make strangers of their network throttled; known ones, and two bad ones, nobody."""
        other = client_of("192.0.2.200")
        for last in (1, 2):
            self.sends(0, 50, unknown=20, client=client_of(f"192.0.2.{last}"))
        self.assertIs(self.band(client=other), Band.CLEAN)
        self.sends(0, 50, unknown=20, client=client_of("192.0.2.3"))
        self.assertIs(self.band(client=other), Band.THROTTLE)
        self.assertIs(self.band(client=other, acquaintance=NEIGHBOUR), Band.CLEAN)
        self.assertIs(self.band(client=client_of("192.0.3.200")), Band.CLEAN)
        self.sends(10, 0, client=other)
        self.assertIs(self.band(client=other), Band.CLEAN)

    def test_one_list_alone_says_nothing(self) -> None:
        """A single list of weight 1 changes nothing; two ask to come later, three refuse."""
        bands = []
        for weight in (1, 2, 3):
            self.lists.answer = Said(weight, tuple(f"list {each}" for each in range(weight)))
            bands.append(self.band())
        self.assertEqual(bands, [Band.CLEAN, Band.TEMPFAIL, Band.REJECT])

    def test_a_single_list_is_a_second_signal(self) -> None:
        """What one list says refuses nobody, but it is the second signal about who has a very bad name already."""
        self.sends(0, 100)
        self.lists.answer = Said(1, ("bl.example",))
        self.assertIs(self.band(), Band.REJECT)

    def test_lists_of_good_senders_vouch(self) -> None:
        """Enough weight on the other side is one step better."""
        self.sends(0, 20)
        self.lists.answer = Said(-2, (), ("wl.example",))
        standing = self.reputation.standing(CLIENT, STRANGER, NOW)
        self.assertIs(standing.band, Band.THROTTLE)
        self.assertIn("vouched for by wl.example", standing.reason)

    def test_a_late_answer_counts_at_recipients(self) -> None:
        """A list that answers between MAIL and RCPT is heard at RCPT; what MAIL let in knowingly goes on."""
        band = self.reputation.message(CLIENT, STRANGER, NOW, acts=True).band
        self.assertIsNone(self.reputation.recipient(CLIENT, STRANGER, band, NOW))
        self.lists.answer = Said(2, ("a", "b"))
        self.assertIsNotNone(self.reputation.recipient(CLIENT, STRANGER, band, NOW))
        band = self.reputation.message(CLIENT, STRANGER, NOW, acts=True).band
        self.assertIsNone(self.reputation.recipient(CLIENT, STRANGER, band, NOW))

    def test_a_feed_is_heard(self) -> None:
        """A feed of the threshold's weight asks its networks to come later, nobody else."""
        networks = Networks(filter(None, map(parse_line, (b"192.0.2.0/25 # SBL1", b"2001:db8::/32"))))
        self.reputation.feeds = (Feed("drop", 2, networks),)
        bands = [self.band(client=client_of(each)) for each in ("192.0.2.7", "192.0.2.128", "2001:db8:1::9")]
        self.assertEqual(bands, [Band.TEMPFAIL, Band.CLEAN, Band.TEMPFAIL])

    def test_an_operator_forgives(self) -> None:
        """A released source has no bad name any more, and keeps what speaks for it."""
        self.sends(30, 100, unknown=50)
        self.assertIs(self.band(), Band.REJECT)
        self.reputation.release(CLIENT.source, NOW)
        self.assertIs(self.band(), Band.CLEAN)
        explained = self.reputation.explain(CLIENT, STRANGER, NOW, WALL)
        self.assertEqual(explained[1], "the source: 6.0 connections, 30.0 taken")

    def test_it_explains_itself(self) -> None:
        """Clauses say the band, why, what is counted, and how far the learning is."""
        self.sends(10, 10)
        self.assertEqual(
            self.reputation.explain(CLIENT, STRANGER, NOW, WALL + 86400.0),
            (
                "tempfail, score 57 of 100",
                "score 57, limit 55, for refused by next hops",
                "the source: 6.0 connections, 10.0 taken, 10.0 refused by policy",
                "its network: 1.0 connections, 10.0 taken, 10.0 refused by policy",
                "learning: 1.0 of 7 days, 10 of 5000 messages",
            ),
        )

    def test_learning_takes_days_and_messages(self) -> None:
        """It is over after seven days and 5 000 messages, not after one of them, and stays over."""
        learning, terms = self.reputation.learning, self.reputation.settings
        learning.message(6000, NOW, WALL)
        week = 7 * DAY_SECONDS
        self.assertFalse(learning.over(terms, NOW + week - 1, WALL + week - 1))
        self.assertTrue(learning.over(terms, NOW + week, WALL + week))
        self.assertTrue(learning.over(terms, NOW, WALL))
        other = Reputation(terms).learning
        other.message(100, NOW, WALL)
        self.assertFalse(other.over(terms, NOW + week, WALL + week))

    def test_the_table_is_capped(self) -> None:
        """A flood of sources with one offence each does not push out who has a very bad name."""
        self.sends(0, 100, unknown=50)
        for number in range(30_000):
            address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
            self.reputation.unknown(client_of(address), 1, NOW + 1)
        self.assertLess(len(self.reputation.sources), 25_000)
        self.assertIs(self.band(NOW + 2), Band.REJECT)

    def test_settings_in_order(self) -> None:
        """Scores that are not in order are refused."""
        self.assertRaises(ValueError, ReputationSettings, throttle=60.0)

    @settings(deadline=None, derandomize=True, max_examples=100)
    @given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 200), st.floats(0, 1e6)), max_size=40))
    def test_any_past_gives_a_score(self, events: list[tuple[int, int, float]]) -> None:
        """Whatever happened, the score is from 0 to below 100, and good mail never makes it worse."""
        reputation, now = Reputation(ReputationSettings()), NOW
        for which, amount, passed in events:
            now += passed
            match which:
                case 0:
                    reputation.taken(CLIENT, amount, now, WALL)
                case 1:
                    reputation.refused(CLIENT, amount, now)
                case 2:
                    reputation.unknown(CLIENT, amount, now)
                case 3:
                    reputation.violated(CLIENT, float(amount), now)
                case 4:
                    reputation.content_refused(CLIENT, now)
                case _:
                    reputation.entered(CLIENT, STRANGER, now)
        before = reputation.standing(CLIENT, STRANGER, now)
        self.assertTrue(0.0 <= before.score < 100.0)
        if before.band is not Band.CLEAN:
            reputation.taken(CLIENT, 10, now, WALL)
            self.assertLess(reputation.standing(CLIENT, STRANGER, now).score, before.score)
