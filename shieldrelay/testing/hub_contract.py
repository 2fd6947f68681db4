"""What every hub keeps to: the suite that the memory hub passes, and any other that takes its place.

``make_hub_tests(factory)`` makes a trial test case. The factory gives, for each test, a `hub_site.Site`. Units that are
shared out have their part in `hub_contract_claims`, what members show in `hub_contract_cards`, rows that concern
only some in `hub_contract_levels`, all else stands here.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, gatherResults
from twisted.trial import unittest

from shieldrelay.cluster.hub import (
    CHANGES_AT_ONCE,
    KEY_OCTETS,
    MEMBER_SECONDS,
    RECORDS_AT_ONCE,
    Change,
    ChangeKind,
    Record,
    ReportRefused,
)
from shieldrelay.testing.hub_contract_cards import HubCards
from shieldrelay.testing.hub_contract_claims import HubClaims
from shieldrelay.testing.hub_contract_levels import HubLevels
from shieldrelay.testing.hub_site import PLAIN, TALLY, Member, Site, spoken


def make_hub_tests(factory: Callable[[], Site]) -> type[unittest.TestCase]:
    """Make the suite for the hubs of a factory."""

    class HubTests(_HubContract, HubLevels, HubClaims, HubCards):
        def setUp(self) -> None:
            self.site = factory()
            self.addCleanup(self.site.close)

    return HubTests


class _HubContract(unittest.TestCase):
    """The claims. `make_hub_tests` gives them a hub."""

    site: Site

    def member(self, name: str) -> Member:
        """Give a member with a connection of its own."""
        return Member(self.site, name)

    def change(self, kind: ChangeKind, subject: bytes, id: str, **more: float | None) -> Change:
        """Make a change of now, a ban of ten minutes unless more is said."""
        now = self.site.now_wall()
        until = more.get("until", now + 600.0 if kind is ChangeKind.BAN else None)
        at = more.get("at")
        return Change(id, kind, subject, now if at is None else at, until, "reason", "tests")

    # Counts

    @spoken
    async def test_counts_are_absolute(self) -> None:
        """A report said twice counts once, and a later one takes the place of the former."""
        one, two = self.member("one"), self.member("two")
        for count in (5.0, 5.0, 7.0):
            await one.tell(one.tally(b"k", 0.0, count))
        await two.tell(two.tally(b"k", 0.0, 1.0))
        self.assertEqual(two.heard(b"k"), (0.0, 7.0, 0.0, 0.0))
        await one.tell(one.tally(b"k", 0.0, 2.0))
        await two.tell()
        self.assertEqual(two.heard(b"k"), (0.0, 2.0, 0.0, 0.0))

    @spoken
    async def test_others_are_merged_as_declared(self) -> None:
        """A member hears the sum, the greatest and the least that is set, of all others and without its own part."""
        members = [self.member(name) for name in ("one", "two", "three")]
        for number, member in enumerate(members):
            await member.tell(member.tally(b"k", 0.0, 1.0 + number, 10.0 * number, 5.0 * number))
        await members[0].tell(members[0].tally(b"k", 0.0, 1.0))
        self.assertEqual(members[0].heard(b"k"), (0.0, 5.0, 20.0, 5.0))
        await members[2].tell(members[2].tally(b"k", 0.0, 3.0, 20.0, 10.0))
        self.assertEqual(members[2].heard(b"k"), (0.0, 3.0, 10.0, 5.0))

    @spoken
    async def test_counts_decay_on_the_way(self) -> None:
        """What one member told halves with time, when another hears of it."""
        one, two = self.member("one"), self.member("two")
        await one.tell(one.tally(b"k", 800.0))
        await self.site.pass_time(10.0)
        await one.tell()
        await two.tell(two.tally(b"k"))
        self.assertApproximates(two.heard(b"k")[0], 400.0, 20.0)

    @spoken
    async def test_names_are_united_up_to_their_number(self) -> None:
        """Members hear each other's names, and never more than the kind has."""
        one, two = self.member("one"), self.member("two")
        await one.tell(one.tally(b"k", 1.0, names=(1, 2)))
        await two.tell(two.tally(b"k", 1.0, names=(2, 2**64 - 1)))
        self.assertEqual(two.others[TALLY.name, b"k"].names & {1, 2, 2**64 - 1}, {1, 2, 2**64 - 1})
        await one.tell(one.tally(b"k", 1.0, names=(4, 5, 6, 7)))
        await two.tell()
        self.assertLessEqual(len(two.others[TALLY.name, b"k"].names), TALLY.names)

    @spoken
    async def test_changed_rows_are_news_to_those_who_do_not_ask(self) -> None:
        """A row that another member changes is told to everybody who was there, once."""
        one, two = self.member("one"), self.member("two")
        await two.tell()
        await one.tell(one.tally(b"k", 0.0, 3.0))
        await two.tell()
        self.assertEqual(two.heard(b"k"), (0.0, 3.0, 0.0, 0.0))
        self.assertEqual((await two.tell()).records, ())
        self.assertEqual((await one.tell()).records, ())

    @spoken
    async def test_rows_and_kinds_are_apart(self) -> None:
        """Keys with any octets, and kinds with the same keys, do not touch each other."""
        one, two = self.member("one"), self.member("two")
        keys = (b"\0", b"\0\0", b"\r\n", b"\xff" * 8, b":", b"a b")
        await two.tell()
        for number, key in enumerate(keys):
            await one.tell(one.tally(key, 0.0, number + 1.0), Record(PLAIN.name, key, self.site.now_wall(), (99.0,)))
        await two.tell()
        self.assertEqual([two.heard(key)[1] for key in keys], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
        self.assertEqual({two.others[PLAIN.name, key].values for key in keys}, {(99.0,)})

    @spoken
    async def test_concurrent_members_lose_nothing(self) -> None:
        """Reports that cross each other count as if they had come one by one."""
        members = [self.member(f"m{number}") for number in range(10)]
        await gatherResults(
            [Deferred.fromCoroutine(member.tell(member.tally(b"k", 0.0, 2.0**n))) for n, member in enumerate(members)]
        )
        for number, member in enumerate(members):
            await member.tell(member.tally(b"k", 0.0, 2.0**number))
            self.assertEqual(member.heard(b"k")[1], 1023.0 - 2.0**number)
            self.assertEqual(member.members, 10)

    # Members and rows end

    @spoken
    async def test_leaving_takes_parts_back_at_once(self) -> None:
        """Who leaves holds nothing any more, and the others hear of it; leaving twice is leaving once."""
        one, two = self.member("one"), self.member("two")
        await two.tell()
        await one.tell(one.tally(b"k", 0.0, 3.0))
        await two.tell()
        self.assertEqual(two.members, 2)
        await one.hub.leave("one")
        await one.hub.leave("one")
        await two.tell()
        self.assertEqual((two.heard(b"k"), two.members), ((0.0,) * 4, 1))

    @spoken
    async def test_silent_members_expire(self) -> None:
        """A member that tells nothing for its time is gone with its parts; one that goes on telling is not."""
        one, two, three = self.member("one"), self.member("two"), self.member("three")
        await one.tell(one.tally(b"k", 0.0, 3.0))
        await three.tell(three.tally(b"k", 0.0, 5.0))
        await two.tell(two.tally(b"k"))
        self.assertEqual(two.heard(b"k")[1], 8.0)
        for _ in range(4):
            await self.site.pass_time(MEMBER_SECONDS / 3.0)
            await three.tell()
            await two.tell()
        self.assertEqual((two.heard(b"k")[1], two.members), (5.0, 2))

    @spoken
    async def test_a_restarted_member_is_another(self) -> None:
        """Who comes back under a new id begins at nothing, and the former life's parts end with their time."""
        first, other = self.member("life-1"), self.member("other")
        await first.tell(first.tally(b"k", 0.0, 3.0))
        again = self.member("life-2")
        await again.tell(again.tally(b"k", 0.0, 4.0))
        await other.tell(other.tally(b"k"))
        self.assertEqual(other.heard(b"k")[1], 7.0)
        for _ in range(4):
            await self.site.pass_time(MEMBER_SECONDS / 3.0)
            await again.tell()
            await other.tell()
        self.assertEqual(other.heard(b"k")[1], 4.0)

    @spoken
    async def test_rows_expire(self) -> None:
        """A row that nobody touched for its lifetime is gone, though its members are there."""
        one, two = self.member("one"), self.member("two")
        await one.tell(Record(PLAIN.name, b"k", self.site.now_wall(), (3.0,)))
        for _ in range(5):
            await self.site.pass_time(PLAIN.lifetime / 4.0)
            await one.tell()
        await two.tell(Record(PLAIN.name, b"k", self.site.now_wall(), (1.0,)))
        self.assertNotIn((PLAIN.name, b"k"), two.others)

    @spoken
    async def test_clocks_that_differ_do_no_harm(self) -> None:
        """A record of the future counts as one of now, one from before its lifetime not at all."""
        one, two = self.member("one"), self.member("two")
        now = self.site.now_wall()
        await one.tell(one.tally(b"ahead", 8.0, at=now + 3600.0), one.tally(b"old", 8.0, at=now - 1000.0))
        await two.tell(two.tally(b"ahead"), two.tally(b"old"))
        self.assertApproximates(two.heard(b"ahead")[0], 8.0, 0.5)
        self.assertEqual(two.heard(b"old")[0], 0.0)

    # The log

    @spoken
    async def test_changes_come_in_order_and_once(self) -> None:
        """Every member hears of every change in the same order, its own among them, and of none twice."""
        one, two = self.member("one"), self.member("two")
        await one.tell()
        await two.tell()
        for number in range(3):
            await one.tell(self.change(ChangeKind.BAN, bytes((1, 0, 0, number)), f"a{number}"))
            await two.tell(self.change(ChangeKind.BAN, bytes((2, 0, 0, number)), f"b{number}"))
        for _ in range(2):
            await one.tell()
            await two.tell()
        self.assertEqual([change.id for change in one.changes], ["a0", "b0", "a1", "b1", "a2", "b2"])
        self.assertEqual(two.changes, one.changes)

    @spoken
    async def test_asking_twice_changes_once(self) -> None:
        """A change with an id that the log has is no change: neither version nor log move."""
        one = self.member("one")
        ban = self.change(ChangeKind.BAN, b"abcd", "x")
        first = await one.tell(ban)
        again = await one.tell(ban, ban)
        self.assertEqual((again.version, again.changes), (first.version, ()))

    @spoken
    async def test_versions_grow(self) -> None:
        """Each change makes a greater version, even the first is not 0."""
        one = self.member("one")
        versions = [(await one.tell()).version]
        for number in range(3):
            news = await one.tell(self.change(ChangeKind.BAN, bytes((1, 1, 1, number)), str(number)))
            versions.append(news.version)
        self.assertEqual(versions, sorted(set(versions)))
        self.assertGreater(versions[0], 0)

    @spoken
    async def test_the_later_holds(self) -> None:
        """An older word about a subject, come late, changes nothing."""
        one, two = self.member("one"), self.member("two")
        now = self.site.now_wall()
        await one.tell(self.change(ChangeKind.RELEASE, b"abcd", "later", at=now))
        await two.tell(self.change(ChangeKind.BAN, b"abcd", "sooner", at=now - 5.0))
        late = self.member("late")
        self.assertEqual([change.id for change in (await late.tell()).changes], ["later"])

    @spoken
    async def test_a_late_joiner_gets_everything_that_holds(self) -> None:
        """Who joins gets the last change of every subject, and is told that this is all."""
        one = self.member("one")
        await one.tell(self.change(ChangeKind.BAN, b"aaaa", "1"), self.change(ChangeKind.DENY, b"192.0.2.0/24", "2"))
        await self.site.pass_time(1.0)
        release, allow = (ChangeKind.RELEASE, b"aaaa", "3"), (ChangeKind.ALLOW, b"2001:db8::/32", "4")
        await one.tell(self.change(*release), self.change(*allow))
        late = self.member("late")
        news = await late.tell()
        self.assertTrue(news.whole)
        self.assertEqual(sorted(change.id for change in news.changes), ["2", "3", "4"])
        self.assertFalse((await late.tell()).whole)
        deny = next(change for change in news.changes if change.id == "2")
        self.assertEqual((deny.kind, deny.subject, deny.reason), (ChangeKind.DENY, b"192.0.2.0/24", "reason"))

    @spoken
    async def test_who_was_given_up_is_told_so(self) -> None:
        """A member that comes back after its time gets everything that holds, even when it has met the others first."""
        for met in (False, True):
            one, two = self.member(f"one{met}"), self.member(f"two{met}")
            await one.tell()
            self.assertFalse((await one.tell()).whole)
            for _ in range(4):
                await self.site.pass_time(MEMBER_SECONDS / 3.0)
                await two.tell()
            if met:
                await one.meet()
            self.assertTrue((await one.tell()).whole)
            self.assertFalse((await one.tell()).whole)

    @spoken
    async def test_a_version_that_the_hub_does_not_know_gets_everything(self) -> None:
        """A member with a version of another hub, of the future or of long ago, gets everything that holds."""
        one, strange = self.member("one"), self.member("strange")
        news = await one.tell(self.change(ChangeKind.BAN, b"aaaa", "1"))
        for version in (news.version + 1000, 1, -5):
            strange.version = version
            told = await strange.tell()
            self.assertTrue(told.whole)
            self.assertEqual([change.id for change in told.changes], ["1"])

    @spoken
    async def test_bans_that_are_over_are_not_told(self) -> None:
        """A late joiner does not hear of what has ended."""
        one = self.member("one")
        await one.tell(self.change(ChangeKind.BAN, b"aaaa", "1", until=self.site.now_wall() + 5.0))
        for _ in range(3):
            await self.site.pass_time(25.0)
            await one.tell()
        self.assertEqual((await self.member("late").tell()).changes, ())

    # Nonsense and size

    @spoken
    async def test_nonsense_counts_for_nothing(self) -> None:
        """Records and changes that cannot be are left out, and the rest of the report counts."""
        one, two = self.member("one"), self.member("two")
        now = self.site.now_wall()
        await two.tell()
        await one.tell(
            Record("unheard-of", b"k", now, (1.0,)),
            Record(TALLY.name, b"wide", now, (1.0,) * 9),
            Record(TALLY.name, b"", now, (1.0,) * 4),
            Record(TALLY.name, b"x" * (KEY_OCTETS + 1), now, (1.0,) * 4),
            Record(TALLY.name, b"nan", now, (float("nan"), 1.0, 1.0, 1.0)),
            Record(TALLY.name, b"inf", now, (1.0, float("inf"), 1.0, 1.0)),
            Record(TALLY.name, b"when", float("nan"), (1.0,) * 4),
            Record(TALLY.name, b"hash", now, (1.0,) * 4, frozenset((2**64,))),
            one.tally(b"good", 0.0, 1.0),
            self.change(ChangeKind.BAN, b"five5", "no source"),
            self.change(ChangeKind.BAN, b"aaaa", "x" * 5000),
            self.change(ChangeKind.BAN, b"aaaa", "when", until=float("nan")),
            self.change(ChangeKind.BAN, b"bbbb", "good"),
        )
        news = await two.tell()
        self.assertEqual([record.key for record in news.records], [b"good"])
        self.assertEqual([change.id for change in news.changes], ["good"])

    @spoken
    async def test_full_reports_pass_and_larger_ones_are_refused(self) -> None:
        """A report as large as allowed counts in full; a larger one fails, none of it counts, and the hub goes on."""
        one, two = self.member("one"), self.member("two")
        await two.tell()
        full = [one.tally(b"%05d" % number, 0.0, 1.0) for number in range(RECORDS_AT_ONCE)]
        await one.tell(*full)
        await two.tell()
        self.assertEqual(len(two.others), RECORDS_AT_ONCE)
        with self.assertRaises(ReportRefused):
            await one.tell(one.tally(b"surplus", 0.0, 1.0), *full)
        with self.assertRaises(ReportRefused):
            await one.tell(*[self.change(ChangeKind.BAN, b"%04d" % n, str(n)) for n in range(CHANGES_AT_ONCE + 1)])
        news = await two.tell()
        self.assertEqual((news.changes, (TALLY.name, b"surplus") in two.others), ((), False))

    @spoken
    async def test_news_that_do_not_fit_wait(self) -> None:
        """More changed rows than one exchange carries come with the next ones, none is lost."""
        one, two, three = self.member("one"), self.member("two"), self.member("three")
        await three.tell()
        for member, prefix in ((one, b"a"), (two, b"b")):
            await member.tell(*[member.tally(prefix + b"%05d" % number, 0.0, 1.0) for number in range(RECORDS_AT_ONCE)])
        carried = [len((await three.tell()).records) for _ in range(3)]
        self.assertEqual(carried, [RECORDS_AT_ONCE, RECORDS_AT_ONCE, 0])
        self.assertEqual(len(three.others), 2 * RECORDS_AT_ONCE)

    @spoken
    async def test_a_whole_log_is_told_at_once(self) -> None:
        """A late joiner gets thousands of changes in one answer."""
        one = self.member("one")
        for batch in range(3):
            start = batch * CHANGES_AT_ONCE
            bans = [
                self.change(ChangeKind.BAN, number.to_bytes(4, "big"), str(number))
                for number in range(start, start + CHANGES_AT_ONCE)
            ]
            await one.tell(*bans)
        news = await self.member("late").tell()
        self.assertEqual(len({change.id for change in news.changes}), 3 * CHANGES_AT_ONCE)
