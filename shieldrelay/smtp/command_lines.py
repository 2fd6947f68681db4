"""What the client sent and nobody has read yet, and how command lines are taken from it.

Lines end with LF; whether a CR stands before it is judged by `smtp.receiver`. A line that is too long is swallowed to
its end in bounded memory. What is read is stepped over with an offset, so thousands of commands in one segment cost
linear time. Content readers take from the same octets through `octets` and `offset`. Cannot fail, and what it gives
does not depend on how the octets were cut into segments.
"""

from __future__ import annotations

from enum import Enum

from shieldrelay.smtp.events import EVIDENCE_OCTETS

TLS_HANDSHAKE = 0x16
"""The first octet of a TLS record that begins a handshake (RFC 8446 §5.1)."""


class LineFault(Enum):
    """Instead of a line; what the client said is in `CommandLines.evidence`."""

    INCOMPLETE = "the line has not ended yet"
    TOO_LONG = "the line was too long, and has ended now"
    NUL = "the line holds a NUL"
    TLS = "this is TLS"


class CommandLines:
    """The inbox of one session.

    :param longest: octets of the longest line, its end included.
    :ivar octets: what was fed and is not dropped yet; read from ``offset`` on. Call `settle` before looking at it.
    :ivar evidence: the beginning of the last line that was at fault.
    """

    __slots__ = ("_fed", "_longest", "_overlong", "evidence", "octets", "offset")

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._overlong = False
        self._fed: list[bytes] = []
        self.octets = b""
        self.offset = 0
        self.evidence = b""

    def feed(self, octets: bytes) -> None:
        """Add what came."""
        self._fed.append(octets)

    def settle(self) -> None:
        """Make `octets` hold all that was fed."""
        if self._fed:
            rest = self.octets[self.offset :]
            self.octets = self._fed[0] if not rest and len(self._fed) == 1 else b"".join((rest, *self._fed))
            self.offset = 0
            self._fed.clear()

    @property
    def unread(self) -> int:
        """Octets that wait to be read."""
        return len(self.octets) - self.offset + sum(map(len, self._fed))

    def drop(self) -> None:
        """Forget everything unread."""
        self.octets = b""
        self.offset = 0
        self._overlong = False
        self._fed.clear()

    def take(self) -> bytes | LineFault:
        """Take the next line, its LF included."""
        if self._fed:
            self.settle()
        start = self.offset
        if start == len(self.octets):
            return LineFault.INCOMPLETE
        end = self.octets.find(b"\n", start) + 1
        if not end:
            return self._incomplete(start)
        self.offset = end
        if self._overlong:
            self._overlong = False
            return LineFault.TOO_LONG
        line = self.octets[start:end]
        if end - start > self._longest or b"\0" in line or line[0] == TLS_HANDSHAKE:
            return self._fault(start) or LineFault.TOO_LONG
        return line

    def _incomplete(self, start: int) -> LineFault:
        """Keep what there is of a line, or, when it is too long by now, only that it was."""
        if not self._overlong:
            fault = self._fault(start)
            if fault is not None:
                return fault
        if self._overlong or len(self.octets) - start > self._longest:
            self._overlong = True
            self.octets = b""
            self.offset = 0
        return LineFault.INCOMPLETE

    def _fault(self, start: int) -> LineFault | None:
        """Tell what makes the line that begins here hopeless, and keep its beginning."""
        self.evidence = self.octets[start : start + EVIDENCE_OCTETS]
        if self.octets[start] == TLS_HANDSHAKE:
            return LineFault.TLS
        if self.octets.find(b"\0", start, start + self._longest) >= 0:
            return LineFault.NUL
        return None
