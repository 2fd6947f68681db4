"""Why content is refused after it was read to its end (R17, R25).

Each fault carries the reply that its sender gets. The order is that of precedence: a message with several faults is
refused for the first one in this list, however it was cut into segments on its way.
"""

from __future__ import annotations

from enum import Enum

from shieldrelay.mail.reply import Reply
from shieldrelay.smtp import replies


class ContentFault(Enum):
    """A rule that the content broke."""

    ENDLESS = replies.ENDLESS_CONTENT
    """No end within twice the size limit: the session ends with the reply."""
    NUL = replies.NUL_IN_CONTENT
    BARE_LF = replies.BARE_LF
    BARE_CR = replies.BARE_CR
    LINE = replies.CONTENT_LINE_TOO_LONG
    HOPS = replies.TOO_MANY_HOPS
    HEADER_BLOCK = replies.HEADER_TOO_BIG
    HEADER_FIELDS = replies.TOO_MANY_HEADER_FIELDS
    HEADER_FIELD = replies.HEADER_FIELD_TOO_BIG
    MIME_DEPTH = replies.TOO_DEEP
    MIME_PARTS = replies.TOO_MANY_PARTS
    SIZE = replies.MESSAGE_TOO_BIG

    @property
    def reply(self) -> Reply:
        """What the sender is told."""
        return self.value
