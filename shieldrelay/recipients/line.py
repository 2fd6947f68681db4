"""The line form in which every list comes, whatever its source: one entry a line.

A line is a local-part or a whole address, in UTF-8, and after a TAB a word: ``listed`` (what it is without one),
``former`` or ``trap``. Blank lines and what follows ``#`` after a blank are ignored. The rules of RFC 5321 hold: a
quoted local-part may stand quoted (one that begins with ``#`` must), and the same name with and without quotes is one
name. One ``*`` in an unquoted local-part makes it a pattern: ``sales-*``.

Pure; knows one line at a time. Called by the `builder` for every line of an import, by `listing` for a check.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from attrs import frozen

from shieldrelay.mail.address import AddressFault, Mailbox, parse_mailbox
from shieldrelay.recipients.standing import Standing

PATTERN_MARK = b"\x00"
"""What the key of a pattern begins with; no key of a name has it."""

CODES = {Standing.LISTED: b"1", Standing.FORMER: b"2", Standing.TRAP: b"3"}
"""How a standing is stored. Of two lines for one name the lower code holds: who exists is no trap."""
STANDINGS = {code: standing for standing, code in CODES.items()}
"""The other way round."""

_WORDS = {standing.value.encode("ascii"): standing for standing in CODES}
_COMMENT = re.compile(rb"(?:^|[ \t])#.*\Z", re.DOTALL)
_QUOTED_END = re.compile(rb'"(?:[^"\\]|\\.)*"[^ \t]*', re.DOTALL)
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)


@frozen(slots=True)
class Entry:
    """One lawful line.

    :ivar key: the local-part as it is compared; a pattern begins with `PATTERN_MARK`.
    """

    key: bytes
    standing: Standing


def sensitive_key(mailbox: Mailbox) -> bytes:
    """Give the local-part unquoted, its case as received."""
    local = mailbox.local_part
    return _QUOTED_PAIR.sub(rb"\1", local[1:-1]) if local[:1] == b'"' else local


def text_of(line: bytes) -> bytes:
    """Take off line end, blanks around and the comment; ``#`` within a word belongs to it (RFC 5322 atext)."""
    text = line.strip()
    if b"#" not in text:
        return text
    if text[:1] == b'"':
        match = _QUOTED_END.match(text)
        end = match.end() if match is not None else 0
        return text[:end] + _COMMENT.sub(b"", text[end:]).rstrip()
    return _COMMENT.sub(b"", text).rstrip()


def mailbox_of(text: bytes, domain: str, names: Collection[str]) -> Mailbox:
    """Parse a local-part or an address of this domain.

    :param names: the domain and its aliases, as ``Mailbox.domain_key`` spells them.
    :raises AddressFault: in words that are ours.
    """
    if b"@" not in text or text[-1:] == b'"':
        return parse_mailbox(text + b"@" + domain.encode("ascii"), utf8=True)
    if text[:1] == b"@":
        raise AddressFault('a whole domain cannot be listed; recipients = "any" takes everyone')
    mailbox = parse_mailbox(text, utf8=True)
    if mailbox.domain_key not in names:
        raise AddressFault(f"the address is not in {domain}")
    return mailbox


class LineForm:
    """Reads the lines of one domain.

    :param names: the domain and its aliases, the domain first.
    :param case_sensitive: whether keys keep their case.
    """

    def __init__(self, names: Collection[str], *, case_sensitive: bool) -> None:
        self._names = tuple(names)
        self._case_sensitive = case_sensitive

    def entry(self, line: bytes, otherwise: Standing = Standing.LISTED) -> Entry | None:
        """Read one line; ``None`` when there is nothing on it.

        :param otherwise: how a name without a word stands.
        :raises AddressFault: in words that are ours.
        """
        text = text_of(line)
        if not text:
            return None
        name, tab, word = text.rpartition(b"\t")
        if tab:
            standing = _WORDS.get(word.strip())
            if standing is None:
                raise AddressFault("what follows the TAB is none of: listed, former, trap")
            text, otherwise = name.rstrip(), standing
        return Entry(self.key(text), otherwise)

    def key(self, text: bytes) -> bytes:
        """Give the key of a name or pattern.

        :raises AddressFault: in words that are ours.
        """
        mailbox = mailbox_of(text, self._names[0], self._names)
        key = sensitive_key(mailbox) if self._case_sensitive else mailbox.local_key
        if b"*" not in key or mailbox.local_part[:1] == b'"':
            return key
        if key.count(b"*") > 1:
            raise AddressFault("a pattern may have one *")
        if key == b"*":
            raise AddressFault('a whole domain cannot be listed; recipients = "any" takes everyone')
        return PATTERN_MARK + key
