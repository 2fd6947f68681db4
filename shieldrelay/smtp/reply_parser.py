"""Replies of a next hop, from octets (RFC 5321 §4.2).

A next hop is trusted with mail, not with memory: lines, octets and the number of lines of one reply are bounded, and
its words reach nobody before they are printable and clipped. Knows nothing of commands. `smtp.sender` calls it;
whatever is no reply raises `ReplyFault`, after which the connection is of no use and the parser is not fed again.
"""

from __future__ import annotations

import re
from functools import lru_cache

from shieldrelay.mail.reply import EnhancedCode, Reply

LINE_OCTETS = 2048
"""The longest line that is accepted, its end included; RFC 5321 §4.5.3.1.5 allows 512."""
REPLY_LINES = 128
"""The most lines of one reply; the longest lawful one, that of EHLO, has some twenty."""
TEXT_CHARACTERS = 400
"""What is kept of a line's text."""
CACHED_OCTETS = 80
"""A reply of one line up to this length is remembered: a server says the same few sentences all day."""

_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?\Z", re.DOTALL)
_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?: |\Z)", re.ASCII)


class ReplyFault(Exception):
    """What came is no reply of SMTP, or is endless. ``args[0]`` says why, in our words."""


class ReplyParser:
    """Octets in, replies out, whatever the chunking."""

    __slots__ = ("_lines", "_rest")

    def __init__(self) -> None:
        self._rest = b""
        self._lines: list[bytes] = []

    @property
    def is_empty(self) -> bool:
        """Whether nothing is held: every octet that was fed belonged to a complete reply."""
        return not self._rest and not self._lines

    def feed(self, octets: bytes) -> list[Reply]:
        """Take octets, give the replies that they complete, in order.

        :raises ReplyFault: at the first line that is none, *after* which nothing of this call is given: replies that
            stand beside nonsense are not to be trusted.
        """
        lines = (self._rest + octets).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) >= LINE_OCTETS:
            raise ReplyFault("a line of the reply is too long")
        replies = []
        for line in lines:
            if len(line) >= LINE_OCTETS:
                raise ReplyFault("a line of the reply is too long")
            self._lines.append(line)
            if line[3:4] != b"-":
                replies.append(self._complete())
            elif len(self._lines) >= REPLY_LINES:
                raise ReplyFault("the reply has too many lines")
        return replies

    def _complete(self) -> Reply:
        """Build the reply whose last line is here."""
        lines = tuple(self._lines)
        self._lines.clear()
        if len(lines) == 1 and len(lines[0]) <= CACHED_OCTETS:
            return _short_reply(lines)
        return _reply(lines)


def _reply(lines: tuple[bytes, ...]) -> Reply:
    """Build one reply."""
    code = 0
    texts = []
    for line in lines:
        found = _LINE.match(line.removesuffix(b"\r"))
        if found is None:
            raise ReplyFault("what came is not a reply of SMTP")
        if code and code != int(found[1]):
            raise ReplyFault("the lines of the reply have different codes")
        code = int(found[1])
        texts.append(_printable(found[3] or b""))
    enhanced = _enhanced(code, texts[0])
    if enhanced is not None:
        texts = [_without(enhanced, text) for text in texts]
    return Reply(code, enhanced, tuple(texts))


_short_reply = lru_cache(maxsize=64)(_reply)


def _printable(text: bytes) -> str:
    """Make a peer's words harmless: UTF-8, every character that does not print replaced, clipped."""
    words = text.decode("utf-8", "replace")[:TEXT_CHARACTERS]
    if words.isprintable():
        return words
    return "".join(character if character.isprintable() else "?" for character in words)


def _enhanced(code: int, text: str) -> EnhancedCode | None:
    """Find the enhanced code (RFC 2034 §3); one whose class contradicts the code is taken for text."""
    found = _ENHANCED.match(text)
    if found is None or int(found[1]) != code // 100:
        return None
    return int(found[1]), int(found[2]), int(found[3])


def _without(enhanced: EnhancedCode, text: str) -> str:
    """Take the enhanced code off a line that begins with it."""
    found = _ENHANCED.match(text)
    if found is None or tuple(map(int, found.groups())) != enhanced:
        return text
    return text[found.end() :]
