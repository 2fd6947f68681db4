"""What an operator may do with a node: the control API's `admin.api.Appliance`, bound to the house.

Each change is told to the journal under the message's or the domain's name. Nothing here decides: hold, release and
delete are the spool's, flush and drill the queue's and the lane's. Pictures are `assembly.pictures`.
"""

from __future__ import annotations

from shieldrelay.admin.picture import MessagePicture, NodePicture, QueuedPicture, QueuePage, ReloadPicture
from shieldrelay.assembly import pictures
from shieldrelay.assembly.house import House
from shieldrelay.assembly.reload import Reload
from shieldrelay.spool.entry import Entry
from shieldrelay.spool.faults import Damaged, Gone
from shieldrelay.spool.listing import Listed
from shieldrelay.spool.name import NOTICES


class Steering:
    """Steers one node; see `admin.api.Appliance` for what each method owes."""

    def __init__(self, house: House, reload: Reload) -> None:
        self._house = house
        self._reload = reload
        self._started = house.wall()
        self._held: dict[str, int] = {}

    def domains(self) -> tuple[str, ...]:
        """Give the protected domains."""
        return tuple(self._house.ways)

    async def status(self) -> NodePicture:
        """Give the node's picture; while the disk hangs, with what was on hold when it was last asked."""
        if not self._house.capacity.hung:
            self._held = {domain: len(await self._house.spool.held(domain)) for domain in self._house.ways}
        held = {domain: self._held.get(domain, 0) for domain in self._house.ways}
        return pictures.node(self._house, self._started, held)

    async def queue(self, domain: str | None, limit: int, after: str | None) -> QueuePage:
        """Give a page; a page of all domains goes through them in order, one after the other."""
        domains = [domain] if domain is not None else sorted(self._house.ways)
        first, _, name = (after or "").rpartition("/")
        listed: list[Listed] = []
        for one in domains:
            if one >= first and len(listed) < limit:
                listed += await self._house.spool.page(one, name if one == first else "", limit - len(listed))
        messages = [await self._listed(one) for one in listed]
        total = sum(self._house.spool.count(one).entries for one in domains)
        last = listed[-1].entry if len(listed) == limit else None
        return QueuePage(tuple(messages), total, None if last is None else f"{last.domain}/{last.name}")

    async def message(self, id: str) -> MessagePicture | None:
        """Give one message."""
        entry = await self._house.spool.find(id)
        if entry is None:
            return None
        try:
            record = await self._house.spool.load(entry)
            header = await pictures.header(record.content)
        except (Gone, Damaged):
            return None
        held = await self._is_held(entry)
        return pictures.message(self._house, entry, record, header, self._state(entry, held))

    async def flush(self, domain: str) -> int:
        """Make all that waits due now."""
        way = self._house.ways[domain]
        way.queue.flush()
        way.lane.probe_now()
        messages = way.queue.window.total
        self._house.journal.event("flushed", domain=domain, messages=messages)
        return messages

    async def drill(self, domain: str, minutes: int) -> float | None:
        """Treat the domain's next hops as down for so long."""
        self._house.ways[domain].lane.drill(60.0 * minutes)
        self._house.journal.event("drill", domain=domain, minutes=minutes)
        return self._house.wall() + 60.0 * minutes if minutes else None

    async def believe(self, domain: str) -> bool:
        """Let the refusals count that the bounce guard holds back; what waits is tried at once."""
        way = self._house.ways[domain]
        guard = way.lane.machines.guard
        if guard is None or not guard.holds_back:
            return False
        change = guard.believe(self._house.reactor.seconds())
        if change is not None:
            self._house.journal.event(
                "bounce_guard",
                domain=domain,
                before=change.before.value,
                state=change.after.value,
                alarm=change.alarming,
                reason=change.reason,
            )
        way.queue.flush()
        return True

    async def hold(self, id: str) -> bool | None:
        """Set a message aside."""
        entry = await self._house.spool.find(id)
        if entry is None or await self._is_held(entry):
            return None if entry is None else True
        if self._is_in_flight(entry):
            return False
        self._forget(entry)
        try:
            await self._house.spool.hold(entry)
        except Gone:  # delivered while we looked
            return None
        self._house.journal.event("held", message=id, domain=entry.domain)
        return True

    async def release(self, id: str) -> bool | None:
        """Let a held message go on."""
        entry = await self._house.spool.find(id)
        if entry is None or not await self._is_held(entry):
            return None if entry is None else True
        try:
            await self._house.spool.release(entry)
        except Gone:
            return None
        self._house.journal.event("released", message=id, domain=entry.domain)
        if entry.domain in self._house.ways:
            self._house.ways[entry.domain].queue.stored(entry.due_at(self._house.wall()))
        elif entry.domain == NOTICES:
            self._house.notice_queue.look()
        return True

    async def delete(self, id: str) -> bool | None:
        """Remove a message without telling its sender."""
        entry = await self._house.spool.find(id)
        if entry is None:
            return None
        if self._is_in_flight(entry):
            return False
        self._forget(entry)
        await self._house.spool.remove((entry,))
        self._house.journal.event("deleted", message=id, domain=entry.domain)
        return True

    async def bounce(self, id: str) -> bool | None:
        """Give a message up now."""
        entry = await self._house.spool.find(id)
        way = None if entry is None else self._house.ways.get(entry.domain)
        if entry is None or way is None:
            return None
        if self._is_in_flight(entry):
            return False
        try:
            if await self._is_held(entry):
                await self._house.spool.release(entry)
            record = await self._house.spool.load(entry)
        except (Gone, Damaged):
            return None
        ending = way.queue.bounce(entry, record)
        if ending is None:
            return False
        await ending
        return True

    async def original(self, id: str) -> bytes | None:
        """Give a message's content."""
        entry = await self._house.spool.find(id)
        if entry is None:
            return None
        try:
            return await pictures.octets((await self._house.spool.load(entry)).content)
        except (Gone, Damaged):
            return None

    async def reload(self) -> ReloadPicture:
        """Read the configuration again."""
        return await self._reload.reload()

    async def _listed(self, one: Listed) -> QueuedPicture:
        """Give a message of a page; one that went meanwhile, or cannot be read, is shown without its envelope."""
        state = self._state(one.entry, one.held)
        try:
            record = await self._house.spool.load(one.entry)
        except (Gone, Damaged):
            return pictures.queued(one.entry, None, state)
        return pictures.queued(one.entry, record, state)

    async def _is_held(self, entry: Entry) -> bool:
        return any(one.name == entry.name for one in await self._house.spool.held(entry.domain))

    def _state(self, entry: Entry, held: bool) -> str:
        if held:
            return "held"
        return "in flight" if self._is_in_flight(entry) else "waiting"

    def _is_in_flight(self, entry: Entry) -> bool:
        way = self._house.ways.get(entry.domain)
        return way is not None and entry.name in way.queue.window.in_flight

    def _forget(self, entry: Entry) -> None:
        way = self._house.ways.get(entry.domain)
        if way is not None:
            way.queue.forget(entry)
