"""Claims about the line form: what a line may hold, and what is told of one that holds something else."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial import unittest

from shieldrelay.mail.address import AddressFault
from shieldrelay.recipients.line import PATTERN_MARK, Entry, LineForm
from shieldrelay.recipients.standing import Standing

FORM = LineForm(("example.com", "example.net"), case_sensitive=False)


class LineTests(unittest.SynchronousTestCase):
    def test_words_set_the_standing(self) -> None:
        """A word after a TAB says how a name stands; without one it is listed, or what the file is for."""
        for line, expected in (
            (b"alice\n", Standing.LISTED),
            (b"alice@example.net\tlisted", Standing.LISTED),
            (b"alice\tformer\r\n", Standing.FORMER),
            (b' "alice" \t trap \t# since 2019', Standing.TRAP),
        ):
            self.assertEqual(FORM.entry(line), Entry(b"alice", expected), line)
        self.assertEqual(FORM.entry(b"alice", Standing.TRAP), Entry(b"alice", Standing.TRAP))
        self.assertEqual(FORM.entry(b"alice\tlisted", Standing.TRAP), Entry(b"alice", Standing.LISTED))

    def test_nothing_is_no_entry(self) -> None:
        """Blank lines and comments are nothing."""
        for line in (b"", b"\r\n", b"  # alice", b"#alice\tformer", b"\t\n"):
            self.assertIs(FORM.entry(line), None, line)

    def test_patterns_are_told_apart(self) -> None:
        """A star in an unquoted local-part makes a pattern; quoted it is a star."""
        self.assertEqual(FORM.entry(b"Sales-*"), Entry(PATTERN_MARK + b"sales-*", Standing.LISTED))
        self.assertEqual(FORM.entry(b'"sales-*"@example.com'), Entry(b"sales-*", Standing.LISTED))

    def test_case_is_kept_where_it_counts(self) -> None:
        """A domain that tells Alice from alice gets keys in their own case."""
        form = LineForm(("example.com",), case_sensitive=True)
        self.assertEqual(form.entry(b'"Al\\ice"'), Entry(b"Alice", Standing.LISTED))

    def test_wrong_lines_say_why(self) -> None:
        """What is no recipient raises, in words that are ours."""
        for line, words in (
            (b"alice\tgone", "none of: listed, former, trap"),
            (b"alice\t\tformer x", "none of"),
            (b"a b", "malformed"),
            (b"alice@example.org", "is not in example.com"),
            (b"@example.com", "a whole domain"),
            (b"*", "a whole domain"),
            (b"*@example.com", "a whole domain"),
            (b"a*b*", "one *"),
            (b"\xff", "not UTF-8"),
        ):
            self.assertIn(words, str(self.assertRaises(AddressFault, FORM.entry, line)), line)

    @settings(deadline=None, derandomize=True, max_examples=500)
    @given(st.binary(max_size=80))
    def test_any_line_is_an_entry_or_a_fault(self, line: bytes) -> None:
        """No octets raise anything but a fault, and no key has what separates entries on disk."""
        try:
            entry = FORM.entry(line)
        except AddressFault:
            return
        if entry is not None:
            self.assertTrue(entry.key.lstrip(PATTERN_MARK))
            self.assertFalse(set(entry.key) & set(b"\t\n"))
            entry.key.decode("utf-8")
