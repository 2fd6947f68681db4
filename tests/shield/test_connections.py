"""What a source may do, and how much of the node it may hold (R16, R18, R19, R27, R30)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.mail.client import Client, client_of
from shieldrelay.shield.acquaintance import Acquaintance
from shieldrelay.shield.connections import Connections, Shed
from shieldrelay.shield.connections_kinds import MESSAGES, MINUTE
from shieldrelay.shield.connections_settings import ConnectionsSettings, Limits, LimitsByStanding

GOOD, NEIGHBOUR, STRANGER = Acquaintance.KNOWN_GOOD, Acquaintance.NEIGHBOUR, Acquaintance.STRANGER
BOB = client_of("192.0.2.7")
MEBI = 1 << 20


def source(number: int) -> Client:
    """Give sources that each stand in a network of their own."""
    return client_of(f"10.{number >> 8 & 255}.{number & 255}.1")


class ConnectionsTests(SynchronousTestCase):
    """`Connections` with the declared defaults."""

    def setUp(self) -> None:
        self.connections = Connections(ConnectionsSettings())

    def admit(self, client: Client, acquaintance: Acquaintance = STRANGER, now: float = 0.0, sessions: int = 0) -> bool:
        """Say whether a connection comes in."""
        return self.connections.admit(client, acquaintance, sessions, now) is None

    def visit(self, client: Client, acquaintance: Acquaintance = STRANGER, now: float = 0.0, octets: int = 0) -> bool:
        """Say whether a connection comes in, and end it at once."""
        came_in = self.admit(client, acquaintance, now)
        if came_in:
            self.connections.left(client, octets, now)
        return came_in

    def shed(self, client: Client, acquaintance: Acquaintance = STRANGER, now: float = 0.0, sessions: int = 0) -> Shed:
        """Give why a connection is not admitted."""
        shed = self.connections.admit(client, acquaintance, sessions, now)
        assert shed is not None
        return shed


class SessionsTests(ConnectionsTests):
    """Sessions at once."""

    def test_by_acquaintance(self) -> None:
        """A stranger has ten sessions at once, a neighbour twenty, a known-good source fifty."""
        for client, acquaintance, limit in ((BOB, STRANGER, 10), (source(1), NEIGHBOUR, 20), (source(2), GOOD, 50)):
            came_in = sum(self.admit(client, acquaintance) for _ in range(limit + 5))
            self.assertEqual(came_in, limit, acquaintance)

    def test_ended_sessions_make_room(self) -> None:
        """A session that ended is no session any more."""
        for _ in range(10):
            self.admit(BOB)
        self.connections.left(BOB, 0, 0.0)
        self.assertTrue(self.admit(BOB))
        self.assertFalse(self.admit(BOB))

    def test_evidence(self) -> None:
        """A refusal says the counter, the value and the limit."""
        for _ in range(10):
            self.admit(BOB)
        shed = self.shed(BOB)
        self.assertEqual(shed, Shed("sessions", "11 sessions at once, limit 10 for a stranger"))

    def test_other_members_count(self) -> None:
        """Sessions of a source on other nodes are held against it here."""
        self.visit(BOB)
        table = self.connections.tables[0]
        row = table.row(BOB.source, 0.0)
        row.others = [9.0, *row.others[1:]]
        self.assertTrue(self.admit(BOB))
        self.assertFalse(self.admit(BOB))

    def test_others_are_told(self) -> None:
        """What is open here stands in the row that the other members are told."""
        table = self.connections.tables[0]
        for expected in (1.0, 2.0):
            self.admit(BOB)
            self.assertEqual(table.row(BOB.source, 0.0).own[0], expected)
        self.connections.left(BOB, 0, 0.0)
        self.assertEqual(table.row(BOB.source, 0.0).own[0], 1.0)

    def test_a_forgotten_row_frees_no_session(self) -> None:
        """A source whose row the full table forgot has its open sessions still, and leaves them one by one."""
        for _ in range(10):
            self.admit(BOB)
        self.connections.tables[0].forget(BOB.source)
        self.assertEqual(self.shed(BOB, now=3600.0).counter, "sessions")
        for _ in range(10):
            self.connections.left(BOB, 0, 3600.0)
        self.assertEqual(sum(self.admit(BOB, now=3600.0) for _ in range(12)), 10)

    def test_unmatched_end(self) -> None:
        """The end of a connection that never came in takes nobody's session away."""
        self.connections.left(BOB, 0, 0.0)
        self.assertEqual(sum(self.admit(BOB) for _ in range(12)), 10)

    def test_observed(self) -> None:
        """A connection that comes in although the limits are against it is counted, and its end too."""
        for _ in range(10):
            self.admit(BOB)
        self.shed(BOB)
        self.connections.enter(BOB, STRANGER, 0.0)
        self.connections.left(BOB, 0, 0.0)
        self.assertEqual(self.shed(BOB).counter, "sessions")
        self.connections.left(BOB, 0, 0.0)
        self.assertTrue(self.admit(BOB))

    def test_ipv6_source_is_a_64(self) -> None:
        """All addresses of an IPv6 /64 are one source; those of the next /64 are another."""
        came_in = sum(self.admit(client_of(f"2001:db8::{each:x}")) for each in range(1, 14))
        self.assertEqual(came_in, 10)
        self.assertTrue(self.admit(client_of("2001:db8:0:1::1")))


class RatesTests(ConnectionsTests):
    """Counts in a period."""

    def test_connections_at_once_then_evenly(self) -> None:
        """A stranger may connect thirty times at once, and then as often as thirty a minute comes to."""
        self.assertEqual(sum(self.visit(BOB) for _ in range(50)), 30)
        came_in = sum(self.visit(BOB, now=tick / 10) for tick in range(1, 6000))
        self.assertTrue(29 * 10 <= came_in <= 30 * 10, came_in)

    def test_lawful_rate_is_never_refused(self) -> None:
        """Who stays under the rate is never refused, however long it goes on."""
        self.assertTrue(all(self.visit(BOB, now=each * 2.1) for each in range(5000)))

    def test_refused_connections_do_not_count(self) -> None:
        """Hammering does not lengthen the wait: a minute's mean after the limit the source is served again."""
        for _ in range(10000):
            self.visit(BOB)
        self.assertFalse(self.visit(BOB, now=1.0))
        self.assertTrue(self.visit(BOB, now=3.0))

    def test_a_low_limit_is_a_rate_too(self) -> None:
        """A limit of one connection a minute lets one come in about every minute, not one for ever."""
        once = Limits(connections=1)
        self.connections = Connections(ConnectionsSettings(normal=LimitsByStanding(stranger=once)))
        came_in = sum(self.visit(BOB, now=float(second)) for second in range(3600))
        self.assertTrue(50 <= came_in <= 60, came_in)

    def test_known_good_have_ten_times_that(self) -> None:
        """A known-good source may connect three hundred times a minute."""
        self.assertEqual(sum(self.visit(BOB, GOOD) for _ in range(400)), 300)

    def test_connections_evidence(self) -> None:
        """The refusal of a rate says value and limit."""
        while self.visit(BOB):
            pass
        self.assertEqual(self.shed(BOB), Shed("connections", "31 connections a minute, limit 30 for a stranger"))

    def test_octets(self) -> None:
        """Who sent more octets than it may is refused at the next connection, until they fade."""
        self.assertTrue(self.visit(BOB, octets=300 * MEBI))
        self.assertEqual(self.shed(BOB).counter, "octets")
        self.assertTrue(self.admit(BOB, now=MINUTE))

    def test_messages_recipients_handshakes(self) -> None:
        """A stranger has 60 messages a minute, 100 recipients in five minutes and 20 handshakes a minute."""
        ask = self.connections
        for count, limit, words in (
            (ask.message, 60, "61 messages a minute, limit 60 for a stranger"),
            (ask.recipient, 100, "101 recipients in five minutes, limit 100 for a stranger"),
            (ask.handshake, 20, "21 TLS handshakes a minute, limit 20 for a stranger"),
        ):
            answers = [count(BOB, STRANGER, 0.0) for _ in range(limit + 1)]
            self.assertEqual(answers, [None] * limit + [words])

    def test_recipients_come_back_over_five_minutes(self) -> None:
        """A recipient more is granted every three seconds once the hundred are used up."""
        while self.connections.recipient(BOB, STRANGER, 0.0) is None:
            pass
        granted = sum(self.connections.recipient(BOB, STRANGER, tick / 2) is None for tick in range(1, 1200))
        self.assertTrue(195 <= granted <= 200, granted)

    @settings(deadline=None, derandomize=True, max_examples=60)
    @given(st.lists(st.floats(0.0, 20.0), max_size=200))
    def test_worst_minute(self, gaps: list[float]) -> None:
        """However a stranger times its connections, no minute sees more than twice the limit."""
        connections, now, times = Connections(ConnectionsSettings()), 0.0, []
        for gap in gaps:
            now += gap / 10
            if connections.admit(BOB, STRANGER, 0, now) is None:
                connections.left(BOB, 0, now)
                times.append(now)
        for index, start in enumerate(times):
            self.assertLessEqual(sum(start <= each < start + MINUTE for each in times[index:]), 60)


class ReadingTests(ConnectionsTests):
    """What pictures are made of."""

    def test_would_shed_counts_nothing(self) -> None:
        """To ask whether a connection would come in gives what `admit` gives, as often as it is asked."""
        for _ in range(10):
            self.assertIsNone(self.connections.would_shed(BOB, STRANGER, 0, 0.0))
            self.admit(BOB)
        asked = [self.connections.would_shed(BOB, STRANGER, 0, 0.0) for _ in range(40)]
        self.assertEqual(asked, [self.shed(BOB)] * 40)
        self.assertIsNone(self.connections.would_shed(BOB, STRANGER, 0, 0.0, allowed=True))
        self.assertEqual(self.connections.open_here(BOB.source), 10)

    def test_spent_says_how_long(self) -> None:
        """A rate that is used up is named with its figures, and with the time after which one more is let in."""
        self.assertEqual(self.connections.spent(BOB, STRANGER, 0.0), ())
        while self.connections.message(BOB, STRANGER, 0.0) is None:
            pass
        (spent,) = self.connections.spent(BOB, STRANGER, 0.0)
        self.assertEqual((spent.field, spent.reason), (MESSAGES, "60 messages a minute, limit 60 for a stranger"))
        self.assertIsNotNone(self.connections.message(BOB, STRANGER, spent.seconds - 0.01))
        self.assertIsNone(self.connections.message(BOB, STRANGER, spent.seconds + 0.01))


class SlotsTests(ConnectionsTests):
    """Shares of the node."""

    def setUp(self) -> None:
        self.connections = Connections(ConnectionsSettings(slots=100, source_share=0.05, network_share=0.2))

    def test_source_share(self) -> None:
        """One source holds no more than its share of the slots, whatever its name is worth."""
        self.assertEqual(sum(self.admit(BOB, GOOD) for _ in range(20)), 5)
        self.assertEqual(self.shed(BOB, GOOD).reason, "5 slots of this node, limit 5 for one source")

    def test_network_share(self) -> None:
        """All sources of a /24 together hold no more than its share."""
        came_in = [self.admit(client_of(f"192.0.2.{each}")) for each in range(30)]
        self.assertEqual(came_in, [True] * 20 + [False] * 10)
        self.assertEqual(self.shed(BOB).counter, "network share")
        self.assertTrue(self.admit(client_of("192.0.3.1")))

    def test_wide_ipv6_network_share(self) -> None:
        """All sources of a /48 together hold no more than a network's share, whichever /56 they use."""
        came_in = sum(self.admit(client_of(f"2001:db8:1:{each:x}00::1")) for each in range(30))
        self.assertEqual(came_in, 20)
        self.assertTrue(self.admit(client_of("2001:db8:2::1")))

    def test_shares_come_back(self) -> None:
        """What has ended takes no share, of the source or of any of its networks."""
        clients = [client_of(f"2001:db8:1:{each:x}00::1") for each in range(20)]
        for client in clients:
            self.admit(client)
        for client in clients:
            self.connections.left(client, 0, 0.0)
        self.assertEqual(sum(self.admit(client) for client in clients), 20)

    def test_reserve(self) -> None:
        """The last quarter of the slots is for known-good sources alone."""
        self.assertTrue(self.admit(source(1), STRANGER, sessions=74))
        shed = self.shed(source(2), STRANGER, sessions=75)
        self.assertEqual(shed, Shed("reserve", "75 of 100 slots taken, 25 are kept for known-good sources"))
        self.assertEqual(self.shed(source(2), NEIGHBOUR, sessions=75).counter, "reserve")
        self.assertTrue(self.admit(source(3), GOOD, sessions=99))

    def test_full(self) -> None:
        """A node without a slot admits nobody, and says that it is for want of capacity."""
        shed = self.shed(BOB, GOOD, sessions=100)
        self.assertEqual(shed, Shed("slots", "100 sessions on this node, limit 100", capacity=True))

    def test_allowed(self) -> None:
        """An allow-listed source has no rates and the reserve too, but no slot that there is not (R18)."""
        connections = Connections(ConnectionsSettings(slots=1000))
        came_in = [connections.admit(BOB, STRANGER, 800, 0.0, allowed=True) for _ in range(20)]
        self.assertEqual(came_in, [None] * 20)
        shed = connections.admit(BOB, STRANGER, 1000, 0.0, allowed=True)
        self.assertTrue(shed is not None and shed.capacity)

    def test_small_node(self) -> None:
        """A share is one slot at least."""
        connections = Connections(ConnectionsSettings(slots=10))
        self.assertIsNone(connections.admit(BOB, STRANGER, 0, 0.0))
        self.assertEqual(connections.tables[0].row(BOB.source, 0.0).own[0], 1.0)

    @settings(deadline=None, derandomize=True, max_examples=60)
    @given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=80))
    def test_counts_are_exact(self, steps: list[tuple[bool, int]]) -> None:
        """What is counted open of every source is what came in and did not leave, in any order of things."""
        connections = Connections(ConnectionsSettings(slots=1000))
        clients = [client_of(f"192.0.2.{each}") for each in range(3)]
        clients += [client_of(f"2001:db8:0:{each}::1") for each in range(3)]
        inside = dict.fromkeys(range(6), 0)
        for enters, number in steps:
            if enters:
                inside[number] += connections.admit(clients[number], GOOD, 0, 0.0) is None
            elif inside[number]:
                connections.left(clients[number], 0, 0.0)
                inside[number] -= 1
        seen = {busy.source: busy.open_here for busy in connections.busiest(0.0, 10)}
        self.assertEqual(seen, {clients[each].source: count for each, count in inside.items() if count})


class NetworksTests(ConnectionsTests):
    """What strangers of one network do together."""

    def flood(self, acquaintance: Acquaintance) -> None:
        """Have 200 sources of a /24 connect once each."""
        for each in range(200):
            self.visit(client_of(f"192.0.2.{each}"), acquaintance)

    def test_slows_never_refuses(self) -> None:
        """A network over its limits is slowed, with evidence, and its sources still come in (R16)."""
        self.flood(STRANGER)
        reason = self.connections.slowed(BOB, STRANGER, 0.0)
        self.assertEqual(reason, "200 connections a minute, limit 150 for its network")
        self.assertTrue(self.visit(client_of("192.0.2.250")))

    def test_known_good_are_not_slowed(self) -> None:
        """A known-good source is not slowed for its network, and does not slow it."""
        self.flood(STRANGER)
        self.assertIsNone(self.connections.slowed(BOB, GOOD, 0.0))
        self.connections = Connections(ConnectionsSettings())
        self.flood(GOOD)
        self.assertIsNone(self.connections.slowed(BOB, STRANGER, 0.0))

    def test_fades(self) -> None:
        """It is over when the network's counts have faded."""
        self.flood(STRANGER)
        self.assertIsNone(self.connections.slowed(BOB, STRANGER, 30.0))

    def test_messages_count_too(self) -> None:
        """Messages of many sources add up in their network."""
        for each in range(200):
            for _ in range(2):
                self.connections.message(client_of(f"192.0.2.{each}"), STRANGER, 0.0)
        self.assertIn("messages a minute", self.connections.slowed(BOB, STRANGER, 0.0) or "")


class MarksTests(ConnectionsTests):
    """Bad marks."""

    def test_marked(self) -> None:
        """A source with a bad mark has one session, even if it was known good."""
        self.connections.mark(BOB, 0.0)
        self.assertTrue(self.admit(BOB, GOOD))
        self.assertEqual(self.shed(BOB, GOOD).reason, "2 sessions at once, limit 1 for a source with a bad mark")

    def test_marks_fade(self) -> None:
        """One mark holds for six hours, two for twelve."""
        self.connections.mark(BOB, 0.0)
        other = source(1)
        self.connections.mark(other, 0.0)
        self.connections.mark(other, 0.0)
        hour = 3600.0
        self.assertTrue(self.connections.marked(BOB.source, 5.9 * hour))
        self.assertFalse(self.connections.marked(BOB.source, 6.1 * hour))
        self.assertTrue(self.connections.marked(other.source, 11.9 * hour))
        self.assertFalse(self.connections.marked(other.source, 12.1 * hour))

    def test_marks_last_a_day_at_most(self) -> None:
        """However often a source does wrong, its marks are gone a day after the last time."""
        for _ in range(10_000):
            self.connections.mark(BOB, 0.0)
        self.assertTrue(self.connections.marked(BOB.source, 23.9 * 3600.0))
        self.assertFalse(self.connections.marked(BOB.source, 24.1 * 3600.0))

    def test_release(self) -> None:
        """A released source starts anew, but what it has open stays open."""
        self.connections.mark(BOB, 0.0)
        self.admit(BOB)
        while self.connections.message(BOB, STRANGER, 0.0) is None:
            pass
        self.connections.release(BOB.source, 0.0)
        self.assertIsNone(self.connections.message(BOB, STRANGER, 0.0))
        self.assertEqual(sum(self.admit(BOB) for _ in range(12)), 9)


class ConditionsTests(ConnectionsTests):
    """Stress, and members that cannot be seen."""

    def test_stress(self) -> None:
        """Under stress strangers have less, and known-good sources what they had."""
        self.connections.stressed = True
        self.assertEqual(sum(self.admit(BOB) for _ in range(12)), 3)
        self.assertEqual(self.shed(BOB).reason, "4 sessions at once, limit 3 for a stranger under stress")
        self.assertEqual(sum(self.admit(source(1), GOOD) for _ in range(60)), 50)
        self.connections.stressed = False
        self.assertTrue(self.admit(BOB))

    def test_members_out_of_sight(self) -> None:
        """Limits are divided by the members that cannot be seen, those of known-good sources are not (R30)."""
        self.connections.alone_of(4)
        self.assertEqual(sum(self.admit(BOB) for _ in range(12)), 2)
        self.assertEqual(sum(self.admit(source(1), GOOD) for _ in range(60)), 50)
        self.connections.alone_of(1)
        self.assertEqual(sum(self.admit(BOB) for _ in range(12)), 8)

    def test_many_members(self) -> None:
        """However many there are, one session is left to each source."""
        self.connections.alone_of(1000)
        self.assertEqual(sum(self.admit(BOB) for _ in range(12)), 1)

    def test_reload(self) -> None:
        """Other settings hold at once, for what is open already too."""
        for _ in range(5):
            self.admit(BOB)
        self.connections.reconfigure(ConnectionsSettings(slots=100, source_share=0.05))
        self.assertEqual(self.shed(BOB).counter, "source share")

    def test_clock_that_stands(self) -> None:
        """Time that does not go on, or back, neither frees nor breaks anything."""
        for now in (100.0, 50.0, 0.0) * 10:
            self.visit(BOB, now=now)
        self.assertEqual(self.shed(BOB, now=0.0).counter, "connections")


class PicturesTests(ConnectionsTests):
    """What an operator sees."""

    def test_explain(self) -> None:
        """Every counter is told with its limit, and the shares."""
        self.admit(BOB)
        self.connections.message(BOB, STRANGER, 0.0)
        told = self.connections.explain(BOB, STRANGER, 0.0)
        self.assertEqual(told[0], "limits of a stranger")
        for clause in (
            "1 sessions at once, limit 10",
            "1 connections a minute, limit 30",
            "1 messages a minute, limit 60",
            "0 octets a minute, limit 209715200",
            "1 of 200 slots of this node for a source",
            "1 of 1000 slots for its network",
        ):
            self.assertIn(clause, told)

    def test_explain_unknown(self) -> None:
        """Asking about somebody who never came makes nothing of it."""
        self.assertIn("0 connections a minute, limit 30", self.connections.explain(BOB, STRANGER, 0.0))
        self.assertEqual([len(table) for table in self.connections.tables], [0, 0, 0])

    def test_busiest(self) -> None:
        """Those with the most open sessions come first."""
        for number, times in ((1, 2), (2, 5), (3, 1)):
            for _ in range(times):
                self.admit(source(number))
        busiest = self.connections.busiest(0.0, 2)
        self.assertEqual([(busy.source, busy.open_here) for busy in busiest], [
            (source(2).source, 5), (source(1).source, 2),
        ])  # fmt: skip
        self.assertEqual(busiest[0].counts[:2], (5.0, 5.0))

    def test_settings_that_cannot_be(self) -> None:
        """Shares beyond all there is, and limits of nothing, are not built."""
        for wrong in ({"source_share": 0.0}, {"network_share": 1.5}, {"reserve": 1.0}, {"slots": 0}):
            self.assertRaises(ValueError, ConnectionsSettings, **wrong)
        self.assertRaises(ValueError, Limits, sessions=0)
