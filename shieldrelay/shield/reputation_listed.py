"""What lists say of a client: the port by which `shield.reputation` asks, and what it gets. Pure.

DNS lists are asked at the edge (`wire.dnsbl`), which begins when a connection is admitted and is done, or has given up,
by the time a recipient is named; feeds are networks held here (`shield.reputation_networks`).
"""

from __future__ import annotations

from typing import Protocol

from attrs import frozen

from shieldrelay.mail.client import Client
from shieldrelay.shield.reputation_networks import Networks


@frozen
class Said:
    """What lists say together.

    :ivar weight: the sum of the weights of those that have the client; lists of good senders weigh below 0.
    :ivar names: of the lists that speak against it.
    :ivar vouching: of those that speak for it.
    """

    weight: int = 0
    names: tuple[str, ...] = ()
    vouching: tuple[str, ...] = ()

    def joined(self, other: Said) -> Said:
        """Give what both say."""
        return Said(self.weight + other.weight, self.names + other.names, self.vouching + other.vouching)


NOTHING_SAID = Said()


class Blocklists(Protocol):
    """DNS lists, of spammers and of good senders: `wire.dnsbl.Dnsbl`."""

    def begin(self, client: Client) -> None:
        """Ask about a client what is not known yet; never waits, never fails."""

    def said(self, client: Client) -> Said:
        """Give what is known of a client now: what has not been answered says nothing."""


class NoBlocklists:
    """No lists."""

    def begin(self, client: Client) -> None:
        """Ask nobody."""

    def said(self, client: Client) -> Said:
        """Know nothing."""
        return NOTHING_SAID


@frozen(eq=False)
class Feed:
    """One feed of active spammers, as it was read last.

    :ivar weight: as of a DNS list; one that may speak alone weighs what the threshold is.
    """

    name: str
    weight: int
    networks: Networks
