"""What an operator may ask of the defences: the control API's `admin.api_sources.Defences`, bound to the house.

Decides nothing: who is let in, kept out or forgiven stands in `cluster.register`, which tells the journal and the other
members. Pictures are `assembly.pictures_sources`.
"""

from __future__ import annotations

import re
from ipaddress import ip_network

from attrs import evolve
from twisted.internet.task import deferLater

from shieldrelay.admin.api_sources import EntryKind, ListKind, Revoked
from shieldrelay.admin.picture_sources import EntryPage, EntryPicture, SourcePicture, WorstPicture
from shieldrelay.assembly import pictures_sources as pictures
from shieldrelay.assembly.house import House
from shieldrelay.assembly.steering_grudges import Grudges
from shieldrelay.cluster.hub import ChangeKind
from shieldrelay.cluster.register import Configured
from shieldrelay.mail.client import client_of

RELEASED_MOST = 10_000
"""Sources that one request releases: each is a change that every member hears of."""
RELEASED_AT_ONCE = 20
"""Sources that are released before the reactor has its turn."""
_CURSOR = re.compile(r"(allow|deny|ban):[0-9a-f]+:[01]\Z")


class SourceSteering:
    """Steers the defences of one node; see `admin.api_sources.Defences` for what each method owes."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._grudges = Grudges(house.shield)

    def wall(self) -> float:
        """Give seconds since the epoch, as the defences have them."""
        shield = self._house.shield
        return shield.defences.calendar.wall(shield.seconds())

    async def explain(self, address: str) -> SourcePicture:
        """Say why an address is treated as it is."""
        return pictures.source(self._house, client_of(address))

    async def worst(self, limit: int) -> tuple[WorstPicture, ...]:
        """Give the sources that weigh most."""
        return tuple(pictures.worst(self._house, source) for source in self._grudges.worst(limit))

    async def release(self, network: str, by: str) -> int:
        """Forget what is held against the sources of a network; the reactor has its turn in between."""
        wanted = ip_network(network)
        held = self._grudges.within(wanted)[:RELEASED_MOST]
        sources = held
        if wanted.prefixlen >= (64 if wanted.version == 6 else 32):  # other members may hold something, too
            sources = [client_of(str(wanted.network_address)).source]
        for place, source in enumerate(sources, 1):
            self._house.shield.register.release(source, by)
            if place % RELEASED_AT_ONCE == 0:
                await deferLater(self._house.reactor, 0, lambda: None)
        return len(held)

    async def enter(self, kind: ListKind, network: str, until: float | None, reason: str, by: str) -> EntryPicture:
        """Allow or deny a network."""
        register = self._house.shield.register
        enter = register.allow if kind is ListKind.ALLOW else register.deny
        change = enter(network, until, reason, by)
        made = EntryPicture(network, kind.value, change.at, until, change.reason, change.by)
        if kind is ListKind.ALLOW:
            return made
        first = client_of(str(ip_network(network).network_address))
        holds = register.standing(first, self.wall())
        if holds is None or holds.kind is not ChangeKind.ALLOW:
            return made
        return evolve(made, overruled=f"{pictures.entry(holds).network} is allowed by {holds.by}, and that holds")

    async def revoke(self, network: str, by: str) -> Revoked:
        """Take back what an operator said of a network."""
        try:
            change = self._house.shield.register.revoke(network, by)
        except Configured:
            return Revoked.CONFIGURED
        return Revoked.ABSENT if change is None else Revoked.DONE

    async def entries(self, kind: EntryKind | None, limit: int, after: str | None) -> EntryPage:
        """Give a page of what is in force."""
        register = self._house.shield.register
        kinds = [ChangeKind(each.value) for each in ([kind] if kind is not None else EntryKind)]
        begin = after if after is not None and _CURSOR.match(after) else ""
        found = register.page(limit + 1, begin, None if kind is None else kinds[0])
        page = found[:limit]
        return EntryPage(
            entries=tuple(pictures.entry(each) for each in page),
            total=sum(map(register.count, kinds)),
            after=page[-1].cursor if len(found) > limit else None,
        )
