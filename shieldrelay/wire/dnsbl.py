"""`Dnsbl`: DNS lists asked about clients, beside their sessions (`shield.reputation_listed.Blocklists`).

The questions go out when a connection is admitted and have three seconds, so that the answers are there when a sender
or a recipient is named. What is late, fails or had no room to be asked says nothing: an outage refuses nobody. Answers
are kept for their TTL, a minute at least and an hour at most. Each question is under way once, however many ask it.
Lists are tested by `wire.dnsbl_tested`. Made by `assembly`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from ipaddress import ip_address, ip_network

from shieldrelay.mail.client import Client
from shieldrelay.ports import Clock, Journal
from shieldrelay.shield.reputation_listed import NOTHING_SAID, Said
from shieldrelay.wire.dnsbl_names import ListZone, question
from shieldrelay.wire.dnsbl_question import Found, LookUp, ask
from shieldrelay.wire.dnsbl_tested import TestedList

CLIENTS = 20_000
"""Clients whose answers are kept."""
UNDER_WAY = 256
"""Questions at a time."""
A_SECOND = 200.0
"""Questions a second, as many at once as may be under way: each costs about as much as a message, and a flood of
strangers must not buy more."""

_OWN = tuple(
    ip_network(each)
    for each in (
        "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "::1", "fc00::/7",
        "fe80::/10",
    )
)  # fmt: skip
"""Addresses that mean something here only: strangers are not asked about them."""


class _Known:
    """What lists have answered about one client.

    :ivar until: by list, the time to which its answer holds; infinity while the question is under way.
    :ivar listing: the lists that have it.
    """

    __slots__ = ("listing", "said", "until")

    def __init__(self) -> None:
        self.until: dict[TestedList, float] = {}
        self.listing: list[TestedList] = []
        self.said = NOTHING_SAID


class Dnsbl:
    """Asks lists.

    :param client: gives what to ask, one that tries for no longer than the budget.
    :ivar unasked: questions that had no room, since the start.
    """

    def __init__(
        self, clock: Clock, zones: Sequence[ListZone], client: Callable[[], LookUp], journal: Journal
    ) -> None:
        self._clock = clock
        self._client = client
        self._lists = tuple(TestedList(zone, clock, client, journal, self._say_all) for zone in zones)
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._under_way = 0
        self._allowance, self._allowed_at = float(UNDER_WAY), clock.seconds()
        self.unasked = 0

    def start(self) -> None:
        """Begin to test the lists; those that pass are asked from then on."""
        for each in self._lists:
            each.start()

    def stop(self) -> None:
        """Test no more and ask no more."""
        for each in self._lists:
            each.stop()
        self._lists = ()

    def begin(self, client: Client) -> None:
        """Ask what is not known yet."""
        if not self._lists:
            return
        address = client.address
        known = self._known.get(address)
        if known is None:
            if any(ip_address(address) in network for network in _OWN):
                return
            known = self._known[address] = _Known()
            if len(self._known) > CLIENTS:
                self._known.popitem(last=False)
        now = self._clock.seconds()
        for each in self._lists:
            if not each.off and known.until.get(each, 0.0) <= now and (each.zone.ipv6 or not client.ipv6):
                self._ask(each, address, known)

    def said(self, client: Client) -> Said:
        """Give what is known now."""
        known = self._known.get(client.address)
        return NOTHING_SAID if known is None else known.said

    def forget(self, address: str) -> None:
        """Forget what lists said of an address, as an operator wants it."""
        self._known.pop(address, None)

    def states(self) -> tuple[tuple[str, int, str], ...]:
        """Give each list's name, its weight, and why it is not used, if it is not: for pictures."""
        return tuple((each.zone.name, each.zone.weight, each.off) for each in self._lists)

    def _ask(self, of: TestedList, address: str, known: _Known) -> None:
        if self._under_way >= UNDER_WAY or not self._may_ask():
            self.unasked += 1
            return
        self._under_way += 1
        known.until[of] = float("inf")
        ask(self._client, question(address, of.zone.name), self._clock).addCallback(self._answered, of, known)

    def _may_ask(self) -> bool:
        """Take one question from what this second allows, if there is one left."""
        now = self._clock.seconds()
        self._allowance = min(float(UNDER_WAY), self._allowance + A_SECOND * (now - self._allowed_at))
        self._allowed_at = now
        if self._allowance < 1.0:
            return False
        self._allowance -= 1.0
        return True

    def _answered(self, found: Found | None, of: TestedList, known: _Known) -> None:
        self._under_way -= 1
        known.until[of] = self._clock.seconds() + (0.0 if found is None else found.seconds)
        listed = of.heard(found)
        if listed != (of in known.listing):
            (known.listing.append if listed else known.listing.remove)(of)
        self._say(known)

    def _say_all(self) -> None:
        """A list was switched on or off: what it said of everybody counts, or not any more."""
        for known in self._known.values():
            if known.listing:
                self._say(known)

    def _say(self, known: _Known) -> None:
        """Put together what is used of the answers."""
        zones = [each.zone for each in known.listing if not each.off]
        known.said = Said(
            sum(zone.weight for zone in zones),
            tuple(zone.name for zone in zones if zone.weight > 0),
            tuple(zone.name for zone in zones if zone.weight < 0),
        )
