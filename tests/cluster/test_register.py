"""Claims about bans and lists: what holds for a client, what supersedes what, what ends."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count, permutations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial import unittest

from shieldrelay.cluster.decisions import LONGEST_BAN_SECONDS, Decisions
from shieldrelay.cluster.hub import STATE_MOST, TOMBSTONE_SECONDS, Change, ChangeKind
from shieldrelay.cluster.register import Configured, Register
from shieldrelay.mail.client import client_of
from shieldrelay.testing.journal import ListJournal

EPOCH = 1_800_000_000.0
FOUR = "192.0.2.7"
SIX = "2001:db8:1:2::9"


class Bench:
    """A register with a clock that is set by hand."""

    def __init__(self, name: str = "n") -> None:
        self.now = EPOCH
        numbers = count()
        self.journal = ListJournal()
        self.decisions = Decisions(lambda: self.now, lambda: f"{name}{next(numbers)}")
        self.register = Register(self.decisions, lambda: self.now, self.journal)

    def kind_for(self, address: str) -> ChangeKind | None:
        entry = self.register.standing(client_of(address), self.now)
        return None if entry is None else entry.kind


def change(kind: ChangeKind, subject: bytes, at: float = 0.0, until: float | None = None, id: str = "x") -> Change:
    return Change(id, kind, subject, EPOCH + at, until, "reason", "tests")


class StandingTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.bench = Bench()
        self.register = self.bench.register
        self.decisions = self.bench.decisions

    def test_nobody_has_a_standing_at_first(self) -> None:
        """An empty register says nothing of anybody."""
        self.assertEqual([self.bench.kind_for(address) for address in (FOUR, SIX)], [None, None])

    def test_bans_are_of_sources(self) -> None:
        """A ban holds for an IPv4 address, or for the whole /64 of an IPv6 one, and for no neighbour."""
        for address in (FOUR, SIX):
            self.register.ban(client_of(address).source, EPOCH + 60.0, "reason", "harvest")
        banned = [address for address in (FOUR, "192.0.2.8", SIX, "2001:db8:1:2:ffff::", "2001:db8:1:3::9")
                  if self.bench.kind_for(address)]  # fmt: skip
        self.assertEqual(banned, [FOUR, SIX, "2001:db8:1:2:ffff::"])

    def test_bans_end(self) -> None:
        """A ban holds until its time and not longer, swept or not."""
        self.register.ban(client_of(FOUR).source, EPOCH + 60.0, "reason", "harvest")
        self.bench.now = EPOCH + 59.9
        self.assertIs(self.bench.kind_for(FOUR), ChangeKind.BAN)
        self.bench.now = EPOCH + 60.0
        self.assertIsNone(self.bench.kind_for(FOUR))
        self.decisions.sweep()
        self.assertEqual((self.register.count(ChangeKind.BAN), self.decisions.state()), (0, ()))

    def test_allow_beats_deny_and_ban(self) -> None:
        """Who is allowed, however broadly, is allowed, whatever else is said more narrowly."""
        self.register.deny(FOUR, None, "reason", "operator")
        self.register.ban(client_of(FOUR).source, EPOCH + 60.0, "reason", "harvest")
        self.assertIs(self.bench.kind_for(FOUR), ChangeKind.DENY)
        self.register.allow("192.0.0.0/16", None, "reason", "operator")
        self.assertIs(self.bench.kind_for(FOUR), ChangeKind.ALLOW)
        self.register.revoke("192.0.0.0/16", "operator")
        self.register.configure(["192.0.2.0/24"], [FOUR])
        self.assertIs(self.bench.kind_for(FOUR), ChangeKind.ALLOW)

    def test_the_longest_prefix_speaks(self) -> None:
        """Of several networks the narrowest one in force is named."""
        for network in ("0.0.0.0/0", "192.0.0.0/16", "192.0.2.0/24", "192.0.2.7/32"):
            self.register.deny(network, EPOCH + 60.0 if network.endswith("/32") else None, network, "operator")
        for network in ("2001:db8::/32", "2001:db8:1:2::/64", "2001:db8:1:2::9/128"):
            self.register.deny(network, None, network, "operator")

        def says(address: str) -> str:
            entry = self.register.standing(client_of(address), self.bench.now)
            return "" if entry is None else entry.reason

        addresses = (FOUR, "192.0.2.8", "192.0.3.1", "8.8.8.8", SIX, "2001:db8:1:2::8", "2001:db8:9::1", "2002::1")
        self.assertEqual(
            [says(address) for address in addresses],
            ["192.0.2.7/32", "192.0.2.0/24", "192.0.0.0/16", "0.0.0.0/0",
             "2001:db8:1:2::9/128", "2001:db8:1:2::/64", "2001:db8::/32", ""],
        )  # fmt: skip
        self.bench.now = EPOCH + 60.0
        self.assertEqual(says(FOUR), "192.0.2.0/24")

    def test_mapped_networks_are_ipv4(self) -> None:
        """An IPv4-mapped network holds for IPv4 clients."""
        self.register.deny("::ffff:192.0.2.0/120", None, "reason", "operator")
        self.assertIs(self.bench.kind_for(FOUR), ChangeKind.DENY)


class OperationTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.bench = Bench()
        self.register = self.bench.register
        self.decisions = self.bench.decisions

    def test_what_is_no_network_is_refused(self) -> None:
        """No list takes what is no network, and nothing has changed then."""
        for text in ("", "example.com", "192.0.2.7/24", "192.0.2.0/33", "300.1.1.1", "1.2.3.4 5"):
            self.assertRaises(ValueError, self.register.allow, text, None, "reason", "operator")
        self.assertRaises(ValueError, self.register.configure, ["192.0.2.0/24"], ["nonsense"])
        self.assertRaises(ValueError, self.register.ban, b"abc", EPOCH + 1.0, "reason", "operator")
        self.assertEqual((self.register.page(), self.decisions.state()), ((), ()))

    def test_configured_lists_cannot_be_revoked(self) -> None:
        """What the configuration says stays, and whoever wants it revoked is told where; a reload takes it back."""
        self.register.configure([], ["192.0.2.0/24"])
        self.assertRaises(Configured, self.register.revoke, "192.0.2.0/24", "operator")
        self.register.deny("192.0.2.0/24", None, "also", "operator")
        self.register.revoke("192.0.2.0/24", "operator")
        self.assertIs(self.bench.kind_for(FOUR), ChangeKind.DENY)
        self.register.configure([], [])
        self.assertIsNone(self.bench.kind_for(FOUR))
        self.assertIsNone(self.register.revoke("192.0.2.0/24", "operator"))

    def test_the_last_word_holds_in_one_instant(self) -> None:
        """Orders given at the same time hold in the order in which they were given."""
        for _ in range(5):
            self.register.allow(FOUR, None, "reason", "operator")
            self.register.deny(FOUR, None, "reason", "operator")
            self.assertIs(self.bench.kind_for(FOUR), ChangeKind.DENY)
            self.register.revoke(FOUR, "operator")
            self.assertIsNone(self.bench.kind_for(FOUR))

    def test_a_ban_said_again_is_no_change(self) -> None:
        """A ban that another already outlasts changes nothing and is not journalled; a longer one does and is."""
        source = client_of(FOUR).source
        first = self.register.ban(source, EPOCH + 60.0, "reason", "harvest")
        self.assertIs(self.register.ban(source, EPOCH + 50.0, "reason", "harvest"), first)
        self.assertIsNot(self.register.ban(source, EPOCH + 70.0, "reason", "harvest"), first)
        self.assertEqual([fields["seconds"] for fields in self.bench.journal.named("ban")], [60, 70])

    def test_no_ban_is_for_ever(self) -> None:
        """Bans are cut to a week, our own and others'."""
        self.register.ban(client_of(FOUR).source, EPOCH * 2, "reason", "harvest")
        self.decisions.apply([change(ChangeKind.BAN, client_of(SIX).source)])
        self.bench.now += LONGEST_BAN_SECONDS
        self.assertEqual([self.bench.kind_for(address) for address in (FOUR, SIX)], [None, None])

    def test_a_clock_that_goes_back_makes_no_ban_last(self) -> None:
        """When the time turns out to be years earlier, bans last a week from then, not years."""
        self.register.ban(client_of(FOUR).source, EPOCH + 60.0, "reason", "harvest")
        self.decisions.sweep()
        self.bench.now = EPOCH - 1e8
        self.decisions.sweep()
        self.assertIs(self.bench.kind_for(FOUR), ChangeKind.BAN)
        self.bench.now += LONGEST_BAN_SECONDS
        self.assertIsNone(self.bench.kind_for(FOUR))
        self.decisions.sweep()
        self.assertEqual(self.decisions.state(), ())

    def test_release_lets_in_and_has_everything_forgotten(self) -> None:
        """A released source is not banned, and whoever listens is told of it, banned or not, here or elsewhere."""
        heard: list[bytes] = []
        self.register.on_release(heard.append)
        source = client_of(FOUR).source
        self.register.ban(source, EPOCH + 60.0, "reason", "harvest")
        self.register.release(source, "operator")
        self.assertIsNone(self.bench.kind_for(FOUR))
        self.decisions.apply([change(ChangeKind.RELEASE, b"\1\2\3\4", id="e")] * 2)
        self.assertEqual(heard, [source, b"\1\2\3\4"])
        self.assertEqual([fields["source"] for fields in self.bench.journal.named("released_source")], [FOUR])

    def test_listing_goes_page_by_page(self) -> None:
        """Pages have every entry in force once, whatever the size of a page."""
        self.register.configure(["10.0.0.0/8"], ["10.0.0.0/8"])
        self.register.allow("10.0.0.0/8", None, "reason", "operator")
        for number in range(25):
            self.register.ban(bytes((192, 0, 2, number)), EPOCH + 60.0 + number, "reason", "harvest")
        self.bench.now = EPOCH + 60.0
        for size in (1, 7, 100):
            seen: list[str] = []
            after = ""
            while page := self.register.page(size, after):
                self.assertLessEqual(len(page), size)
                seen += [entry.text for entry in page]
                after = page[-1].cursor
            self.assertEqual(len(seen), 3 + 24)
        self.assertEqual(len(self.register.page(100, kind=ChangeKind.ALLOW)), 2)
        self.assertEqual(self.register.page(1, kind=ChangeKind.BAN)[0].text, "192.0.2.1")


class SharingTests(unittest.SynchronousTestCase):
    def test_alone_nothing_waits_to_be_told(self) -> None:
        """A register that is not shared gathers nothing for others; a shared one, what it knows already too."""
        here = Bench()
        register, decisions = here.register, here.decisions
        register.deny(FOUR, None, "reason", "operator")
        self.assertEqual(decisions.outbox(10), ())
        decisions.share()
        self.assertEqual(len(decisions.outbox(10)), 1)
        register.deny(SIX, None, "reason", "operator")
        self.assertEqual(len(decisions.outbox(10)), 2)
        decisions.told(decisions.outbox(1))
        self.assertEqual([each.subject for each in decisions.outbox(10)], [b"2001:db8:1:2::9/128"])

    def test_only_the_last_word_is_told(self) -> None:
        """While the hub is away, what was decided and taken back makes one change, not many."""
        here = Bench()
        register, decisions = here.register, here.decisions
        decisions.share()
        for _ in range(100):
            register.deny(FOUR, None, "reason", "operator")
            register.revoke(FOUR, "operator")
        self.assertEqual([each.kind for each in decisions.outbox(1000)], [ChangeKind.REVOKE])

    def test_what_the_hub_lacks_is_told_again(self) -> None:
        """Against the whole state of a hub only what it lacks, or has an older word of, is told again."""
        here = Bench()
        register, decisions = here.register, here.decisions
        kept = register.deny("192.0.2.0/24", None, "reason", "operator")
        newer = register.deny("198.51.100.0/24", None, "reason", "operator")
        lacking = register.deny("203.0.113.0/24", None, "reason", "operator")
        decisions.share()
        decisions.told(decisions.outbox(10))
        decisions.compare([kept, change(ChangeKind.REVOKE, newer.subject, -10.0)])
        self.assertEqual(set(decisions.outbox(10)), {newer, lacking})

    def test_order_does_not_matter(self) -> None:
        """Changes of one subject, heard of in any order, come to the same."""
        source = client_of(FOUR).source
        changes = (
            change(ChangeKind.BAN, source, 1.0, EPOCH + 100.0, "a"),
            change(ChangeKind.RELEASE, source, 2.0, None, "b"),
            change(ChangeKind.BAN, source, 2.0, EPOCH + 200.0, "c"),
        )
        for order in permutations(changes):
            bench = Bench()
            bench.decisions.apply(order)
            entry = bench.register.standing(client_of(FOUR), EPOCH + 50.0)
            self.assertIsNotNone(entry)
            self.assertEqual(bench.decisions.state(), (changes[2],))

    def test_released_stays_released(self) -> None:
        """An older ban that comes late, from a member that was cut off, is not believed within a week."""
        bench = Bench()
        source = client_of(FOUR).source
        bench.decisions.apply([change(ChangeKind.RELEASE, source, 10.0)])
        bench.decisions.sweep()
        bench.decisions.apply([change(ChangeKind.BAN, source, 5.0, EPOCH + 1000.0)])
        self.assertIsNone(bench.kind_for(FOUR))
        bench.now += TOMBSTONE_SECONDS + 10.0
        bench.decisions.sweep()
        self.assertEqual(bench.decisions.state(), ())

    def test_a_slow_clock_can_revoke(self) -> None:
        """What a member with a fast clock decided, one with a slow clock can still take back."""
        bench = Bench()
        bench.decisions.apply([change(ChangeKind.DENY, b"192.0.2.0/24", 300.0)])
        bench.register.revoke("192.0.2.0/24", "operator")
        self.assertIsNone(bench.kind_for(FOUR))

    def test_bans_are_bounded(self) -> None:
        """Beyond the cap those bans go that end soonest; what the operator listed stays."""
        bench = Bench()
        bench.register.deny(SIX, EPOCH + 1.0, "reason", "operator")
        bench.decisions.apply(
            change(ChangeKind.BAN, number.to_bytes(4, "big"), 0.0, EPOCH + 60.0 + number, str(number))
            for number in range(STATE_MOST + 10)
        )
        self.assertLessEqual(len(bench.decisions.state()), STATE_MOST)
        self.assertIs(bench.kind_for(SIX), ChangeKind.DENY)
        self.assertIsNone(bench.kind_for("0.0.0.1"))
        last = ".".join(str(octet) for octet in (STATE_MOST + 9).to_bytes(4, "big"))
        self.assertIs(bench.kind_for(last), ChangeKind.BAN)

    @given(
        changes=st.lists(
            st.builds(
                Change,
                st.text(max_size=5),
                st.sampled_from(ChangeKind),
                st.binary(max_size=9) | st.sampled_from((b"192.0.2.0/24", b"::/0", b"\xff/8", b"abcd")),
                st.floats() | st.just(EPOCH),
                st.none() | st.floats(),
                st.text(max_size=5),
                st.text(max_size=5),
            )
        )
    )
    @settings(deadline=None, derandomize=True, max_examples=200)
    def test_no_change_does_harm(self, changes: Sequence[Change]) -> None:
        """Whatever a hub tells, nothing is raised, and all that is in force can be listed and taken back."""
        bench = Bench()
        bench.decisions.apply(changes)
        for entry in bench.register.page(1000):
            if entry.kind is ChangeKind.BAN:
                bench.register.release(entry.subject, "operator")
            else:
                bench.register.revoke(entry.text, "operator")
        self.assertEqual(bench.register.page(1000), ())
        bench.now += 1e9
        bench.decisions.sweep()
        self.assertEqual([each for each in bench.decisions.state() if each.kind is ChangeKind.BAN], [])
