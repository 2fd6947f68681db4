"""What a sender's past earns it (R19), and that members agree on it (R28)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.cluster.table import Row, Table
from shieldrelay.mail.client import Client, client_of
from shieldrelay.shield.acquaintance import Acquaintance
from shieldrelay.shield.history import History
from shieldrelay.shield.history_kinds import ASKED, DAY_SECONDS, SOURCES, UNKNOWN
from shieldrelay.shield.history_record import messages_of, note_mail, recent_days

GOOD, NEIGHBOUR, STRANGER = Acquaintance.KNOWN_GOOD, Acquaintance.NEIGHBOUR, Acquaintance.STRANGER
BOB = client_of("192.0.2.7")
TODAY = 20000


def at(day: int) -> float:
    """Give reactor seconds of a day's noon."""
    return (day - 19000) * DAY_SECONDS


class HistoryTests(SynchronousTestCase):
    """`History`."""

    def setUp(self) -> None:
        self.history = History()

    def deliver(self, client: Client = BOB, *, messages: int = 7, days: tuple[int, ...] = (-2, -1, 0)) -> None:
        """Have so many messages taken on each of some days, counted from today."""
        for day in days:
            self.history.delivered(client, messages, TODAY + day, at(TODAY + day))

    def standing(self, client: Client = BOB, day: int = 0) -> Acquaintance:
        """Say what a client is, so many days from today."""
        return self.history.acquaintance(client, TODAY + day, at(TODAY + day))


class SourcesTests(HistoryTests):
    """A source's own history."""

    def test_twenty_on_three_days(self) -> None:
        """Twenty messages on three days make a source known good, and nothing less does."""
        self.assertIs(self.standing(), STRANGER)
        self.deliver(messages=10, days=(-2, -1))
        self.assertIs(self.standing(), STRANGER)
        self.deliver(messages=1, days=(0,))
        self.assertIs(self.standing(), GOOD)

    def test_just_twenty(self) -> None:
        """Nineteen are too few, the twentieth decides."""
        self.deliver(messages=6, days=(-2, -1))
        self.deliver(messages=7, days=(0,))
        self.assertIs(self.standing(), STRANGER)
        self.deliver(messages=1, days=(0,))
        self.assertIs(self.standing(), GOOD)

    def test_many_on_few_days(self) -> None:
        """A million messages on two days are no history."""
        self.deliver(messages=500_000, days=(-1, 0))
        self.assertIs(self.standing(), STRANGER)

    def test_seen_within_thirty_days(self) -> None:
        """A good name is gone when nothing has come for more than thirty days, and comes back with the next mail."""
        self.deliver()
        self.assertIs(self.standing(day=30), GOOD)
        self.assertIs(self.standing(day=31), STRANGER)
        self.deliver(messages=1, days=(40,))
        self.assertIs(self.standing(day=40), GOOD)

    def test_days_within_sixty(self) -> None:
        """Days more than sixty days back are no days of mail any more."""
        self.deliver(days=(-59, -58, 0))
        self.assertIs(self.standing(), GOOD)
        self.assertIs(self.standing(day=1), STRANGER)

    def test_unknown_share(self) -> None:
        """Under 5 % unknown recipients are good, 5 % are not."""
        self.deliver()
        self.history.asked(BOB, 95, 4, at(TODAY))
        self.assertIs(self.standing(), GOOD)
        self.history.asked(BOB, 5, 1, at(TODAY))
        self.assertIs(self.standing(), STRANGER)

    def test_share_of_late(self) -> None:
        """The share is that of late: what was asked months ago weighs little."""
        self.deliver()
        self.history.asked(BOB, 100, 50, at(TODAY))
        self.deliver(days=tuple(range(1, 180)))
        self.history.asked(BOB, 100, 0, at(TODAY + 180))
        self.deliver(days=(180,))
        self.assertIs(self.standing(day=180), GOOD)

    def test_heavy_violation(self) -> None:
        """One heavy violation ends a good name for sixty days, whatever is delivered meanwhile."""
        self.deliver()
        self.history.heavy_violation(BOB, TODAY, at(TODAY))
        self.deliver(days=tuple(range(1, 60)))
        self.assertIs(self.standing(day=59), STRANGER)
        self.deliver(days=(60,))
        self.assertIs(self.standing(day=60), GOOD)

    def test_violation_before_history(self) -> None:
        """A violation counts against a name that is earned only afterwards."""
        self.history.heavy_violation(BOB, TODAY - 5, at(TODAY - 5))
        self.deliver()
        self.assertIs(self.standing(), STRANGER)

    def test_release(self) -> None:
        """An operator's release forgives the violation and the unknown recipients, and keeps what was delivered."""
        self.deliver()
        self.history.heavy_violation(BOB, TODAY, at(TODAY))
        self.history.asked(BOB, 10, 10, at(TODAY))
        self.history.release(BOB.source, at(TODAY))
        self.assertIs(self.standing(), GOOD)

    def test_who_never_sent_takes_no_room(self) -> None:
        """Asking for recipients alone leaves nothing here, however many sources do."""
        for each in range(256):
            self.history.asked(client_of(f"10.0.{each}.1"), 5, 5, at(TODAY))
        self.assertEqual([len(table) for table in self.history.tables], [0, 0, 0])

    def test_old_messages(self) -> None:
        """Messages of a span before the last one count no more."""
        self.deliver(messages=1000)
        self.deliver(messages=1, days=(128, 129, 130))
        self.assertIs(self.standing(day=130), STRANGER)

    def test_ipv6(self) -> None:
        """A name belongs to the whole /64."""
        self.deliver(client_of("2001:db8::1"))
        self.assertIs(self.standing(client_of("2001:db8::ffff")), GOOD)
        self.assertIs(self.standing(client_of("2001:db8:0:1::1")), STRANGER)


class NetworksTests(HistoryTests):
    """What a network's history gives a source that has none."""

    def neighbours(self, count: int) -> None:
        """Have so many sources of BOB's network earn a good name."""
        for each in range(100, 100 + count):
            self.deliver(client_of(f"192.0.2.{each}"))
            self.history.asked(client_of(f"192.0.2.{each}"), 21, 0, at(TODAY))

    def test_several_sources(self) -> None:
        """Three good sources of a network make the others neighbours; two do not."""
        self.neighbours(2)
        self.assertIs(self.standing(), STRANGER)
        self.neighbours(3)
        self.assertIs(self.standing(), NEIGHBOUR)
        self.assertIs(self.standing(client_of("192.0.3.7")), STRANGER)

    def test_one_day_flies(self) -> None:
        """Sources that send on one day only make no good network, however many they are."""
        for day in range(-9, 1):
            for each in range(20):
                self.deliver(client_of(f"192.0.2.{(day + 9) * 20 + each}"), days=(day,))
        self.assertIs(self.standing(client_of("192.0.2.250")), STRANGER)

    def test_own_past_comes_first(self) -> None:
        """A source with a bad past of its own is a stranger in the best of networks."""
        self.neighbours(4)
        self.deliver(messages=1, days=(0,))
        self.assertIs(self.standing(), NEIGHBOUR)
        self.history.asked(BOB, 4, 2, at(TODAY))
        self.assertIs(self.standing(), STRANGER)

    def test_one_typo(self) -> None:
        """One unknown recipient in a short history is forgiven."""
        self.neighbours(4)
        self.deliver(messages=1, days=(0,))
        self.history.asked(BOB, 2, 1, at(TODAY))
        self.assertIs(self.standing(), NEIGHBOUR)

    def test_violation_in_the_network(self) -> None:
        """A heavy violation by one source ends what its network gives to others, and no good name but its own."""
        self.neighbours(4)
        self.history.heavy_violation(client_of("192.0.2.200"), TODAY, at(TODAY))
        self.assertIs(self.standing(), STRANGER)
        self.assertIs(self.standing(client_of("192.0.2.100")), GOOD)


class DomainsTests(HistoryTests):
    """Sender domains whose SPF passed."""

    def test_domain(self) -> None:
        """A sender domain earns a good name as a source does, and loses it by unknown recipients."""
        for day in range(3):
            self.assertIs(self.history.domain_acquaintance("sender.example", TODAY + day, at(TODAY)), STRANGER)
            self.history.domain_delivered("sender.example", 10, TODAY + day, at(TODAY + day))
        self.assertIs(self.history.domain_acquaintance("sender.example", TODAY + 2, at(TODAY + 2)), GOOD)
        self.assertIs(self.history.domain_acquaintance("other.example", TODAY + 2, at(TODAY + 2)), STRANGER)
        self.history.domain_asked("sender.example", 100, 6, at(TODAY + 2))
        self.assertIs(self.history.domain_acquaintance("sender.example", TODAY + 2, at(TODAY + 2)), STRANGER)


class ClocksTests(HistoryTests):
    """Days that jump."""

    def test_a_day_in_the_future(self) -> None:
        """A delivery noted by a clock that was decades ahead neither makes nor spoils a good name."""
        self.history.delivered(BOB, 30, TODAY + 20000, at(TODAY))
        self.assertIs(self.standing(), STRANGER)
        self.deliver()
        self.assertIs(self.standing(), GOOD)
        self.assertIs(self.standing(day=31), STRANGER)

    def test_a_day_back(self) -> None:
        """A clock that is set back for a day loses nothing that was earned."""
        self.deliver()
        self.deliver(messages=1, days=(-1,))
        self.assertIs(self.standing(), GOOD)


class ExplainTests(HistoryTests):
    """What an operator reads."""

    def test_nothing(self) -> None:
        """Of somebody who never came there is nothing, and it is said."""
        self.assertEqual(self.history.explain(BOB, TODAY, at(TODAY)), ("stranger", "the source has no history"))

    def test_good(self) -> None:
        """A good name is told with its figures and nothing missing."""
        self.deliver()
        told = self.history.explain(BOB, TODAY, at(TODAY))
        self.assertEqual(told[:2], (
            "known good",
            "the source: 21 messages taken, last 0 days ago, 0.0% of recipients unknown",
        ))  # fmt: skip
        self.assertEqual(told[-1], "its network: 1 sources with mail on two days, 3 are wanted")

    def test_missing(self) -> None:
        """What is missing is told, each with what is wanted."""
        self.deliver(messages=2, days=(-40,))
        self.history.asked(BOB, 10, 5, at(TODAY))
        self.history.heavy_violation(BOB, TODAY - 3, at(TODAY))
        told = self.history.explain(BOB, TODAY, at(TODAY))
        for clause in (
            "the source: 2 messages taken, 20 are wanted",
            "the source: mail on 1 days within 60, 3 are wanted",
            "the source: no mail within 30 days",
            "the source: 50.0% of its recipients are unknown, under 5% is wanted",
            "the source: a heavy violation 3 days ago",
        ):
            self.assertIn(clause, told)


class MembersTests(SynchronousTestCase):
    """Members that see one source by turns."""

    def exchange(self, table: Table, rows: list[Row]) -> None:
        """Tell every row what the others have, merged as declared."""
        parts = [list(row.own) for row in rows]
        for index, row in enumerate(rows):
            theirs = [part for other, part in enumerate(parts) if other != index]
            row.others = [
                sum(values) if field in (0, 1, ASKED, UNKNOWN) else max(values)
                for field, values in enumerate(zip(*theirs, strict=True))
            ]

    @settings(deadline=None, derandomize=True, max_examples=150)
    @given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4)), min_size=1, max_size=30))
    def test_days_are_not_lost(self, steps: list[tuple[int, int]]) -> None:
        """Whichever member sees the mail of which day, all know the three newest days and all messages."""
        table = Table(SOURCES)
        rows = [table.row(bytes((each, 0, 0, 0)), 0.0) for each in range(3)]
        day, noted = TODAY, set()
        for member, later in steps:
            day += later
            noted.add(day)
            note_mail(table, rows[member], 1, day)
            self.exchange(table, rows)
        expected = tuple(float(each) for each in sorted(noted, reverse=True)[:3] if each > day - 60)
        for row in rows:
            self.assertEqual(recent_days(row, day), expected)
        if day // 60 == TODAY // 60:
            self.assertEqual(messages_of(rows[0], day), len(steps))
