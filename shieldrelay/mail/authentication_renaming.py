"""`Renaming`: arriving Authentication-Results fields that claim to be ours get another name (R24, RFC 8601 §5).

Whoever reads our field behind us must be able to trust it, so nobody else may speak under our authserv-id. The name
that it gets is as long as the old one: not one octet moves, and sizes, line lengths and limits stay what they were.
All else goes on byte for byte. Fed with the blocks of one message's content; how it is cut into blocks changes
nothing. Holds back at most about a KiB, where a field's claim is not decided yet. Cannot fail: what is too odd to be
read is taken for a claim.
"""

from __future__ import annotations

from collections.abc import Collection

from shieldrelay.mail.authentication_claim import claimed

RENAMED = b"Untrusted-Auth-Results"
"""As long as ``Authentication-Results``."""
LOOKED_AT = 1024
"""Octets of a field that are searched for its authserv-id; a longer preamble of comments is nobody's honest work."""

_START = b"\r\n"
"""Stands before the first octet, so that the first field is found like the others."""
_FIELD = b"\r\nauthentication-results"
_HEADER_END = b"\r\n\r\n"


class Renaming:
    """Renames in one message.

    :param ours: the authserv-ids that nobody else may use, in lower case.
    :ivar renamed: how many fields were renamed.
    """

    __slots__ = ("_held", "_in_header", "_ours", "_unsaid", "renamed")

    def __init__(self, ours: Collection[str]) -> None:
        self._ours = ours
        self._in_header = True
        self._held = _START
        self._unsaid = len(_START)
        self.renamed = 0

    def feed(self, block: bytes) -> bytes:
        """Give what may go on after one more block; may be empty, and longer than the block when some was held back."""
        return self._passed(self._held + block, last=False) if self._in_header else block

    def finish(self) -> bytes:
        """Give what is held back still, after the last block; empty for nearly every message that has a body."""
        return self._passed(self._held, last=True) if self._in_header else b""

    def _passed(self, text: bytes, *, last: bool) -> bytes:
        small = text.lower()
        end = small.find(_HEADER_END)
        complete = last or end >= 0
        header = end if end >= 0 else len(text)
        claims, undecided = self._claims(small, header, complete=complete)
        if complete:
            self._in_header = False
            upto = len(text)
        else:
            upto = _begun(small) if undecided is None else undecided
        if upto <= self._unsaid and not complete:
            self._held = text
            return b""
        self._held = text[upto:]
        said, self._unsaid = self._unsaid, 0
        return _renamed(text, claims, said, upto)

    def _claims(self, small: bytes, header: int, *, complete: bool) -> tuple[list[int], int | None]:
        """Give where fields begin that claim to be ours, and where one begins of which it is not clear yet."""
        found: list[int] = []
        at = small.find(_FIELD, 0, header)
        while at >= 0:
            behind = at + len(_FIELD)
            stop = min(header, behind + LOOKED_AT)
            claim = claimed(small[behind:stop], self._ours)
            if claim is None and stop == header and not complete:
                return found, at
            if claim is not False:
                found.append(at)
                self.renamed += 1
            at = small.find(_FIELD, behind, header)
        return found, None


def _begun(small: bytes) -> int:
    """Give where at the end of a text a field, or the end of the header, may have begun; else the text's length."""
    length = len(small)
    for at in range(max(0, length - len(_FIELD) + 1), length):
        tail = small[at:]
        if _FIELD.startswith(tail) or _HEADER_END.startswith(tail):
            return at
    return length


def _renamed(text: bytes, claims: list[int], start: int, upto: int) -> bytes:
    """Give a stretch of a text with the names of some fields replaced."""
    if not claims:
        return text[start:upto]
    changed = bytearray(text)
    for at in claims:
        changed[at + 2 : at + len(_FIELD)] = RENAMED
    return bytes(changed[start:upto])
