"""Claims about the order in which a running node stores and promises."""

from __future__ import annotations

from pathlib import Path

from twisted.trial import unittest

from bench.examination import ordering
from bench.examination.fact import broken
from tests.capabilities import possible

_TRACE = """\
7 1.0 openat(AT_FDCWD, "/s/tmp/n1", O_WRONLY|O_CREAT) = 9</s/tmp/n1>
7 1.1 write(9</s/tmp/n1>, "Subject: token-1-end", 20) = 20
7 1.2 fsync(9</s/tmp/n1> <unfinished ...>
8 1.3 write(5</log>, "something else", 14) = 14
7 1.4 <... fsync resumed>) = 0
7 1.5 link("/s/tmp/n1", "/s/new/n1") = 0
7 1.6 fsync(8</s/new>) = 0
8 1.7 sendto(4<socket:[1]>, "250 2.0.0 Message accepted, reference R1\\r\\n", 42, 0, NULL, 0) = 42
"""


class OrderTests(unittest.SynchronousTestCase):
    def judged(self, text: str) -> list[str]:
        """Judge a trace of one message; give what is broken."""
        trace = Path(self.mktemp())
        trace.write_text(text)
        return broken(list(ordering.judge(ordering.calls(trace), [(b"token-1-end", b"R1")])))

    def test_judge_sees_what_is_missing(self) -> None:
        """The judge of these traces is content with a whole one, and names what is missing or too late in others."""
        self.assertEqual(self.judged(_TRACE), [])
        lines = _TRACE.splitlines(keepends=True)
        for without in (1, 2, 5, 6, 7):
            self.assertIn("missing", "".join(self.judged("".join(lines[:without] + lines[without + 1 :]))))
        early = [*lines[:6], lines[7].replace("1.7", "1.55"), lines[6]]
        self.assertEqual(len(self.judged("".join(early))), 1)

    @possible("root", "fault injection")
    def test_promises_only_what_is_durable(self) -> None:
        """Each message is written, fsynced, linked into new/, and its directory fsynced before the client hears 250."""
        facts = list(ordering.examine(count=10))
        self.assertEqual((len(facts), broken(facts)), (10, []))
