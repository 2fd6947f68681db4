"""Claims about what a plain list may hold, and how it is found again."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shieldrelay.recipients.builder import Lines, examine
from shieldrelay.recipients.fault import FAULTS_SHOWN
from shieldrelay.recipients.lists import Lists
from shieldrelay.recipients.standing import Standing
from tests.recipients.lists_fixture import ListsCase, fetched

LISTED, UNKNOWN, NOT_OURS = Standing.LISTED, Standing.UNKNOWN, Standing.NOT_OURS


class PlainLinesTests(ListsCase):
    """Lines, as an operator writes them."""

    def listed(self, text: bytes, **options: Any) -> Lists:
        """Open a domain with these lines in force."""
        wanted = fetched(**options)
        lists = self.lists(wanted)
        self.adopted(self.taken(lists, text.splitlines(keepends=True), wanted))
        return lists

    def test_names_and_addresses_are_found(self) -> None:
        """A name alone or a whole address; another domain, a subdomain and a literal are not ours."""
        lists = self.listed(b"alice\nbob@example.com\n")
        self.assert_standing(lists, LISTED, "alice", "bob", "Bob@EXAMPLE.com")
        self.assert_standing(lists, UNKNOWN, "carol")
        self.assert_standing(lists, NOT_OURS, "alice@example.org", "alice@sub.example.com", "alice@[192.0.2.1]")

    def test_case_makes_no_difference(self) -> None:
        """Local-parts are compared without case by default, those beyond ASCII too."""
        self.assert_standing(self.listed("Älice\nBOB\n".encode()), LISTED, "Bob", "äLICE", "ÄLICE")

    def test_quotes_are_not_part_of_a_name(self) -> None:
        """A name with and without quotes is one name (RFC 5321 §4.1.2)."""
        lists = self.listed(b'"john doe"\n"al\\ice"\ncarol\n"a@b"@example.com\n"#x"  # odd\n')
        self.assert_standing(
            lists, LISTED, '"john doe"@example.com', '"john\\ doe"@example.com', "alice", '"carol"',
            '"a@b"@example.com', '"#x"@example.com',
        )  # fmt: skip

    def test_comments_and_blanks_are_passed_over(self) -> None:
        """Blank lines, comments, a byte order mark, blanks around a name and CRLF line ends are no names."""
        lists = self.listed(b"\xef\xbb\xbfalice\r\n\r\n# bob\n\t carol \t# a note\n#dave\ne#f\n")
        self.assert_standing(lists, LISTED, "alice", "carol", "e#f")
        self.assert_standing(lists, UNKNOWN, "bob", "dave")

    def test_wrong_lines_are_told(self) -> None:
        """Each wrong line is told with its place and reason; the others are read."""
        lines = [b"alice\n", b"a b\n", b"bob@example.org\n", b"@example.com\n", b"\xff\n", b"x" * 65 + b"\n", b"carol"]
        count, faults = examine(fetched(), [Lines("list", lines, LISTED)])
        self.assertEqual((count, [fault.line for fault in faults]), (2, [2, 3, 4, 5, 6]))
        self.assertEqual(str(faults[1]), "list:3: the address is not in example.com")
        self.assertIn("a whole domain cannot be listed", str(faults[2]))

    def test_endless_faults_are_counted(self) -> None:
        """A file of nonsense gives some faults and a number."""
        _, faults = examine(fetched(location="list"), [Lines("list", [b"a b\n"] * 1000, LISTED)])
        self.assertEqual(len(faults), FAULTS_SHOWN + 1)
        self.assertEqual(str(faults[-1]), f"list: {1000 - FAULTS_SHOWN} more lines are no recipients")

    @settings(deadline=None, derandomize=True, max_examples=200)
    @given(st.binary(max_size=200))
    def test_any_file_is_read(self, octets: bytes) -> None:
        """Whatever a file holds, it is names and faults, at most one for each line."""
        lines = octets.splitlines(keepends=True)
        count, faults = examine(fetched(), [Lines("list", lines, LISTED)])
        self.assertLessEqual(count + len(faults), len(lines) + 1)
