"""The Valid Address List of every protected domain, asked once for each recipient.

Immutable: a reload makes a new one and whoever asks gets the new one whole. An answer takes about a microsecond and
cannot fail. Knows no file (`recipients.loading` reads them) and no SMTP.
"""

from __future__ import annotations

from collections.abc import Mapping

from shieldrelay.mail.address import Mailbox
from shieldrelay.recipients.listing import Listing
from shieldrelay.recipients.standing import Standing


class Directory:
    """Who exists.

    :param listings: by every name of every protected domain, as `Mailbox.domain_key` spells it.
    """

    def __init__(self, listings: Mapping[str, Listing]) -> None:
        self._listings = dict(listings)

    def lookup(self, mailbox: Mailbox) -> Standing:
        """Tell how a mailbox stands."""
        listing = self._listings.get(mailbox.domain_key)
        if listing is None:
            return Standing.NOT_OURS
        return Standing.LISTED if listing.has(mailbox) else Standing.UNKNOWN

    def size(self, name: str) -> int | None:
        """Count the listed recipients of a domain; ``None`` when anyone is taken, or the domain is not ours."""
        listing = self._listings.get(name)
        return None if listing is None or listing.names is None else len(listing.names)
