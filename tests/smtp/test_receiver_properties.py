"""Claims about every input: chunking is invisible, nothing raises, the stage table is total."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial import unittest

from shieldrelay.mail.violation import ViolationKind
from shieldrelay.smtp.events import ContentReceived, Violation
from shieldrelay.smtp.limits import ContentRules, Limits
from shieldrelay.smtp.receiver_settings import ReceiverSettings
from shieldrelay.smtp.verbs import AFTER, VERBS, Stage, Verb
from shieldrelay.testing.dialogue import Owner

QUICK = settings(deadline=None, derandomize=True, max_examples=400)
SETTINGS = ReceiverSettings(
    b"mx.test",
    limits=Limits(syntax_errors=6, unknown_commands=6, command_line=1024),
    rules=ContentRules(message_size=60, header_block=40, header_fields=3, hops=2),
    offer_dsn=True,
)
WORDS = st.sampled_from([
    b"EHLO c.test\r\n", b"HELO c.test\r\n", b"MAIL FROM:<a@s.test>\r\n", b"MAIL FROM:<> SIZE=50\r\n",
    b"RCPT TO:<b@r.test>\r\n", b"RCPT TO:<b@r.test> NOTIFY=NEVER\r\n", b"DATA\r\n", b"\r\n.\r\n", b".\r\n",
    b"BDAT 5\r\n", b"BDAT 7 LAST\r\n", b"BDAT 0 LAST\r\n", b"BDAT x\r\n", b"abcde", b"RSET\r\n", b"NOOP\r\n",
    b"VRFY a\r\n", b"XYZZY\r\n", b"MAIL\r\n", b"AUTH\r\n", b"Subject: x\r\n", b"Received: x\r\n", b"\r\n", b"\r", b"\n",
    b"..", b".", b"\xff", b"a" * 30, b"b" * 1100, b"GET /\r\n", b"\0", b"\x16\x03", b"MAIL FROM:<\xc3\xa4@s.test>\r\n",
    b"QUIT\r\n",
])  # fmt: skip
INTRODUCED = b"EHLO c.test\r\nMAIL FROM:<a@s.test>\r\nRCPT TO:<b@r.test>\r\n"


def played(segments: list[bytes]) -> tuple[bytes, list[object], bool]:
    """Give all that is said, all that is told but for what is about segments, and whether the session closes."""
    owner = Owner(SETTINGS, tls_available=False)
    said = owner.send(*segments)
    told: list[object] = []
    for event in owner.events:
        if isinstance(event, ContentReceived):
            continue
        if isinstance(event, Violation):
            if event.kind is not ViolationKind.UNAUTHORISED_PIPELINING:
                told.append(event.kind)
        else:
            told.append(event)
    return said, told, owner.receiver.closing


class SegmentationTests(unittest.SynchronousTestCase):
    @QUICK
    @given(st.lists(WORDS, max_size=25), st.booleans(), st.lists(st.integers(0, 2000), max_size=10))
    def test_chunking_is_invisible(self, words: list[bytes], introduced: bool, at: list[int]) -> None:
        """Replies, events and the end are the same for one segment, for some, and for one an octet."""
        stream = INTRODUCED * introduced + b"".join(words)
        whole = played([stream])
        edges = [0, *sorted(each % (len(stream) + 1) for each in at), len(stream)]
        self.assertEqual(played([stream[one:two] for one, two in pairwise(edges)]), whole)
        self.assertEqual(played([stream[at : at + 1] for at in range(len(stream))]), whole)

    @QUICK
    @given(st.lists(st.one_of(st.binary(max_size=40), WORDS), max_size=20))
    def test_no_octets_raise(self, segments: list[bytes]) -> None:
        """Whatever comes is answered with lawful replies, and the session goes on or closes."""
        said, _, _ = played(segments)
        self.assertTrue(said.endswith(b"\r\n"))
        for line in said[:-2].split(b"\r\n"):
            self.assertTrue(line[:3].isdigit() and line[3:4] in b" -", line)
            self.assertTrue(line.isascii(), line)

    @QUICK
    @given(st.sampled_from(sorted(VERBS)), st.binary(max_size=60))
    def test_no_argument_raises(self, verb: bytes, argument: bytes) -> None:
        """Every command takes any octets for an argument, in a transaction and before one."""
        for introduced in (True, False):
            said, _, _ = played([INTRODUCED * introduced + verb + b" " + argument + b"\r\n"])
            self.assertTrue(said.endswith(b"\r\n"))


class TableTests(unittest.SynchronousTestCase):
    def test_receiver_keeps_to_the_table(self) -> None:
        """In every stage exactly the commands that the table has are obeyed; all others are out of order."""
        ways = {
            Stage.FRESH: b"",
            Stage.READY: b"EHLO c.test\r\n",
            Stage.REFUSED: b"EHLO c.test\r\nMAIL FROM:<\r\n",
            Stage.SENDER: b"EHLO c.test\r\nMAIL FROM:<>\r\n",
            Stage.RECIPIENTS: INTRODUCED,
            Stage.CHUNKS: INTRODUCED + b"BDAT 0\r\n",
        }
        arguments = {Verb.MAIL: b" FROM:<>", Verb.RCPT: b" TO:<b@r.test>", Verb.BDAT: b" 0", Verb.VRFY: b" a"}
        arguments |= {Verb.EHLO: b" c.test", Verb.HELO: b" c.test"}
        for stage in Stage:
            for verb in Verb:
                owner = Owner(SETTINGS, tls_available=True)
                owner.send(ways[stage])
                said = owner.send(verb.value + arguments.get(verb, b"") + b"\r\n")
                refused = said[:3] in (b"503", b"554")
                self.assertEqual(refused, (stage, verb) not in AFTER, (stage, verb, said))

    def test_every_stage_can_be_left(self) -> None:
        """From every stage QUIT, RSET and EHLO lead on, so no session is stuck."""
        for stage in Stage:
            for verb in (Verb.QUIT, Verb.RSET, Verb.EHLO, Verb.HELO):
                self.assertIn((stage, verb), AFTER)
