"""Whose an Authentication-Results field claims to be: its authserv-id, read as a lenient reader might (RFC 8601 §2.2).

Part of `mail.authentication_renaming`: asked with the beginning of a field, it says "not clear yet" when that ends too
early, and once it has said anything else, more octets change nothing. Cannot fail.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from shieldrelay.mail.address import AddressFault, domain_key

PARENTHESES = 32
"""How many parentheses are read before the authserv-id."""

_BLANKS = re.compile(rb"(?:[ \t]|\r\n[ \t])*")
_WORD = re.compile(rb"[^\x00-\x20;()\"/]*")
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_COMMENTED = re.compile(rb"(?:[^()\\]|\\.)*", re.DOTALL)
_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_FOLD = re.compile(rb"\r\n(?=[ \t])")


class Odd(ValueError):
    """A field that no honest server writes."""


def claimed(behind: bytes, ours: Collection[str]) -> bool | None:
    """Say whether a field speaks under one of our authserv-ids; ``None``: not to be told from so few octets.

    :param behind: what follows the field's name, in lower case.
    :param ours: in lower case.
    """
    at = _BLANKS.match(behind).end()  # type: ignore[union-attr]  # matches anything
    if _ends_in(behind, at):
        return None
    if behind[at : at + 1] != b":":
        return False  # another field, whose name only begins like this one
    try:
        word = _first_word(behind, at + 1)
    except Odd:
        return True
    return None if word is None else _same(word, ours)


def _first_word(text: bytes, at: int) -> bytes | None:
    """Give the first word or quoted string behind blanks and comments; ``None`` when the text ends before it does.

    :raises Odd: nobody honest writes such comments.
    """
    at = _BLANKS.match(text, at).end()  # type: ignore[union-attr]  # matches anything
    depth = 0
    for _ in range(PARENTHESES):
        if _ends_in(text, at):
            return None
        mark = text[at : at + 1]
        if not depth and mark != b"(":
            return _word(text, at)
        depth += 1 if mark == b"(" else -1
        at = (_COMMENTED if depth else _BLANKS).match(text, at + 1).end()  # type: ignore[union-attr]
        if depth and text[at : at + 1] not in (b"(", b")"):
            return None
    raise Odd


def _word(text: bytes, at: int) -> bytes | None:
    """Give the word or quoted string that begins here; ``None`` when the text ends before it does."""
    if text[at : at + 1] == b'"':
        quoted = _QUOTED.match(text, at)
        return None if quoted is None else _PAIR.sub(rb"\1", _FOLD.sub(b"", quoted[1]))
    word = _WORD.match(text, at)
    assert word is not None  # matches anything
    return None if word.end() == len(text) else word[0]


def _ends_in(text: bytes, at: int) -> bool:
    """Whether a text ends in blanks from here on, a line's end that may go on included."""
    return len(text) - at < 3 and text[at:] in (b"", b"\r", b"\r\n")


def _same(word: bytes, ours: Collection[str]) -> bool:
    """Whether a word is one of our names, in any spelling of it."""
    try:
        name = word.decode("ascii") if word.isascii() else domain_key(word)
    except AddressFault:
        return False
    return name.strip().rstrip(".") in ours
