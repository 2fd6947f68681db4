"""What next hops say against the list, for the operator to see. Never probed for, never changes a list.

In memory; bounded for each domain; a restart forgets. Called through `Lists.contradicted` with replies to mail that was
delivered anyway.
"""

from __future__ import annotations

from collections import OrderedDict
from enum import Enum

from attrs import define, evolve, frozen

from shieldrelay.mail.address import Mailbox
from shieldrelay.mail.reply import Reply
from shieldrelay.recipients.standing import Standing

REMEMBERED = 20
"""Recipients remembered for each domain, the latest."""

REPLY_LONGEST = 200
"""Characters of a reply that are kept."""


class Sort(Enum):
    """Which way the next hop disagrees."""

    REFUSED = "refused although listed"
    TAKEN = "taken although not listed"


@frozen
class Contradiction:
    """One recipient.

    :ivar reply: the last one, clipped.
    :ivar first: seconds since the epoch, as ``last``.
    :ivar times: how often since then.
    """

    mailbox: Mailbox
    sort: Sort
    reply: str
    first: float
    last: float
    times: int = 1

    def holds(self, standing: Standing) -> bool:
        """Whether it still contradicts the list, which may have changed."""
        if standing is Standing.NOT_OURS:
            return False
        return standing.exists is (self.sort is Sort.REFUSED)


@define
class _Book:
    """One domain's."""

    entries: OrderedDict[bytes, Contradiction]
    counts: dict[Sort, int]


class Contradictions:
    """All domains'."""

    def __init__(self) -> None:
        self._books: dict[str, _Book] = {}

    def note(self, domain: str, mailbox: Mailbox, standing: Standing, reply: Reply, now: float) -> bool:
        """Note a next hop's reply to a recipient.

        :param domain: the protected domain's name, whichever of its names was written.
        :returns: whether it contradicts the list and is new.
        """
        sort = contradicts(standing, reply)
        if sort is None:
            return False
        book = self._books.setdefault(domain, _Book(OrderedDict(), dict.fromkeys(Sort, 0)))
        book.counts[sort] += 1
        key = mailbox.local_key
        known = book.entries.pop(key, None)
        words = str(reply)[:REPLY_LONGEST]
        if known is not None and known.sort is sort:
            book.entries[key] = evolve(known, reply=words, last=now, times=known.times + 1)
            return False
        book.entries[key] = Contradiction(mailbox, sort, words, now, now)
        if len(book.entries) > REMEMBERED:
            book.entries.popitem(last=False)
        return True

    def of(self, domain: str) -> tuple[Contradiction, ...]:
        """Give a domain's, the latest first."""
        book = self._books.get(domain)
        return () if book is None else tuple(reversed(book.entries.values()))

    def count(self, domain: str, sort: Sort) -> int:
        """Count the replies of a sort since the start, those forgotten included."""
        book = self._books.get(domain)
        return 0 if book is None else book.counts[sort]

    def keep(self, domains: frozenset[str]) -> None:
        """Forget the domains that are not among these."""
        self._books = {domain: book for domain, book in self._books.items() if domain in domains}


def contradicts(standing: Standing, reply: Reply) -> Sort | None:
    """Tell whether a reply to RCPT or to the content contradicts a standing."""
    if standing is Standing.NOT_OURS:
        return None
    if standing.exists:
        return Sort.REFUSED if reply.is_permanent else None
    return Sort.TAKEN if reply.is_positive else None
