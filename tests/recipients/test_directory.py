"""Claims about the Valid Address List: what a file may hold, and what a look-up answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial import unittest

from shieldrelay.config.domain import Domain
from shieldrelay.config.hosts import HostPort
from shieldrelay.config.sources import RecipientSource, SourceKind
from shieldrelay.mail.address import AddressFault, parse_mailbox
from shieldrelay.recipients.directory import Directory
from shieldrelay.recipients.listing import FAULTS_SHOWN, Listing, parse_listing
from shieldrelay.recipients.loading import ListingFaults, load
from shieldrelay.recipients.standing import Standing


def domain(name: str = "example.com", path: str | None = None, **settings: Any) -> Domain:
    """Make a protected domain."""
    hops = ((HostPort("192.0.2.1", 25),),)
    source = RecipientSource(SourceKind.ANY) if path is None else RecipientSource(SourceKind.FILE, path)
    return Domain(domain=name, next_hops=hops, recipients=source, **settings)


def listed(text: bytes, **settings: Any) -> Directory:
    """Give the directory of one domain whose file holds ``text``."""
    made = domain(path="list", **settings)
    listing, faults = parse_listing(made, "list", text.splitlines(keepends=True))
    if faults:
        raise ListingFaults(faults)
    return Directory(dict.fromkeys(made.names, listing))


def standing(directory: Directory, address: bytes) -> Standing:
    """Look an address up."""
    return directory.lookup(parse_mailbox(address, utf8=True))


class LookupTests(unittest.SynchronousTestCase):
    def test_tells_three_standings(self) -> None:
        """A mailbox is listed, unknown, or not ours."""
        directory = listed(b"alice\nbob@example.com\n")
        for address, expected in (
            (b"alice@example.com", Standing.LISTED),
            (b"bob@example.com", Standing.LISTED),
            (b"carol@example.com", Standing.UNKNOWN),
            (b"alice@example.org", Standing.NOT_OURS),
            (b"alice@sub.example.com", Standing.NOT_OURS),
            (b"alice@[192.0.2.1]", Standing.NOT_OURS),
        ):
            self.assertIs(standing(directory, address), expected, address)

    def test_case_makes_no_difference(self) -> None:
        """Local-parts and domains are compared without case by default."""
        directory = listed("Älice\nBOB\n".encode())
        for address in (b"bob@EXAMPLE.com", b"Bob@example.com", "äLICE@example.com".encode()):
            self.assertIs(standing(directory, address), Standing.LISTED)

    def test_case_may_make_a_difference(self) -> None:
        """A domain may tell Alice from alice, but postmaster is always one (RFC 5321 §4.5.1)."""
        directory = listed(b"Alice\n", case_sensitive=True)
        self.assertIs(standing(directory, b"Alice@example.com"), Standing.LISTED)
        self.assertIs(standing(directory, b'"Alice"@example.com'), Standing.LISTED)
        self.assertIs(standing(directory, b"alice@example.com"), Standing.UNKNOWN)
        self.assertIs(standing(directory, b"PostMaster@example.com"), Standing.LISTED)

    def test_quotes_are_not_part_of_a_name(self) -> None:
        """A name with and without quotes is one name (RFC 5321 §4.1.2)."""
        directory = listed(b'"john doe"\n"al\\ice"\ncarol\n"a@b"@example.com\n"#x"  # odd\n')
        for address in (b'"john doe"', b'"john\\ doe"', b"alice", b'"carol"', b'"a@b"', b'"#x"'):
            self.assertIs(standing(directory, address + b"@example.com"), Standing.LISTED, address)

    def test_postmaster_exists(self) -> None:
        """Postmaster is listed unless the domain says otherwise."""
        self.assertIs(standing(listed(b""), b"POSTMASTER@example.com"), Standing.LISTED)
        self.assertIs(standing(listed(b"", list_postmaster=False), b"postmaster@example.com"), Standing.UNKNOWN)

    def test_aliases_share_the_list(self) -> None:
        """An alias domain has the same recipients, written with either name."""
        directory = listed(b"alice\nbob@example.net\n", aliases=("example.net",))
        for address in (b"alice@example.net", b"bob@example.com", b"bob@example.net"):
            self.assertIs(standing(directory, address), Standing.LISTED)

    def test_any_takes_everyone(self) -> None:
        """With ``any`` every recipient of the domain exists."""
        directory = load([domain()])
        self.assertIs(standing(directory, b"whoever@example.com"), Standing.LISTED)
        self.assertIs(standing(directory, b"whoever@example.org"), Standing.NOT_OURS)
        self.assertIsNone(directory.size("example.com"))

    def test_any_leads_nowhere_else(self) -> None:
        """With ``any`` a local-part that leads on to somewhere else is unknown: the server behind might follow it."""
        directory = Directory({"example.com": Listing(None)})
        for address in (b"v%other.test", b"other.test!v", b'"v@other.test"', b'"v\\@other.test"', b'"v%other.test"'):
            self.assertIs(standing(directory, address + b"@example.com"), Standing.UNKNOWN, address)
        self.assertIs(standing(directory, b"srs0=ab+c/d=other.test=v@example.com"), Standing.LISTED)
        self.assertIs(standing(listed(b'"v%other.test"\n'), b"v%other.test@example.com"), Standing.LISTED)

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(st.binary(min_size=1, max_size=20), st.booleans())
    def test_what_is_listed_is_found(self, local: bytes, case_sensitive: bool) -> None:
        """Every lawful address that a file holds is found again, however its local-part is made."""
        try:
            mailbox = parse_mailbox(local + b"@example.com", utf8=True)
        except AddressFault:
            return
        # bare, the one would be a comment and the other the byte order mark of the file
        quoted = (b'"' + local + b'"') if local.startswith((b"#", b"\xef\xbb\xbf")) else local
        for line in (quoted, quoted + b"@Example.com"):
            directory = listed(line + b"\n", case_sensitive=case_sensitive)
            self.assertIs(directory.lookup(mailbox), Standing.LISTED, line)
            self.assertEqual(directory.size("example.com"), 1)


class ListingTests(unittest.SynchronousTestCase):
    def test_comments_and_blanks_are_passed_over(self) -> None:
        """Blank lines, comments, a byte order mark, blanks around a name and CRLF line ends are no names."""
        directory = listed(b"\xef\xbb\xbfalice\r\n\r\n# bob\n\t carol \t# a note\n#dave\ne#f\n")
        self.assertEqual(directory.size("example.com"), 3)
        for name in (b"alice", b"carol", b"e#f"):
            self.assertIs(standing(directory, name + b"@example.com"), Standing.LISTED, name)

    def test_lines_that_are_no_recipients_are_told(self) -> None:
        """Each wrong line is told with file, line and reason; the others are read."""
        lines = [b"alice\n", b"a b\n", b"bob@example.org\n", b"@example.com\n", b"\xff\n", b"x" * 65 + b"\n", b"carol"]
        listing, faults = parse_listing(domain(), "list", lines)
        self.assertEqual(listing.names, frozenset({b"alice", b"carol"}))
        self.assertEqual([fault.line for fault in faults], [2, 3, 4, 5, 6])
        self.assertEqual(str(faults[1]), "list:3: the address is not in example.com")
        self.assertIn("a whole domain cannot be listed", str(faults[2]))

    def test_endless_faults_are_counted(self) -> None:
        """A file of nonsense gives some faults and a number."""
        _, faults = parse_listing(domain(), "list", [b"a b\n"] * 1000)
        self.assertEqual(len(faults), FAULTS_SHOWN + 1)
        self.assertEqual(str(faults[-1]), f"list: {1000 - FAULTS_SHOWN} more lines are no recipients")

    @settings(deadline=None, derandomize=True, max_examples=200)
    @given(st.binary(max_size=200))
    def test_any_file_is_read(self, octets: bytes) -> None:
        """Whatever a file holds, it is names and faults, at most one for each line."""
        lines = octets.splitlines(keepends=True)
        listing, faults = parse_listing(domain(), "list", lines)
        self.assertLessEqual(len(listing.names or ()) + len(faults), len(lines))


class LoadingTests(unittest.SynchronousTestCase):
    def test_all_faults_of_all_files_come_together(self) -> None:
        """A missing file does not hide a faulty one, and nothing is taken from either."""
        wrong = Path(self.mktemp())
        wrong.write_bytes(b"a b\n")
        domains = [domain(path="/nowhere/list"), domain("example.org", str(wrong)), domain("example.net")]
        refused = self.assertRaises(ListingFaults, load, domains)
        self.assertEqual(
            [str(fault) for fault in refused.faults],
            ["/nowhere/list: no such file or directory", f"{wrong}:1: the local-part is malformed"],
        )

    def test_a_file_is_loaded(self) -> None:
        """A file on disk becomes the domain's recipients."""
        file = Path(self.mktemp())
        file.write_bytes(b"alice\nalice\nBob\n")
        directory = load([domain(path=str(file))])
        self.assertEqual(directory.size("example.com"), 2)
        self.assertIs(standing(directory, b"bob@example.com"), Standing.LISTED)
