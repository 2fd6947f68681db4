"""Claims about where content ends, which dots belong to it, and which rules it must keep."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial import unittest

from shieldrelay.ports import BLOCK_OCTETS
from shieldrelay.smtp.command_lines import CommandLines
from shieldrelay.smtp.content import ChunkReader, DataReader
from shieldrelay.smtp.content_fault import ContentFault
from shieldrelay.smtp.inspection import Inspection
from shieldrelay.smtp.limits import BareNewlines, ContentRules

TRICKY = st.lists(st.sampled_from([b"\r", b"\n", b".", b"\r\n", b"\r\n.", b"a", b"\r\n.\r", b"..", b"\0"]), max_size=30)
QUICK = settings(deadline=None, derandomize=True, max_examples=300)
PLAIN = ContentRules()
END = b"\r\n.\r\n"


def read_data(segments: Sequence[bytes]) -> tuple[bytes, bytes, bool]:
    """Give content, what stands behind it, and whether the end was found."""
    inbox, reader, content = CommandLines(100), DataReader(), b""
    for segment in segments:
        inbox.feed(segment)
        inbox.settle()
        while not reader.complete and inbox.unread:
            content += reader.read(inbox)
    return content, inbox.octets[inbox.offset :], reader.complete


def naive(stream: bytes) -> tuple[bytes, bytes, bool]:
    """Do the same line by line, as RFC 5321 §4.5.2 tells it."""
    content, rest = b"", stream
    while True:
        line, crlf, behind = rest.partition(b"\r\n")
        if not crlf:
            return content, b"", False
        if line == b".":
            return content, behind, True
        content += line.removeprefix(b".") + crlf
        rest = behind


def inspected(blocks: Sequence[bytes], rules: ContentRules = PLAIN) -> tuple[bytes, Inspection]:
    """Give what is passed on, and the inspection at its end."""
    inspection = Inspection(rules)
    passed = b"".join(inspection.pass_on(block) for block in blocks if block)
    return passed + inspection.finish(), inspection


def fault_of(content: bytes, rules: ContentRules = PLAIN) -> ContentFault | None:
    """Give the fault of content that comes in one block."""
    return inspected([content], rules)[1].fault


def cut(octets: bytes, at: Sequence[int]) -> list[bytes]:
    """Cut octets at some positions."""
    edges = [0, *sorted(each % (len(octets) + 1) for each in at), len(octets)]
    return [octets[one:two] for one, two in pairwise(edges)]


class DataTests(unittest.SynchronousTestCase):
    @QUICK
    @given(TRICKY, TRICKY, st.lists(st.integers(0, 200), max_size=8))
    def test_reading_equals_the_naive_reference(self, one: list[bytes], two: list[bytes], at: list[int]) -> None:
        """Whatever is sent, however it is cut: content, end and rest are those of a reader line by line."""
        stream = b"".join(one) + END + b"".join(two)
        self.assertEqual(read_data(cut(stream, at)), naive(stream))

    @QUICK
    @given(TRICKY)
    def test_octet_by_octet_equals_the_naive_reference(self, parts: list[bytes]) -> None:
        """Segments of one octet make no difference."""
        stream = b"".join(parts) + END
        content, rest, complete = naive(stream)
        end = len(stream) - len(rest)
        self.assertEqual(
            read_data([stream[at : at + 1] for at in range(end)]),
            (content, b"", complete),
        )

    def test_dots_at_every_phase_of_a_block(self) -> None:
        """A stuffed line at each position around the edge of a block is un-stuffed once."""
        for shift in range(8):
            before = b"a" * (BLOCK_OCTETS - 4 - shift)
            stream = before + b"\r\n..b\r\n...\r\n" + END[2:]
            self.assertEqual(read_data([stream]), (before + b"\r\n.b\r\n..\r\n", b"", True))

    def test_end_at_every_phase_of_a_block(self) -> None:
        """The end is found wherever the edge of a block falls within it."""
        for shift in range(8):
            before = b"a" * (BLOCK_OCTETS - shift)
            self.assertEqual(read_data([before + END + b"QUIT"]), (before + b"\r\n", b"QUIT", True))

    def test_empty_content(self) -> None:
        """A dot at once is the end of nothing."""
        self.assertEqual(read_data([b".", b"\r\nQUIT"]), (b"", b"QUIT", True))

    def test_no_end_is_no_end(self) -> None:
        """Without CRLF.CRLF there is none."""
        for almost in (b".\n", b".\r", b"a.\r\n", b"..\r\n", b"\r\n .\r\n", b"\n.\r\n"):
            self.assertFalse(read_data([almost])[2], almost)


class ChunkTests(unittest.SynchronousTestCase):
    @QUICK
    @given(st.binary(max_size=50), st.integers(0, 50), st.lists(st.integers(0, 60), max_size=5))
    def test_octets_are_counted_exactly(self, octets: bytes, size: int, at: list[int]) -> None:
        """A chunk takes what was announced and nothing more."""
        inbox, reader, taken = CommandLines(100), ChunkReader(size), b""
        for segment in cut(octets, at):
            inbox.feed(segment)
            inbox.settle()
            while not reader.complete and inbox.unread:
                taken += reader.read(inbox)
        self.assertEqual(taken, octets[:size])
        self.assertEqual(reader.complete, len(octets) >= size)
        self.assertEqual(inbox.unread, max(0, len(octets) - size))


class RuleTests(unittest.SynchronousTestCase):
    @QUICK
    @given(TRICKY, st.lists(st.integers(0, 60), max_size=8), st.sampled_from(list(BareNewlines)))
    def test_cutting_changes_no_verdict(self, parts: list[bytes], at: list[int], newlines: BareNewlines) -> None:
        """Fault, size and header are those of the content, not of its blocks; without fault it passes unchanged."""
        content = b"".join(parts)
        rules = evolve(PLAIN, bare_newlines=newlines, message_size=25)
        whole, seen = inspected([content] if content else [], rules)
        pieces, seen_in_pieces = inspected(cut(content, at), rules)
        self.assertEqual((seen.fault, seen.size), (seen_in_pieces.fault, seen_in_pieces.size))
        self.assertEqual(vars_of(seen), vars_of(seen_in_pieces))
        if seen.fault is None:
            self.assertEqual(whole, pieces)
            if newlines is BareNewlines.REFUSE:
                self.assertEqual(whole, content)

    @QUICK
    @given(TRICKY)
    def test_bare_newlines_are_those_that_stand_alone(self, parts: list[bytes]) -> None:
        """A fault is found exactly when a CR or LF is left once every CRLF is taken away."""
        content = b"".join(parts).replace(b"\0", b"")
        left = content.replace(b"\r\n", b"")
        expected = ContentFault.BARE_LF if b"\n" in left else ContentFault.BARE_CR if b"\r" in left else None
        self.assertEqual(fault_of(content), expected)

    @QUICK
    @given(TRICKY, st.lists(st.integers(0, 60), max_size=8))
    def test_normalized_content_has_no_bare_newlines(self, parts: list[bytes], at: list[int]) -> None:
        """Normalizing leaves CRLF only and changes nothing else."""
        content = b"".join(parts).replace(b"\0", b"")
        passed, _ = inspected(cut(content, at), evolve(PLAIN, bare_newlines=BareNewlines.NORMALIZE))
        self.assertIsNone(fault_of(passed))
        self.assertEqual(passed.replace(b"\r\n", b""), content.replace(b"\r", b"").replace(b"\n", b""))

    def test_long_lines_at_every_cut(self) -> None:
        """65 535 octets pass, one more does not, wherever the line lies and however it is cut."""
        for before in (b"", b"x\r\n"):
            for length, fault in ((65535, None), (65536, ContentFault.LINE)):
                content = before + b"a" * length + b"\r\nb"
                for edge in (1, 2, 3, 60000, len(content) - 4, len(content) - 3, len(content) - 2, len(content) - 1):
                    _, seen = inspected([content[:edge], content[edge:]])
                    self.assertEqual(seen.fault, fault, (before, length, edge))

    def test_short_line_limit_holds_within_a_block(self) -> None:
        """A line limit below the size of a block is held for lines inside a block too."""
        rules = evolve(PLAIN, line=998)
        self.assertIsNone(fault_of(b"a\r\n" + b"b" * 998 + b"\r\nc\r\n", rules))
        self.assertEqual(fault_of(b"a\r\n" + b"b" * 999 + b"\r\nc\r\n", rules), ContentFault.LINE)

    def test_size_is_what_is_passed_on(self) -> None:
        """The size limit is inclusive."""
        rules = evolve(PLAIN, message_size=10)
        self.assertIsNone(fault_of(b"12345678\r\n", rules))
        self.assertEqual(fault_of(b"123456789\r\n", rules), ContentFault.SIZE)


class HeaderTests(unittest.SynchronousTestCase):
    def test_header_limits(self) -> None:
        """Block, fields and field each have a limit; what is just within passes."""
        rules = evolve(PLAIN, header_block=1000, header_fields=20, header_field=300)
        cases: list[tuple[bytes, ContentFault | None]] = [
            (b"A: b\r\n" * 20, None),
            (b"A: b\r\n" * 21, ContentFault.HEADER_FIELDS),
            (b"A: b\r\n c\r\n\td\r\n" * 20, None),
            (b"A: " + b"b" * 295 + b"\r\n", None),
            (b"A: " + b"b" * 296 + b"\r\n", ContentFault.HEADER_FIELD),
            ((b"A: " + b"b" * 95 + b"\r\n") * 10, None),
            ((b"A: " + b"b" * 95 + b"\r\n") * 9 + b"A: " + b"b" * 96 + b"\r\n", ContentFault.HEADER_BLOCK),
        ]
        for header, fault in cases:
            content = header + b"\r\nbody\r\n" * 500
            for blocks in ([content], cut(content, range(0, len(content), 7)), cut(content, range(len(content)))):
                self.assertEqual(inspected(blocks, rules)[1].fault, fault, (header[:20], len(blocks)))

    def test_folds_count_for_their_field(self) -> None:
        """A field is as long as with its folds."""
        rules = evolve(PLAIN, header_field=300)
        self.assertEqual(fault_of(b"A: b\r\n" + b" c23456789\r\n" * 30 + b"\r\n", rules), ContentFault.HEADER_FIELD)

    def test_content_without_header_is_no_endless_header(self) -> None:
        """Lines that are no fields end the header, so a large body without an empty line passes."""
        content = b"just text without any field\r\n" * 20000
        for blocks in ([content], cut(content, range(0, len(content), 1460))):
            _, seen = inspected(blocks)
            self.assertIsNone(seen.fault)
        self.assertIsNone(fault_of(b"Subject: x\r\n" + content))

    def test_hops_are_counted_in_the_header(self) -> None:
        """A hundred Received fields of any case are a loop; those quoted in a body are not."""
        hop = b"rEceIved: from a by b\r\n\tfor c\r\n"
        self.assertIsNone(fault_of(hop * 99 + b"\r\n" + hop * 10))
        self.assertEqual(fault_of(hop * 100 + b"\r\n"), ContentFault.HOPS)
        self.assertEqual(inspected([hop * 7 + b"X-Received: a\r\n\r\n"])[1].header.received_count, 7)

    def test_octets_above_127_in_the_header_are_noted(self) -> None:
        """Those of the body are not, with or without an empty line between."""
        for content, is_ascii in (
            (b"Subject: \xc3\xa4\r\n\r\nx\r\n", False),
            (b"Subject: a\r\n\r\n\xc3\xa4\r\n", True),
            (b"Subject: a\r\n\xc3\xa4\xc3\xb6\r\nb\r\n", True),
            (b"\r\n\xc3\xa4\r\n\r\n", True),
            (b"", True),
        ):
            for blocks in ([content], cut(content, range(len(content)))):
                self.assertEqual(inspected(blocks)[1].header.is_ascii, is_ascii, content)

    @QUICK
    @given(
        st.lists(st.sampled_from([b"A: b\r\n", b"Received: x\r\n", b" fold\r\n", b"\r\n", b"text\r\n", b"B:\xff\r\n"]),
                 max_size=30),
        st.lists(st.integers(0, 300), max_size=8),
    )  # fmt: skip
    def test_cutting_changes_nothing_in_the_header(self, parts: list[bytes], at: list[int]) -> None:
        """What is known of a header does not depend on the blocks in which it came."""
        rules = evolve(PLAIN, header_block=100, header_fields=8, header_field=30, hops=5)
        content = b"".join(parts)
        _, whole = inspected([content] if content else [], rules)
        _, pieces = inspected(cut(content, at), rules)
        self.assertEqual((whole.fault, vars_of(whole)), (pieces.fault, vars_of(pieces)))


def vars_of(inspection: Inspection) -> tuple[object, ...]:
    """Give what is known of a header."""
    header = inspection.header
    return header.is_ascii, header.received_count, set(header.faults)
