"""Claims about what arrives behind a running node when somebody sends what is not lawful, octet for octet."""

from __future__ import annotations

from bench.examination import chunks, injection, smuggling
from bench.examination.recorder import Delivery
from tests.integration.hostile import HostileTestCase


class SmugglingTests(HostileTestCase):
    SMTP = smuggling.SETTINGS

    def test_content_ends_at_its_end_only(self) -> None:
        """Nothing that any server ever took for the end of data is one, in one segment or octet by octet."""
        self.hold([*smuggling.ends_of_data(self.ground, all_cuts=False)])

    def test_long_lines_stay_content(self) -> None:
        """Lines pass up to the limit as they came and are refused beyond it; commands in them are never obeyed."""
        self.hold([*smuggling.long_lines(self.ground)])

    def test_dots_arrive_as_they_were_sent(self) -> None:
        """Lines of dots arrive unchanged at every phase of the sizes in which content is cut."""
        self.hold([*smuggling.dots(self.ground, (4096, 16384, 65536, 1 << 20))])

    def test_chunks_are_content(self) -> None:
        """Whatever is announced by BDAT is content: it arrives exactly, or it is swallowed; it is never obeyed."""
        self.hold(chunks.examine(self.ground))

    def test_words_stay_where_they_are(self) -> None:
        """No name, address or reply becomes a header field, a command, or a part of a notice."""
        self.hold(injection.examine(self.ground))


class NormalizingTests(HostileTestCase):
    SMTP = smuggling.SETTINGS + 'bare_newlines = "normalize"\n'

    def test_normalizing_makes_no_end(self) -> None:
        """Where bare newlines are made lawful, what would then be an end of data is one message's content."""
        self.hold([*smuggling.normalized(self.ground)])


class RecorderTests(HostileTestCase):
    def test_recorder_sees_what_is_unlawful(self) -> None:
        """The next hop of these tests tells what a lax server could be made to see in the octets it got."""
        for wire in (b"a\n.\nb\r\n.\r\n", b"a\r\n.\rb\r\n.\r\n", b"a\0b\r\n.\r\n", b"a\rb\r\n.\r\n", b".\nb\r\n.\r\n"):
            self.assertFalse(Delivery(wire=wire).is_lawful, wire)
        self.assertTrue(Delivery(wire=b"..\r\na\r\n.. b\r\n.\r\n").is_lawful)
        self.recorder.commands += [
            b"RCPT TO:<a@b>\r\n",
            b"RCPT TO:<a@b> X\r\n",
            b"MAIL FROM:<a\rb@c>\r\n",
            b"XEXEC\r\n",
        ]
        self.assertEqual(len(list(self.recorder.unlawful_commands())), 3)
