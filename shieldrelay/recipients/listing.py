"""One domain's recipients, and how they are read from a plain file.

A file has one local-part or one whole address a line, in UTF-8; blank lines and what follows ``#`` after a blank are
ignored. The rules of RFC 5321 hold: a quoted local-part may stand quoted (one that begins with ``#`` must), and the
same name with and without quotes is one name. Knows one domain and no clock. Called by `recipients.loading`; blocking,
some 3 s for a million lines.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from shieldrelay.config.domain import Domain
from shieldrelay.mail.address import AddressFault, Mailbox
from shieldrelay.recipients.fault import FAULTS_SHOWN, ListingFault, clipped
from shieldrelay.recipients.line import mailbox_of, sensitive_key, text_of
from shieldrelay.recipients.roster import POSTMASTER, leads_on
from shieldrelay.recipients.standing import Standing

__all__ = ["FAULTS_SHOWN", "Listing", "ListingFault", "parse_listing"]



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
            return not leads_on(mailbox.local_key)
        key = sensitive_key(mailbox) if self.case_sensitive else mailbox.local_key
        return key in self.names or (self.postmaster and mailbox.local_key == POSTMASTER)

    def standing(self, mailbox: Mailbox) -> Standing:
        """Tell how a mailbox of this domain stands."""
        return Standing.LISTED if self.has(mailbox) else Standing.UNKNOWN

    @property
    def enforced(self) -> bool:
        """Always: the operator named it."""
        return True

    @property
    def count(self) -> int | None:
        """How many exist; ``None`` for anyone."""
        return None if self.names is None else len(self.names)


def parse_listing(domain: Domain, file: str, lines: Iterable[bytes]) -> tuple[Listing, list[ListingFault]]:
    """Read the recipients of one domain.

    :param file: the name to put into faults.
    :param lines: with or without their line ends.
    :returns: what could be read, and a fault for each line that could not.
    """
    names: set[bytes] = set()
    faults: list[ListingFault] = []
    for number, line in enumerate(lines, 1):
        text = text_of(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line)
        if not text:
            continue
        try:
            mailbox = mailbox_of(text, domain.domain, domain.names)
        except AddressFault as fault:
            faults.append(ListingFault(file, number, str(fault)))
            continue
        names.add(sensitive_key(mailbox) if domain.case_sensitive else mailbox.local_key)
    listing = Listing(frozenset(names), domain.case_sensitive, domain.list_postmaster)
    return listing, list(clipped(file, faults, len(faults)))
