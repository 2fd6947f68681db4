"""Contents in memory and in files give their octets block by block, as often as they are asked."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.ports import BLOCK_OCTETS, Content, ContentReader
from shieldrelay.spool.content import FileContent, MemoryContent, has_ascii_header
from shieldrelay.testing.disk import ForgetfulDisk
from shieldrelay.testing.threads import HeldThreads, ImmediateThreads
from tests.spool.samples import done


def read_all(reader: ContentReader) -> list[bytes]:
    blocks: list[bytes] = []
    while True:
        read = reader.read()
        block = done(read)
        if not block:
            return blocks
        blocks.append(block)


class MemoryContentTests(SynchronousTestCase):
    @settings(deadline=None, derandomize=True, max_examples=50)
    @given(st.lists(st.sampled_from([b"", b"a", b"b" * 70000, b"c" * BLOCK_OCTETS]), max_size=4))
    def test_a_pass_gives_everything_in_blocks(self, blocks):
        """No block is longer than BLOCK_OCTETS or empty, and every pass begins at the beginning."""
        content: Content = MemoryContent(tuple(blocks))
        for _ in range(2):
            read = read_all(content.open())
            self.assertEqual(b"".join(read), b"".join(blocks))
            self.assertTrue(all(0 < len(block) <= BLOCK_OCTETS for block in read))
        self.assertEqual(content.size, len(b"".join(blocks)))

    def test_a_closed_reader_gives_no_more(self):
        """Closing ends the pass, more than once too."""
        reader = MemoryContent((b"a", b"b")).open()
        reader.read()
        reader.close()
        reader.close()
        self.assertEqual(reader.read(), b"")

    def test_only_the_header_counts_for_ascii(self):
        """An octet above 127 before the first empty line needs SMTPUTF8, one after it does not."""
        for octets, expected in (
            (b"S: a\r\n\r\n\xff", True),
            (b"S: \xff\r\n\r\na", False),
            (b"\r\n\xff", True),
            (b"S: \xff", False),
            (b"", True),
        ):
            for cut in range(len(octets) + 1):
                self.assertIs(MemoryContent((octets[:cut], octets[cut:])).ascii_header, expected, octets)
        self.assertIs(MemoryContent((b"S: \xff",), ascii_header=True).ascii_header, True)
        self.assertTrue(has_ascii_header(()))


class FileContentTests(SynchronousTestCase):
    def setUp(self):
        self.disk = ForgetfulDisk()
        self.octets = b"block" + bytes(range(256)) * 1024
        file = self.disk.create("/f")
        self.disk.write(file, (self.octets,))
        self.disk.close(file)

    def content(self, threads=None, size=None):
        size = len(self.octets) - 5 if size is None else size
        threads = threads or ImmediateThreads()
        return FileContent("/f", 5, size, ascii_header=True, threads=threads, operations=self.disk)

    def test_a_pass_gives_the_stretch_in_blocks(self):
        """What stands before the offset is left out, and two passes do not disturb each other."""
        content: Content = self.content()
        first, second = content.open(), content.open()
        begun = done(first.read())
        self.assertEqual(b"".join(read_all(second)), self.octets[5:])
        self.assertEqual(begun + b"".join(read_all(first)), self.octets[5:])
        first.close()
        second.close()
        self.assertEqual(self.disk._handles, {})

    def test_a_file_that_became_shorter_is_an_error(self):
        """A shorter message is never given."""
        reader = self.content(size=len(self.octets)).open()
        self.assertRaises(OSError, read_all, reader)

    def test_a_file_that_is_gone_is_an_error_at_the_first_read(self):
        """Opening a pass does nothing; reading fails."""
        content = self.content()
        self.disk.unlink("/f")
        reader = content.open()
        self.assertRaises(FileNotFoundError, done, reader.read())
        reader.close()

    def test_a_pass_outlives_the_files_name(self):
        """What has begun goes on after the file was removed."""
        reader = self.content().open()
        begun = done(reader.read())
        self.disk.unlink("/f")
        self.assertEqual(begun + b"".join(read_all(reader)), self.octets[5:])

    def test_closing_during_a_read_waits_for_it(self):
        """The descriptor is closed after the read, never under it."""
        threads = HeldThreads()
        reader = self.content(threads).open()
        first = reader.read()
        threads.go()
        done(first)
        second = reader.read()
        reader.close()
        self.assertEqual(len(self.disk._handles), 1)
        threads.go()
        self.assertEqual(len(done(second)), BLOCK_OCTETS)
        self.assertEqual(self.disk._handles, {})
