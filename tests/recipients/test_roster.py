"""Claims about what a look-up answers: tags, patterns, former recipients and traps, in memory and on disk."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shieldrelay.mail.address import AddressFault, parse_mailbox
from shieldrelay.recipients import names as names_module
from shieldrelay.recipients.line import Entry
from shieldrelay.recipients.lists import Lists
from shieldrelay.recipients.names import FewNames, ManyNames
from shieldrelay.recipients.settings import ListKind, ListSettings
from shieldrelay.recipients.standing import Standing
from tests.recipients.lists_fixture import ListsCase, fetched, names

LISTED, UNKNOWN, FORMER, TRAP = Standing.LISTED, Standing.UNKNOWN, Standing.FORMER, Standing.TRAP


class LookupTests(ListsCase):
    def listed(self, lines: Iterable[bytes], **options: Any) -> Lists:
        """Open a domain with these lines in force."""
        wanted = fetched(**options)
        lists = self.lists(wanted)
        self.adopted(self.taken(lists, lines, wanted))
        return lists

    def test_five_standings(self) -> None:
        """A mailbox is listed, unknown, former, a trap, or not ours."""
        lists = self.listed([b"alice\n", b"bob\tformer\n", b"carol\ttrap\n"])
        for expected, name in ((LISTED, "ALICE"), (FORMER, "bob"), (TRAP, '"carol"'), (UNKNOWN, "dave")):
            self.assert_standing(lists, expected, name)
        self.assert_standing(lists, Standing.NOT_OURS, "alice@example.org")

    def test_who_exists_is_no_trap(self) -> None:
        """Of several lines for one name, listed holds before former, and former before trap, in any order."""
        lines = [b"a\ttrap\n", b"a\n", b"b\ttrap\n", b"b\tformer\n", b"c\tformer\n", b"c\ttrap\n", b"c\n"]
        for order in (lines, lines[::-1]):
            lists = self.lists(fetched())
            self.taken(lists, order)
            self.assert_standing(lists, LISTED, "a", "c")
            self.assert_standing(lists, FORMER, "b")

    def test_tags_are_taken_off(self) -> None:
        """With a separator declared, a name with any tag is the name; without one it is another name."""
        lines = [b"user\n", b"a+b\n", b"gone\tformer\n"]
        lists = self.listed(lines, separator="+")
        self.assert_standing(lists, LISTED, "user+tag", "USER+a+b", "a+b+c", "user+", "postmaster+x")
        self.assert_standing(lists, FORMER, "gone+x")
        self.assert_standing(lists, UNKNOWN, "a+c", "+user", "other+user", "user-tag")
        self.assert_standing(self.lists(fetched()), UNKNOWN, "user+tag")

    def test_tags_are_looked_for_at_four_places(self) -> None:
        """A local-part of separators costs a few look-ups, not sixty."""
        lists = self.listed([b"a-b-c-d\n", b"a-b-c-d-e\n"], separator="-")
        self.assert_standing(lists, LISTED, "a-b-c-d-x", "a-b-c-d-e")
        self.assert_standing(lists, UNKNOWN, "a-b-c-e-f-g-h", "-" * 64)

    def test_patterns_cover(self) -> None:
        """A pattern covers what fits, a longer one before a shorter one, and a name of its own before any."""
        lists = self.listed([b"sales-*\n", b"sales-x*\tformer\n", b"*-bounce\n", b"a*a\n", b"sales-trap\ttrap\n"])
        self.assert_standing(lists, LISTED, "sales-emea", "Sales-", "x-bounce", "aa", "aba")
        self.assert_standing(lists, FORMER, "sales-x1")
        self.assert_standing(lists, TRAP, "sales-trap")
        self.assert_standing(lists, UNKNOWN, "a", "presales-x", "bounce", "sales")

    def test_tags_and_patterns_lead_nowhere_else(self) -> None:
        """What leads on to somewhere else is covered by no tag and no pattern, only by its own name."""
        lists = self.listed([b"sales-*\n", b"user\n", b"v%w\n"], separator="+")
        self.assert_standing(lists, UNKNOWN, "sales-v%other.test", "sales-other.test!v", "user+v%other.test")
        self.assert_standing(lists, UNKNOWN, '"sales-v@other.test"@example.com')
        self.assert_standing(lists, LISTED, "v%w")

    def test_case_counts_where_declared(self) -> None:
        """A domain that tells Alice from alice does so for tags and patterns too; postmaster is one in any case."""
        lists = self.listed([b"Alice\n", b"Sales-*\n"], case_sensitive=True, separator="+")
        self.assert_standing(lists, LISTED, "Alice", "Alice+x", "Sales-x", "POSTmaster", "PostMaster+x")
        self.assert_standing(lists, UNKNOWN, "alice", "alice+x", "sales-x")

    def test_postmaster_may_be_left_out(self) -> None:
        """A domain may say that postmaster exists only if it is listed."""
        self.assert_standing(self.listed([b"a\n"], postmaster=False), UNKNOWN, "postmaster")

    def test_aliases_share_the_list(self) -> None:
        """All names of a domain have one list."""
        lists = self.listed([b"alice@example.net\n"], aliases=("example.net",))
        self.assert_standing(lists, LISTED, "alice", "alice@EXAMPLE.net")

    def test_any_takes_everyone(self) -> None:
        """A domain without a list takes everyone but what leads on, and that is enforced."""
        lists = self.lists(ListSettings(domain="example.com", kind=ListKind.ANY))
        self.assert_standing(lists, LISTED, "whoever")
        self.assert_standing(lists, UNKNOWN, "whoever%other.test")
        self.assertTrue(lists.enforced("example.com"))

    def test_no_list_yet_takes_everyone(self) -> None:
        """Until the first version of a fetched list has come everyone is taken, and that is not enforced."""
        lists = self.lists(fetched())
        self.assert_standing(lists, LISTED, "whoever")
        self.assertFalse(lists.enforced("example.com"))

    def test_large_lists_stay_on_disk(self) -> None:
        """A list beyond what is held in memory answers the same."""
        count = names_module.IN_MEMORY_OCTETS // 5
        lists = self.listed([*names(count), b"gone\tformer\n", b"bait-*\ttrap\n"], separator="+")
        self.assert_standing(lists, LISTED, "user0", f"user{count - 1}", "user7+x")
        self.assert_standing(lists, UNKNOWN, f"user{count}", "user", "x" * 64, "+x", "+")
        self.assert_standing(lists, FORMER, "gone")
        self.assert_standing(lists, TRAP, "bait-7")
        self.assertEqual(lists.directory.size("example.com"), count)

    @settings(deadline=None, derandomize=True, max_examples=60)
    @given(st.sets(st.binary(min_size=1, max_size=8), max_size=40), st.booleans())
    def test_what_is_listed_is_found(self, locals_: set[bytes], case_sensitive: bool) -> None:
        """Every lawful name that was imported is found again, and nothing else is."""
        self.make_state()
        lawful = []
        for local in locals_:
            try:
                lawful.append(parse_mailbox(local + b"@example.com", utf8=True))
            except AddressFault:
                continue
        wanted = fetched(case_sensitive=case_sensitive)
        lists = self.lists(wanted)
        quoted = [b'"%b"' % each.local_part if each.local_part[:1] != b'"' else each.local_part for each in lawful]
        self.taken(lists, [*quoted, b"zz-sure"], wanted)
        for mailbox in lawful:
            self.assertIs(lists.lookup(mailbox), LISTED)
        self.assert_standing(lists, UNKNOWN, "zz-not-there")


class NamesTests(ListsCase):
    @settings(deadline=None, derandomize=True, max_examples=100)
    @given(st.dictionaries(st.text("abc.\x7fé", min_size=1, max_size=5), st.sampled_from([LISTED, FORMER, TRAP])))
    def test_memory_and_disk_agree(self, standings: dict[str, Standing]) -> None:
        """Names in memory and names in a file have the same entries in the same order, and answer alike."""
        self.make_state()
        entries = sorted((Entry(key.encode(), each) for key, each in standings.items()), key=lambda each: each.key)
        file = self.state / "names.mdb"
        names_module.write_names(file, entries)
        few, many = FewNames(entries), ManyNames(file)
        self.assertEqual(list(few.items()), entries)
        self.assertEqual(list(many.items()), entries)
        for key in (*(each.key for each in entries), b"a", b"ab", b"zz"):
            self.assertIs(few.standing(key), many.standing(key))
            self.assertIs(few.standing(key), standings.get(key.decode()))
