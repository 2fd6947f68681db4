"""Reports of spam and ham by those who read the mail, a token for each domain (R17).

A report names the client's address, or the message by our id; each message is reported once. What one domain can say
of one source is bounded, so that one customer's opinion does not decide for all. Tokens are kept as hashes and compared
in constant time. Pure. Called by the admin API. Cannot fail; a reference that is too old is unknown.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable, Mapping
from enum import Enum

from shieldrelay.cluster.kinds import Field, Kind
from shieldrelay.cluster.table import Table
from shieldrelay.mail.client import Client, client_of
from shieldrelay.shield.reputation import Reputation
from shieldrelay.shield.reputation_kinds import HALF_LIFE

REFERENCES = 50_000
"""Messages whose client is remembered."""
MOST_OF_SOURCE = 4.0
"""Reports of one domain about one source that count at a time; each report fades as all evidence does."""
_REPORTS = Kind("reputation.reports", (Field("reports", HALF_LIFE),), 6 * HALF_LIFE, octets=8 << 20)
"""By domain and source: what the domain has said of the source lately."""


class Opinion(Enum):
    """What a reader thinks of a message."""

    SPAM = "spam"
    HAM = "ham"


class Reception(Enum):
    """What becomes of a report."""

    TAKEN = "taken"
    DENIED = "denied"
    """The token is not the domain's, or the domain has none."""
    UNKNOWN = "unknown"
    """No such message is remembered, or it went to another domain."""
    ALREADY = "already"
    """The message has been reported before."""
    ENOUGH = "enough"
    """The domain has said so much about this source that more changes nothing."""


class References:
    """Which client sent which message, for as long as there is room: the oldest is forgotten first."""

    def __init__(self, most: int = REFERENCES) -> None:
        self._most = most
        self._known: OrderedDict[str, tuple[str, str]] = OrderedDict()
        self._reported: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def note(self, message: str, address: str, domain: str) -> None:
        """Note a message that was taken.

        :param message: our id of it.
        :param address: the client's.
        :param domain: the protected domain that it went to.
        """
        self._known[message] = address, domain
        if len(self._known) > self._most:
            self._known.popitem(last=False)

    def client(self, message: str, domain: str) -> Client | None:
        """Give who sent a message to a domain."""
        address, to = self._known.get(message, ("", ""))
        return client_of(address) if address and to == domain else None

    def first(self, message: str) -> bool:
        """Whether a message is reported for the first time; it is noted."""
        if message in self._reported:
            return False
        self._reported[message] = None
        if len(self._reported) > self._most:
            self._reported.popitem(last=False)
        return True


class Reports:
    """Takes reports.

    :param told: tells the journal of a report that counts: domain, client, opinion.
    :ivar tokens: by domain, the SHA-256 of its token in hexadecimal; a reload replaces it.
    :ivar table: what is shared with other members.
    """

    def __init__(
        self,
        reputation: Reputation,
        references: References,
        told: Callable[[str, Client, Opinion], object],
        tokens: Mapping[str, str] | None = None,
    ) -> None:
        self.tokens: Mapping[str, str] = tokens or {}
        self.table = Table(_REPORTS)
        self._reputation = reputation
        self._references = references
        self._told = told

    def admits(self, domain: str, token: bytes) -> bool:
        """Whether a token is a domain's."""
        wanted = self.tokens.get(domain, "")
        given = hashlib.sha256(token).hexdigest()
        return hmac.compare_digest(wanted.lower() or "-", given)

    def report(
        self, domain: str, token: bytes, subject: str | Client, opinion: Opinion, now: float
    ) -> Reception:
        """Take a report.

        :param subject: the message, by our id, or the client itself.
        """
        if not self.admits(domain, token):
            return Reception.DENIED
        client = subject if isinstance(subject, Client) else self._references.client(subject, domain)
        if client is None:
            return Reception.UNKNOWN
        if isinstance(subject, str) and not self._references.first(subject):
            return Reception.ALREADY
        row = self.table.row(hashlib.sha256(domain.encode() + b"\0" + client.source).digest()[:8], now)
        if row.own[0] + row.others[0] > MOST_OF_SOURCE - 0.5:
            return Reception.ENOUGH
        self.table.add(row, 0, 1.0)
        self._reputation.reported(client, 1.0, now, spam=opinion is Opinion.SPAM)
        self._told(domain, client, opinion)
        return Reception.TAKEN
