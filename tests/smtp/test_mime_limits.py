"""The limits of R25 on the structure of MIME hold for what a client sends, however it is cut."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.smtp.content_fault import ContentFault
from shieldrelay.smtp.inspection import Inspection
from shieldrelay.smtp.limits import ContentRules

HEAD = b"Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
PART = b"\r\n--b\r\nContent-Type: text/plain\r\n\r\ntext"


def nested(levels: int) -> bytes:
    """Build multiparts within multiparts."""
    lines = [b"Content-Type: a/b; boundary=b%d.\r\n\r\n\r\n--b%d.\r\n" % (level, level) for level in range(levels)]
    return b"".join(lines) + b"\r\ntext\r\n"


class MimeLimitTests(SynchronousTestCase):
    def fault(self, content: bytes, cut: int) -> ContentFault | None:
        """Inspect a content in blocks."""
        inspection = Inspection(ContentRules())
        for start in range(0, len(content), cut):
            inspection.pass_on(content[start : start + cut])
        inspection.finish()
        return inspection.fault

    def test_limits_hold(self) -> None:
        """A thousand parts and fifty levels pass; one more is refused, in blocks of any size."""
        for content, expected in (
            (HEAD + PART * 1000 + b"\r\n--b--\r\n", None),
            (HEAD + PART * 1001 + b"\r\n--b--\r\n", ContentFault.MIME_PARTS),
            (nested(50), None),
            (nested(51), ContentFault.MIME_DEPTH),
            (b"Subject: x\r\n\r\n" + PART * 2000 + b"\r\n", None),
        ):
            for cut in (7, 1000, 65536):
                self.assertEqual(self.fault(content, cut), expected, (content[:60], cut))
