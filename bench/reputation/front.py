"""The front of a node as far as names count: the real history and reputation, asked in the gate's order."""

from __future__ import annotations

from collections import Counter
from enum import Enum

from attrs import define, field

from shieldrelay.mail.client import Client
from shieldrelay.shield.acquaintance import Acquaintance
from shieldrelay.shield.history import History
from shieldrelay.shield.reputation import Reputation
from shieldrelay.shield.reputation_listed import NOTHING_SAID, Said
from shieldrelay.shield.reputation_score import Band
from shieldrelay.shield.reputation_settings import ReputationSettings

DAY = 86400.0
EPOCH = 20_000 * DAY
"""The second of the epoch at which the virtual clock stands at 0."""


class End(Enum):
    """What became of one message at one attempt."""

    __hash__ = object.__hash__

    TAKEN = "taken"
    REFUSED_BEHIND = "refused behind us"
    LATER = "asked to come later"
    NOT_LET_IN = "not let in"


@define
class Listings:
    """DNS lists that know some sources from some time on: what `wire.dnsbl` would have been told.

    :ivar since: by source: when it was listed, and how many lists have it.
    """

    now: float = 0.0
    since: dict[bytes, tuple[float, int]] = field(factory=dict)

    def begin(self, client: Client) -> None:
        """Their answers are there at once."""

    def said(self, client: Client) -> Said:
        """Say it."""
        listed = self.since.get(client.source)
        if listed is None or listed[0] > self.now:
            return NOTHING_SAID
        return Said(listed[1], tuple(f"list {number + 1}" for number in range(listed[1])))


class Front:
    """One node.

    :ivar acts: whether the reputation acts, or still learns.
    """

    def __init__(self) -> None:
        self.listings = Listings()
        self.history = History()
        self.reputation = Reputation(ReputationSettings(), self.listings)
        self.acts = False
        self.bands: Counter[Band] = Counter()

    def session(
        self, client: Client, messages: int, refused: int, unknown: int, now: float, *, spare: bool = False
    ) -> list[End]:
        """Have one session: so many messages, of which the next hop refuses some by policy.

        :param unknown: recipients that do not exist, besides those of the messages.
        :param spare: the client gives up at the first refusal.
        """
        self.listings.now = now
        day, wall = int((now + EPOCH) // DAY), now + EPOCH
        self.acts = self.reputation.learning.over(self.reputation.settings, now, wall)
        acquaintance = self.history.acquaintance(client, day, now)
        standing = self.reputation.standing(client, acquaintance, now)
        self.bands[standing.band] += 1
        if standing.band is Band.REJECT and self.acts:
            return [End.NOT_LET_IN] * messages
        self.reputation.entered(client, acquaintance, now)
        ends = [self._message(client, acquaintance, number < refused, day, now) for number in range(messages)]
        unknown = 0 if End.LATER in ends[:1] else unknown
        self.history.asked(client, messages + unknown, unknown, now)
        self.reputation.unknown(client, unknown, now)
        return ends

    def band(self, client: Client, now: float) -> Band:
        """Give a client's band, for the picture at the end."""
        self.listings.now = now
        acquaintance = self.history.acquaintance(client, int((now + EPOCH) // DAY), now)
        return self.reputation.standing(client, acquaintance, now).band

    def _message(self, client: Client, acquaintance: Acquaintance, bad: bool, day: int, now: float) -> End:
        answer = self.reputation.message(client, acquaintance, now, acts=self.acts)
        if answer.refused is not None and self.acts:
            return End.LATER
        if bad:
            self.reputation.refused(client, 1, now)
            return End.REFUSED_BEHIND
        self.history.delivered(client, 1, day, now)
        self.reputation.taken(client, 1, now, now + EPOCH)
        return End.TAKEN
