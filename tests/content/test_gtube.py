"""Claims about the shipped plugin and about the search that it stands on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.content.answers import ACCEPT, Refuse
from shieldrelay.content.loading import load, shipped_directory
from shieldrelay.content.search import contains
from shieldrelay.content.stage import Stage
from shieldrelay.content.terms import Configured
from shieldrelay.ports import BLOCK_OCTETS
from shieldrelay.spool.content import FileContent, MemoryContent
from shieldrelay.spool.operations import FileOperations
from shieldrelay.testing.journal import ListJournal
from shieldrelay.testing.threads import HeldThreads, ImmediateThreads
from tests.content.checks import a_message

GTUBE = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
HEADER = b"Subject: test\r\n\r\n"


class CountingOperations(FileOperations):
    """The real disk, counting."""

    def __init__(self) -> None:
        self.opened = self.closed = 0

    def open(self, path: str) -> int:
        self.opened += 1
        return super().open(path)

    def close(self, file: int) -> None:
        self.closed += 1
        super().close(file)


class GtubeTests(SynchronousTestCase):
    def setUp(self) -> None:
        loaded = load([Configured("gtube")], [shipped_directory()])
        self.assertEqual(loaded.faults, ())
        self.installed = loaded.checks[0]
        self.check = self.installed.check

    def file(self, octets: bytes, threads: Any, operations: FileOperations | None = None) -> FileContent:
        """Make a content that is a stretch of a file."""
        path = Path(self.mktemp())
        path.write_bytes(b"another" + octets)
        return FileContent(
            str(path), 7, len(octets), ascii_header=True, threads=threads, operations=operations or FileOperations()
        )

    def test_refuses_the_string(self):
        """A message with the GTUBE is refused with 554 5.7.1, and another is accepted."""
        stage = Stage([self.installed], Clock(), ListJournal())
        refusal: Any = stage.judge(a_message(HEADER, GTUBE + b"\r\n"))
        self.assertEqual((refusal.reply.code, refusal.reply.status), (554, "5.7.1"))
        self.assertIsNone(stage.judge(a_message(HEADER, GTUBE[:-1] + b"\r\n")))

    def test_finds_it_wherever_the_blocks_are_cut(self):
        """The string is found when it straddles two blocks, at every possible cut."""
        octets = HEADER + GTUBE + b"\r\n"
        for cut in range(1, len(octets)):
            self.assertIsInstance(self.check.check(a_message(octets[:cut], octets[cut:])), Refuse, cut)

    def test_finds_it_in_blocks_of_one_octet(self):
        """Nor does it matter that every octet is a block of its own."""
        octets = HEADER + GTUBE
        self.assertIsInstance(self.check.check(a_message(*(octets[at : at + 1] for at in range(len(octets))))), Refuse)

    def test_finds_it_in_a_file(self):
        """In a content on the disk it is found across the seams of what is read at once, and never beyond its end."""
        for before in (0, BLOCK_OCTETS - 30, 3 * BLOCK_OCTETS - 67, 2 * BLOCK_OCTETS):
            content = self.file(b"a" * before + GTUBE + b"\r\n", ImmediateThreads())
            answer: Any = self.check.check(a_message(content=content))
            self.assertIsInstance(self.successResultOf(answer), Refuse, before)
        clean: Any = self.check.check(a_message(content=self.file(b"a" * 200_000, ImmediateThreads())))
        self.assertIs(self.successResultOf(clean), ACCEPT)

    def test_a_cancelled_search_closes_its_file(self):
        """A search that is cut off while a block is being read lets go of the file all the same."""
        threads, operations = HeldThreads(), CountingOperations()
        searching: Any = contains(self.file(b"a" * 200_000, threads, operations=operations), GTUBE)
        searching.cancel()
        self.failureResultOf(searching, CancelledError)
        threads.go_on()
        self.assertEqual((operations.opened, operations.closed), (1, 1))

    def test_takes_no_settings(self):
        """A setting that it does not know is a fault at the start."""
        (fault,) = load([Configured("gtube", settings={"case": "lower"})], [shipped_directory()]).faults
        self.assertIn("gtube has no setting 'case'", fault)

    @settings(deadline=None, derandomize=True, max_examples=200)
    @given(st.lists(st.binary(max_size=6), max_size=12), st.binary(min_size=1, max_size=5))
    def test_contains_is_what_joined_octets_say(self, blocks: list[bytes], sought: bytes):
        """However a content is cut, the answer is that of its octets in one piece."""
        small = [bytes(octet % 3 for octet in block) for block in blocks]
        wanted = bytes(octet % 3 for octet in sought)
        self.assertEqual(contains(MemoryContent(tuple(small)), wanted), wanted in b"".join(small))
