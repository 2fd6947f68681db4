"""`Handover`: gives the whole spool of this process to other nodes, message by message (D10).

A round goes through all parts of the spool: a queue is stopped, its attempts end, and what is left goes to the nodes
that are up, in turns; then the queue runs again, so that what nobody takes is delivered from here. A message whose
answer did not come is offered to the same node again, as long as that is there, or it would be delivered by two.
Called by `assembly.drain`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import count

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from shieldrelay.assembly.house import House
from shieldrelay.assembly.peers import Peers
from shieldrelay.assembly.peers_mail import give
from shieldrelay.peers.client import PeerRefused, PeerUnreachable
from shieldrelay.spool.entry import Entry
from shieldrelay.spool.name import NOTICES

AT_ONCE = 8
"""Messages on their way to others at the same time."""
BATCH = 500
"""Messages that memory knows at the same time."""
SETTLE_SECONDS = 30.0
"""What attempts under way get to end, before a part is left for the next round."""
_LOOK_SECONDS = 0.05


class Handover:
    """Gives mail away.

    :param wanted: whether to go on.
    :ivar given: messages that others have taken.
    :ivar trouble: why something was not taken in the last round.
    """

    def __init__(self, house: House, peers: Peers, wanted: Callable[[], bool]) -> None:
        self.given = 0
        self.trouble = ""
        self._house = house
        self._peers = peers
        self._wanted = wanted
        self._turns = count()
        self._maybe_there: dict[str, str] = {}

    async def round(self) -> None:
        """Offer everything once."""
        self.trouble = ""
        if not self._peers.fellows.takers():
            self.trouble = "there is no other node that could take it"
            return
        for domain in await self._house.spool.domains():
            if self._wanted():
                await self._give_part(domain)

    async def _give_part(self, domain: str) -> None:
        house = self._house
        way = house.ways.get(domain)
        if way is not None:
            way.queue.stop()
        notices = house.notice_queue.stop() if domain == NOTICES else None
        try:
            if notices is not None:
                await notices
            if way is not None and not await self._settled(lambda: not way.lane.slots.used):
                self.trouble = f"{domain}: attempts to deliver do not end"
                return
            await self._give_all(domain)
        finally:
            if way is not None and house.ways.get(domain) is way:
                way.queue.start()
            if notices is not None:
                house.notice_queue.start()

    async def _settled(self, done: Callable[[], bool]) -> bool:
        until = self._house.reactor.seconds() + SETTLE_SECONDS
        while not done():
            if self._house.reactor.seconds() >= until or not self._wanted():
                return False
            await deferLater(self._house.reactor, _LOOK_SECONDS)
        return True

    async def _give_all(self, domain: str) -> None:
        """Give what waits, and then what is on hold, in batches; ends with the first batch that is not taken whole."""
        spool = self._house.spool
        while self._wanted():
            waiting = (await spool.window(domain, BATCH)).entries[:BATCH]
            if not waiting or await self._give_some(waiting, held=False) < len(waiting):
                break
        held = await spool.held(domain)
        if held:
            await self._give_some(held, held=True)

    async def _give_some(self, entries: Iterable[Entry], *, held: bool) -> int:
        """Give some, several at once; gives how many are gone."""
        left = iter(entries)
        gone = await gatherResults([Deferred.fromCoroutine(self._one_by_one(left, held=held)) for _ in range(AT_ONCE)])
        return sum(gone)

    async def _one_by_one(self, entries: Iterator[Entry], *, held: bool) -> int:
        gone = 0
        for entry in entries:
            if not self._wanted():
                break
            gone += await self._give(entry, held=held)
        return gone

    async def _give(self, entry: Entry, *, held: bool) -> bool:
        """Give one; true when it is not here any more."""
        spool = self._house.spool
        for address in self._takers(entry):
            try:
                record = await spool.load(entry)
                again = self._maybe_there.get(entry.name) == address
                await give(self._peers.client, address, entry, record, held=held, again=again)
            except PeerUnreachable as fault:
                self._maybe_there[entry.name] = address
                self.trouble = str(fault)
                return False
            except PeerRefused as fault:
                self.trouble = str(fault)
                continue
            except OSError as fault:  # gone meanwhile, damaged and set aside, or a disk that fails
                self.trouble = str(fault)
                return False
            await spool.remove((entry,))
            self._maybe_there.pop(entry.name, None)
            self.given += 1
            self._house.journal.event("handed_over", message=entry.id, domain=entry.domain, peer=address)
            return True
        return False

    def _takers(self, entry: Entry) -> list[str]:
        """Name whom to ask: who may have it already, or all in turns."""
        takers = self._peers.fellows.takers()
        before = self._maybe_there.get(entry.name)
        if before in takers:
            return [before]
        first = next(self._turns) % max(1, len(takers))
        return takers[first:] + takers[:first]
