"""How deep and of how many parts a content is, counted while it streams by (RFC 2046 §5.1, R25).

Protects the filters behind us, which build a tree of it. Delimiters are found at the speed of C; between them nothing
is looked at, and a content that is not multipart costs one look at its header. Where readers of MIME differ, the
reading with more parts counts: every boundary that a header names is one, and a line that only begins with a delimiter
is a delimiter (RFC 2046 §5.1.1). What is encoded is not decoded, so a message within base64 is one part.

Bounded: the stack of boundaries by the depth, the work by the parts, what is kept between blocks by the longest
delimiter or one part's header. Knows no faults and no replies. Called by `smtp.inspection`. Cannot fail; what it
counts does not depend on how the content was cut into blocks.
"""

from __future__ import annotations

import re
from itertools import islice

DEPTH, PARTS = 50, 1000
"""R25."""
PART_HEADER_OCTETS = 65536
"""A part's header that is longer is read as having ended there."""
_BOUNDARY_OCTETS = 256
"""RFC 2046 allows 70; longer ones are read by some, and cut here."""
_VALUE_OCTETS = 4096
_BOUNDARIES = 4
"""As many of one header count."""
_PIECES = 16
"""As many are put together (RFC 2231 §3)."""
_EMPTY_LINE = b"\r\n\r\n"
_CONTENT_TYPE = re.compile(rb"(?:\A|\r\n)content-type[ \t]*:((?:[^\r\n]++|\r\n[ \t])*+)", re.IGNORECASE)
_BOUNDARY = re.compile(
    rb'boundary(\*[0-9]{1,3})?\*?[ \t\r\n]*+=[ \t\r\n]*+(?:"((?:[^"\\]{1,256}+|\\.){0,256}+)"|([^\s;"]{1,256}))',
    re.IGNORECASE | re.DOTALL,
)
_MESSAGE = re.compile(rb"[ \t\r\n]*+message/(?:rfc822|global)\b", re.IGNORECASE)
_PAIR = re.compile(rb"\\(.)", re.DOTALL)


def boundaries(header: bytes) -> tuple[tuple[bytes, ...], bool]:
    """Read what a header says of the structure below it.

    :param header: lines with CRLF, without the empty line.
    :returns: every boundary that is named, and whether the body is a message of its own.
    """
    lower = header.lower()
    if b"boundary" not in lower and b"message/" not in lower:
        return (), False
    found: list[bytes] = []
    message = False
    for field in _CONTENT_TYPE.findall(header):
        value = field[:_VALUE_OCTETS]
        message = message or _MESSAGE.match(value) is not None
        pieces = b""
        for named in islice(_BOUNDARY.finditer(value), _PIECES):
            continued, quoted, token = named.groups(b"")
            text = _PAIR.sub(rb"\1", quoted) if quoted else token
            if continued:
                pieces += text
            else:
                found.append(text)
        found.append(pieces)
    trimmed = (text.rstrip(b" \t")[:_BOUNDARY_OCTETS] for text in found)
    return tuple(dict.fromkeys(filter(None, trimmed)))[:_BOUNDARIES], message


class _Level:
    """One entity that has parts, or that is a message.

    :ivar delimiters: what its parts begin behind; none for a message.
    :ivar next: where in the stream the next of them is; -1 when it is not there as far as was looked.
    :ivar looked: how far.
    """

    __slots__ = ("delimiters", "looked", "next")

    def __init__(self, delimiters: tuple[bytes, ...]) -> None:
        self.delimiters = delimiters
        self.next = -1
        self.looked = 0


class MimeStructure:
    """One content's structure.

    :param header: of the message itself, without its empty line.
    :ivar open: there may be more to count; `feed` while it is true.
    :ivar depth: of the deepest part so far; 0 for a content without any.
    :ivar parts: so far, of all levels.
    :ivar too_deep: the depth is over its limit: nothing further is looked at.
    :ivar too_many: likewise the parts, or the ends of multiparts.
    """

    __slots__ = (
        "_closed", "_depth_most", "_in_header", "_keep", "_levels", "_parts_most", "_position", "_stream", "depth",
        "open", "parts", "too_deep", "too_many",
    )  # fmt: skip

    def __init__(self, header: bytes, *, depth: int = DEPTH, parts: int = PARTS) -> None:
        self._depth_most = depth
        self._parts_most = parts
        self._levels: list[_Level] = []
        self._stream = b""
        self._position = self._keep = self._closed = 0
        self._in_header = False
        self.depth = self.parts = 0
        self.too_deep = self.too_many = False
        self.open = True
        self._enter(header)

    def feed(self, block: bytes) -> None:
        """Look at the next block of the body; the first begins with the CRLF of the header's empty line.

        :param block: lines end with CRLF; cut anywhere.
        """
        gone, self._position = self._position, 0
        self._stream = self._stream[gone:] + block
        for level in self._levels:
            level.looked = max(0, level.looked - gone)
            level.next = -1
        while self.open and self._step():
            pass
        if not self.open:
            self._stream = b""
            self._levels.clear()

    def _step(self) -> bool:
        """Go on to the next delimiter, or to the end of a part's header; false when neither is there yet."""
        whose, at = self._next_delimiter()
        if self._in_header:
            end = self._header_end(at)
            if end >= 0:
                header = self._stream[self._position : end]
                self._position = end + 2
                self._enter(header)
                return True
        if at >= 0:
            return self._delimited(whose, at)
        if not self._in_header:
            self._position = max(self._position, len(self._stream) - self._keep)
        return False

    def _header_end(self, delimiter: int) -> int:
        """Find the end of the header that is being read, if it comes before the next delimiter; -1 when it does not."""
        longest = self._position + PART_HEADER_OCTETS
        end = self._stream.find(_EMPTY_LINE, self._position, longest + len(_EMPTY_LINE))
        if end < 0 and len(self._stream) >= longest + max(self._keep, len(_EMPTY_LINE)):
            end = longest
        return end if delimiter < 0 or end < delimiter else -1

    def _next_delimiter(self) -> tuple[int, int]:
        """Find the next delimiter of any level, of two at one place the inner one's: whose it is, and where."""
        whose, best = 0, -1
        for index, level in enumerate(self._levels):
            if level.delimiters and level.next < self._position:
                self._look(level)
            if level.next >= 0 and (best < 0 or level.next <= best):
                whose, best = index, level.next
        return whose, best

    def _look(self, level: _Level) -> None:
        """Find a level's next delimiter, looking at each octet once."""
        start = max(self._position, level.looked)
        places = [at for each in level.delimiters if (at := self._stream.find(each, start)) >= 0]
        level.next = min(places, default=-1)
        if not places:
            level.looked = max(start, len(self._stream) - self._keep)

    def _delimited(self, whose: int, at: int) -> bool:
        """Begin a part, or end a multipart; false when it is not known yet which."""
        stream = self._stream
        width = max(len(each) for each in self._levels[whose].delimiters if stream.startswith(each, at))
        behind = at + width
        if len(stream) < behind + 2:
            return False
        del self._levels[whose + 1 :]
        self._position = behind
        self._in_header = not stream.startswith(b"--", behind)
        if self._in_header:
            self.parts += 1
            self._deepen()
        else:
            self._closed += 1
        self.too_many = max(self.parts, self._closed) > self._parts_most
        self.open = not (self.too_many or self.too_deep)
        return True

    def _enter(self, header: bytes) -> None:
        """Go into an entity behind its header, if there is anything in it."""
        named, message = boundaries(header)
        self._in_header = message
        if named or message:
            delimiters = tuple(b"\r\n--" + each for each in named)
            self._levels.append(_Level(delimiters))
            self._keep = max(self._keep, *(len(each) + 2 for each in delimiters), 0)
            if message:
                self._deepen()
        waiting = self._in_header or any(level.delimiters for level in self._levels)
        self.open = waiting and not self.too_deep

    def _deepen(self) -> None:
        self.depth = max(self.depth, len(self._levels))
        self.too_deep = self.depth > self._depth_most
