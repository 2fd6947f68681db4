"""Claims about sources that are files of this machine."""

from __future__ import annotations

import io
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial import unittest

from shieldrelay.importer import child
from shieldrelay.importer.child import perform
from shieldrelay.importer.entries import Entries
from shieldrelay.importer.fault import FaultKind, ImportFault
from shieldrelay.importer.json_lines import read_json_lines
from shieldrelay.importer.ldif import read_ldif
from shieldrelay.importer.plain import read_plain
from shieldrelay.importer.settings import CsvSettings, Limits, SourceSettings
from shieldrelay.importer.table import read_table
from tests.importer.case import asking

NAMES = ("example.test", "alias.test")


class FileCase(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()

    def read(self, scheme: str, content: bytes | str, **more):
        """Read one file as the child does; give the result and the lines."""
        path = self.directory / "source"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        aside = self.directory / "aside"
        source = SourceSettings.parse(f"{scheme}:{path.resolve()}", **more)
        result = perform(asking(source), aside, self.fail, lambda _: None)
        return result, aside.read_bytes().decode().splitlines()

    def lines(self, scheme: str, content: bytes | str, **more) -> list[str]:
        return self.read(scheme, content, **more)[1]

    def refused(self, kind: FaultKind, words: str, scheme: str, content: bytes | str, **more) -> None:
        fault = self.assertRaises(ImportFault, self.read, scheme, content, **more)
        self.assertIn(words, fault.words)
        self.assertIs(fault.kind, kind)


class PlainTests(FileCase):
    def test_lines_are_passed_on(self) -> None:
        """A file in the line form goes on as it is, without its mark of order, blank lines and comments."""
        text = b"\xef\xbb\xbf# users\r\nalice\r\n\r\nbob@example.test\tformer\n  \ncarol"
        self.assertEqual(self.lines("file", text), ["alice", "bob@example.test\tformer", "carol"])

    def test_empty_file_is_judged_later(self) -> None:
        """A plain file with nothing in it is not the importer's to refuse."""
        self.assertEqual(self.lines("file", b"# nobody\n"), [])

    def test_long_line_is_refused(self) -> None:
        """A line longer than any entry is not read to its end."""
        self.refused(FaultKind.MALFORMED, "line 2 is longer than", "file", b"a\n" + b"x" * 5000)

    def test_other_encodings_are_told(self) -> None:
        """A file in UTF-16 fails with a hint."""
        self.refused(FaultKind.MALFORMED, "is this a text in UTF-8?", "file", "alice\n".encode("utf-16"))

    def test_limits_hold(self) -> None:
        """More entries or octets than declared fail the import."""
        few, small = Limits(entries=2), Limits(octets=10)
        self.refused(FaultKind.TOO_LARGE, "more than 2 entries", "file", b"a\nb\nc\n", limits=few)
        self.refused(FaultKind.TOO_LARGE, "has 11 octets", "file", b"abcdefghij\n", limits=small)

    def test_missing_file_is_told(self) -> None:
        """A file that is not there is named with the system's words."""
        source = SourceSettings.parse("file:/nonexistent/list")
        fault = self.assertRaises(
            ImportFault, perform, asking(source), self.directory / "aside", self.fail, lambda _: None
        )
        self.assertEqual(
            (fault.kind, fault.words), (FaultKind.UNREADABLE, "/nonexistent/list: no such file or directory")
        )

    def test_a_write_meanwhile_is_seen(self) -> None:
        """A file that is written to while it is read fails: half of it may be old."""
        path = (self.directory / "source").resolve()
        path.write_bytes(b"user\n" * 2000)
        source = SourceSettings.parse(f"csv:{path}")

        def write(_progress: object) -> None:
            with path.open("ab") as file:
                file.write(b"late\n")

        entries = Entries(NAMES, self.directory / "aside", source.limits, write)
        fault = self.assertRaises(ImportFault, child._read_file, source, entries)
        self.assertIn("changed while it was read", fault.words)


class TableTests(FileCase):
    def test_column_by_number(self) -> None:
        """A column is counted from 1, and without a header the first record counts."""
        text = '1,a@example.test\n2,"b@example.test"\n'
        self.assertEqual(self.lines("csv", text, csv=CsvSettings(column="2")), ["a@example.test", "b@example.test"])

    def test_column_by_name(self) -> None:
        """A column is found by its name in the header, any case; flags come along."""
        text = "Name;E-Mail;State\nA;a@example.test;listed\nB;b@example.test;Former\n"
        wanted = CsvSettings(column="e-mail", flag_column="state", delimiter=";")
        self.assertEqual(self.lines("csv", text, csv=wanted), ["a@example.test", "b@example.test\tformer"])

    def test_missing_column_is_told(self) -> None:
        """A header without the column fails and says what there is."""
        wanted = CsvSettings(column="mail")
        self.refused(
            FaultKind.MALFORMED, 'no column called "mail" in the header, which has "x", "y"', "csv", "x,y\n", csv=wanted
        )
        self.refused(FaultKind.MALFORMED, "2 columns called", "csv", "mail,mail\n", csv=wanted)

    def test_short_record_is_refused(self) -> None:
        """A record without the column fails with its line."""
        self.refused(FaultKind.MALFORMED, "line 2 has 1 columns only", "csv", "a,b\nc\n", csv=CsvSettings(column="2"))

    def test_lost_quote_is_refused(self) -> None:
        """A quote that never ends fails instead of swallowing the rest of the list."""
        self.refused(FaultKind.MALFORMED, "line", "csv", 'a@example.test\n"b@example.test\nc@example.test\n')

    def test_other_domains_are_left_out(self) -> None:
        """Addresses of other domains are counted and left out, those of aliases stay."""
        result, lines = self.read("csv", "a@EXAMPLE.test\nb@other.test\nc@alias.test\nd\n")
        self.assertEqual(lines, ["a@EXAMPLE.test", "c@alias.test", "d"])
        self.assertEqual(result.elsewhere, 1)

    def test_nothing_of_the_domain_is_a_fault(self) -> None:
        """A table without an address of the domain fails: it is the wrong one."""
        self.refused(FaultKind.EMPTY, "no address of example.test in it (of other domains: 1)", "csv", "b@other.test\n")

    def test_few_faults_are_left_out(self) -> None:
        """A value that is no address is counted with its line; too many of them fail the import."""
        result, lines = self.read("csv", "a\nb c@example.test\n", limits=Limits(fault_share=0.5))
        self.assertEqual((lines, result.fault_count), (["a"], 1))
        self.refused(FaultKind.MALFORMED, "1 of 2 values are no addresses", "csv", "a\nb c@example.test\n")
        self.assertIn('line 2: "b c@example.test": the local-part is malformed', result.faults)
        self.refused(
            FaultKind.MALFORMED, "21 of 10000 values are no addresses", "csv", "a\n" * 9979 + "b c@example.test\n" * 21
        )

    def test_a_directory_cannot_write_patterns(self) -> None:
        """What would be a pattern or a comment in the line form is a name when a table has it."""
        self.assertEqual(self.lines("csv", "sales-*@example.test\n#x\n"), ['"sales-*"@example.test', '"#x"'])

    def test_other_encodings_are_told(self) -> None:
        """A table that is not UTF-8 fails with its line."""
        self.refused(FaultKind.MALFORMED, "line 1 is not UTF-8", "csv", "jürgen\n".encode("latin-1"))


class LdifTests(FileCase):
    def test_attributes_are_read(self) -> None:
        """Folded lines, base64, options and comments are understood; other attributes are passed over."""
        text = (
            "version: 1\n# a comment: mail\n  that is folded\ndn: cn=a\nmail: a@exam\n ple.test\ncn: b@example.test\n"
            "MAIL;lang-de:: Y0BleGFtcGxlLnRlc3Q=\nproxyAddresses: SMTP:d@example.test\nproxyAddresses: X500:/o=x\n\n"
            "dn: cn=e\nmail:e@example.test\n"
        )
        result, lines = self.read("ldif", text)
        self.assertEqual(lines, ["a@example.test", "c@example.test", "d@example.test", "e@example.test"])
        self.assertEqual(result.others, 1)

    def test_change_records_are_refused(self) -> None:
        """A file of changes is no list."""
        text = "dn: cn=a\nchangetype: add\nmail: a@example.test\n"
        self.refused(FaultKind.MALFORMED, "line 2 belongs to a change record", "ldif", text)

    def test_other_files_are_not_read(self) -> None:
        """A value that stands in another file is refused."""
        self.refused(FaultKind.MALFORMED, "points to another file", "ldif", "dn: a\nmail:< file:///etc/passwd\n")

    def test_bad_base64_is_refused(self) -> None:
        """A value that is said to be base64 must be."""
        self.refused(FaultKind.MALFORMED, "line 2 is no base64", "ldif", "dn: a\nmail:: !!!\n")

    def test_large_values_are_passed_over(self) -> None:
        """A photograph of megabytes on one line costs no memory, one where an address should be is refused."""
        photo = b"dn: a\njpegPhoto:: " + b"A" * 3_000_000 + b"\nmail: a@example.test\n"
        self.assertEqual(self.lines("ldif", photo), ["a@example.test"])
        self.refused(FaultKind.MALFORMED, "line 1 is longer", "ldif", b"mail:: " + b"A" * 200_000)


def pieces(*words: bytes):
    """Give lists of these words and of any octets."""
    return st.lists(st.sampled_from(words) | st.binary(max_size=8), max_size=40)


class HostileFileTests(unittest.SynchronousTestCase):
    def read_or_fault(self, read) -> None:
        with TemporaryDirectory() as directory:
            entries = Entries(NAMES, Path(directory, "aside"), Limits(), lambda _: None)
            try:
                read(entries)
                entries.close()
            except ImportFault:
                entries._file.close()
                return
            for line in Path(directory, "aside").read_bytes().split(b"\n"):
                self.assertNotIn(b"\0", line)

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(
        pieces(
            b"dn: ",
            b"mail",
            b":",
            b"::",
            b":<",
            b" ",
            b"\n",
            b"\r\n",
            b"#",
            b"=",
            b"QQ==",
            b"a@example.test",
            b"\0",
            b"\xff",
            b"changetype:",
        )
    )
    def test_no_ldif_raises(self, parts) -> None:
        """Whatever octets are called LDIF, they are read or refused."""
        self.read_or_fault(lambda entries: read_ldif(io.BytesIO(b"".join(parts)), ("mail",), entries))

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(
        pieces(b",", b'"', b"\n", b"\r", b"a@example.test", b"mail", b"\0", b"\xc3", b"\x85", b"former"),
        st.sampled_from(["1", "2", "mail"]),
    )
    def test_no_table_raises(self, parts, column) -> None:
        """Whatever octets are called CSV, they are read or refused."""
        wanted = CsvSettings(column=column, flag_column="1" if column != "1" else None)
        self.read_or_fault(lambda entries: read_table(io.BytesIO(b"".join(parts)), wanted, entries))

    @settings(deadline=None, derandomize=True, max_examples=200)
    @given(
        pieces(b"{", b"}", b'"address":', b'"a"', b'"a@example.test"', b",", b"\n", b"[", b"1", b'"\\ud800"', b"\xff")
    )
    def test_no_json_raises(self, parts) -> None:
        """Whatever octets are called JSON lines, they are read or refused."""
        self.read_or_fault(lambda entries: read_json_lines(io.BytesIO(b"".join(parts)), entries))

    @settings(deadline=None, derandomize=True, max_examples=100)
    @given(st.binary(max_size=200))
    def test_no_plain_file_raises(self, octets) -> None:
        """Whatever octets are called a list, they are passed on or refused."""
        self.read_or_fault(lambda entries: read_plain(io.BytesIO(octets), entries))

    def test_nested_json_is_refused(self) -> None:
        """JSON that is nested beyond the stack is refused like other nonsense."""
        self.read_or_fault(lambda entries: read_json_lines(io.BytesIO(b"[" * 60000), entries))
