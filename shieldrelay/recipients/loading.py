"""Reads the recipients of all domains from their files, or tells every line that is wrong.

Blocking: before the reactor runs, and in a thread at a reload. When it fails, whoever asked keeps the directory that it
has.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from shieldrelay.config.domain import Domain
from shieldrelay.recipients.directory import Directory
from shieldrelay.recipients.listing import Listing, ListingFault, parse_listing


class ListingFaults(Exception):
    """Lists that cannot be used; ``faults`` has every reason."""

    def __init__(self, faults: Sequence[ListingFault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


def load(domains: Iterable[Domain]) -> Directory:
    """Read the lists of all domains.

    :raises ListingFaults: when a file cannot be read or has lines that are no recipients.
    """
    listings: dict[str, Listing] = {}
    faults: list[ListingFault] = []
    for domain in domains:
        listing, wrong = _load_one(domain)
        faults += wrong
        listings.update(dict.fromkeys(domain.names, listing))
    if faults:
        raise ListingFaults(faults)
    return Directory(listings)


def _load_one(domain: Domain) -> tuple[Listing, list[ListingFault]]:
    file = domain.recipients.path
    if file is None:
        return Listing(None), []
    try:
        with Path(file).open("rb") as lines:
            return parse_listing(domain, file, lines)
    except OSError as error:
        return Listing(frozenset()), [ListingFault(file, None, (error.strerror or "it cannot be read").lower())]
