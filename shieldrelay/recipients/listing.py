"""One domain's recipients, and how they are read from a plain file.

A file has one local-part or one whole address a line, in UTF-8; blank lines and what follows ``#`` after a blank are
ignored. The rules of RFC 5321 hold: a quoted local-part may stand quoted (one that begins with ``#`` must), and the
same name with and without quotes is one name. Knows one domain and no clock. Called by `recipients.loading`; blocking,
some 3 s for a million lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from attrs import frozen

from shieldrelay.config.domain import Domain
from shieldrelay.mail.address import AddressFault, Mailbox, parse_mailbox

FAULTS_SHOWN = 20
"""Faults of one file that are told one by one; the rest is only counted."""

POSTMASTER = b"postmaster"

_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_COMMENT = re.compile(rb"(?:^|[ \t])#.*\Z", re.DOTALL)
_QUOTED_END = re.compile(rb'"(?:[^"\\]|\\.)*"[^ \t]*', re.DOTALL)
_LEADS_ON = re.compile(rb"[%!@]")
"""What the source routing of old puts into a local-part; an ``@`` has to be quoted there."""


@frozen
class ListingFault:
    """A line that is no recipient, or a file that cannot be read.

    :ivar line: counted from 1, ``None`` for the file as a whole.
    """

    file: str
    line: int | None
    wrong: str

    def __str__(self) -> str:
        return f"{self.file}: {self.wrong}" if self.line is None else f"{self.file}:{self.line}: {self.wrong}"


@frozen
class Listing:
    """The recipients of one domain.

    :ivar names: the keys of the local-parts that exist; ``None`` when anyone does, but for local-parts that lead on to
        somewhere else (``victim%other.test``): some server behind might follow them, and be an open relay through us.
    :ivar case_sensitive: which key: ``Mailbox.local_key``, or the local-part unquoted only.
    :ivar postmaster: whether postmaster exists in any case (RFC 5321 §4.5.1), however it is spelled.
    """

    names: frozenset[bytes] | None
    case_sensitive: bool = False
    postmaster: bool = True

    def has(self, mailbox: Mailbox) -> bool:
        """Tell whether a mailbox of this domain exists."""
        if self.names is None:
            return not _LEADS_ON.search(mailbox.local_key)
        key = sensitive_key(mailbox) if self.case_sensitive else mailbox.local_key
        return key in self.names or (self.postmaster and mailbox.local_key == POSTMASTER)


def sensitive_key(mailbox: Mailbox) -> bytes:
    """Give the local-part unquoted, its case as received."""
    local = mailbox.local_part
    return _QUOTED_PAIR.sub(rb"\1", local[1:-1]) if local[:1] == b'"' else local


def parse_listing(domain: Domain, file: str, lines: Iterable[bytes]) -> tuple[Listing, list[ListingFault]]:
    """Read the recipients of one domain.

    :param file: the name to put into faults.
    :param lines: with or without their line ends.
    :returns: what could be read, and a fault for each line that could not.
    """
    names: set[bytes] = set()
    faults: list[ListingFault] = []
    for number, line in enumerate(lines, 1):
        text = _text(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line)
        if not text:
            continue
        try:
            mailbox = _mailbox(domain, text)
        except AddressFault as fault:
            faults.append(ListingFault(file, number, str(fault)))
            continue
        names.add(sensitive_key(mailbox) if domain.case_sensitive else mailbox.local_key)
    return Listing(frozenset(names), domain.case_sensitive, domain.list_postmaster), _clipped(file, faults)


def _text(line: bytes) -> bytes:
    """Take off line end, blanks around and the comment; ``#`` within a word belongs to it (RFC 5322 atext)."""
    text = line.strip()
    if b"#" not in text:
        return text
    if text[:1] == b'"':
        match = _QUOTED_END.match(text)
        end = match.end() if match is not None else 0
        return text[:end] + _COMMENT.sub(b"", text[end:]).rstrip()
    return _COMMENT.sub(b"", text).rstrip()


def _mailbox(domain: Domain, text: bytes) -> Mailbox:
    """Parse a local-part or an address of this domain.

    :raises AddressFault: in words that are ours.
    """
    if b"@" not in text or text[-1:] == b'"':
        return parse_mailbox(text + b"@" + domain.domain.encode("ascii"), utf8=True)
    if text[:1] == b"@":
        raise AddressFault('a whole domain cannot be listed; recipients = "any" takes everyone')
    mailbox = parse_mailbox(text, utf8=True)
    if mailbox.domain_key not in domain.names:
        raise AddressFault(f"the address is not in {domain.domain}")
    return mailbox


def _clipped(file: str, faults: list[ListingFault]) -> list[ListingFault]:
    more = len(faults) - FAULTS_SHOWN
    if more <= 0:
        return faults
    return [*faults[:FAULTS_SHOWN], ListingFault(file, None, f"{more} more lines are no recipients")]
