"""Taking over what lost members left, from the claim to the last message (R15).

`Adoption.claim` is the fence; `Adoption.bring` brings what was claimed into this member's parts, a batch at a time in a
thread, while everything else goes on. It may be called as often as one likes and goes on where it stopped, after a
crash too. What belongs to a domain that has no heir stays aside and is told. Owned by `maildir.Spool`, driven by
``assembly``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from attrs import define, frozen
from twisted.internet.defer import Deferred, DeferredLock

from shieldrelay.ports import Journal, ThreadRunner, WallClock
from shieldrelay.spool.claim import ADOPTED, claim, former_owner, is_locked, members_in, parts_of, places
from shieldrelay.spool.entry import Entry
from shieldrelay.spool.faults import SpoolUnavailable, unavailable
from shieldrelay.spool.folder import Folder
from shieldrelay.spool.ledger import Ledger
from shieldrelay.spool.legacy import BATCH, Batch, Legacy
from shieldrelay.spool.name import is_part
from shieldrelay.spool.operations import FileOperations
from shieldrelay.spool.part import Part

PROGRESS_SECONDS = 10.0
"""How often a long adoption says how far it is."""


class Heir(Protocol):
    """Who goes on with one domain's mail here: its queue and its ledger."""

    def inherited(self, entries: Sequence[Entry]) -> None:
        """Count messages that wait for delivery here from now on."""

    def look_again(self) -> None:
        """Look into the spool: there may be messages that nobody counted."""

    def bereaved(self, ledger: Ledger) -> Deferred[None]:
        """Add the down-times that the lost member knew of; durable when it fires."""


@frozen
class LostPart:
    """Another directory in the spool's root.

    :ivar locked: whether a process holds it, as far as locks reach.
    """

    member: str
    locked: bool


@define
class Adopted:
    """What came of one claimed directory in one run.

    :ivar aside: domains without an heir, whose mail stays where it is.
    :ivar stuck: files that cannot come over: another message has that name, or nobody knows what they are.
    """

    member: str
    messages: int = 0
    octets: int = 0
    held: int = 0
    damaged: int = 0
    aside: int = 0
    stuck: int = 0

    def count(self, batch: Batch) -> None:
        """Add what a batch brought."""
        self.messages += len(batch.entries)
        self.octets += sum(entry.size for entry in batch.entries)
        self.held += batch.held
        self.damaged += len(batch.damaged)
        self.stuck += len(batch.stuck)


class Adoption:
    """One member's takeovers, one after the other.

    :param root: the spool's; ``own`` this member's directory in it.
    :param part: gives this member's part of a domain.
    :param tidying: held while files of more than one step lie about, so that no sweep takes them for leftovers.
    :param marker: gives a word that nobody had before.
    :ivar batch: messages that are brought over between two syncs.
    """

    def __init__(
        self,
        root: str,
        own: str,
        part: Callable[[str], Part],
        tidying: DeferredLock,
        *,
        marker: Callable[[], str],
        operations: FileOperations,
        threads: ThreadRunner,
        journal: Journal,
        wall_clock: WallClock,
    ) -> None:
        self._root = root
        self._own = own
        self._part = part
        self._tidying = tidying
        self._marker = marker
        self._operations = operations
        self._threads = threads
        self._journal = journal
        self._wall_clock = wall_clock
        self._stopped = False
        self.batch = BATCH

    def others(self) -> Deferred[list[LostPart]]:
        """Give the other members' directories in the spool's root, whether or not they live."""
        return self._threads.run(self._others)

    def names(self) -> Deferred[list[str]]:
        """Give their names only, and touch no lock: one that starts at this moment is not to find it held."""
        return self._threads.run(self._names)

    def claim(self, member: str) -> Deferred[None]:
        """Take a lost member's directory, by one rename; `bring` does the rest.

        Fails with `SpoolInUse` when a process holds it, with `NotAdoptable` when there is none. Whoever calls must know
        that the member is gone: where locks do not reach, nothing here can tell.
        """
        claimed = self._threads.run(claim, self._root, member, self._own, self._marker(), self._operations)
        return claimed.addCallback(lambda _: self._journal.event("adoption_begun", member=member))

    def pending(self) -> Deferred[list[str]]:
        """Give the members of whom something is claimed and not brought over."""
        return self._threads.run(lambda: [former_owner(place) for place in self._places()])

    def stop(self) -> None:
        """Begin no further batch: what is left goes on after the next start."""
        self._stopped = True

    async def bring(self, heir: Callable[[str], Heir | None]) -> list[Adopted]:
        """Bring over what was claimed.

        :param heir: of a domain; ``None`` when it is not protected here.
        :raises SpoolUnavailable: when the disk does not obey; what was brought is brought.
        """
        await self._tidying.acquire()
        try:
            await self._threads.run(self._flatten)
            return [await self._bring(place, heir) for place in await self._threads.run(self._places)]
        finally:
            self._tidying.release()

    async def _bring(self, place: str, heir: Callable[[str], Heir | None]) -> Adopted:
        began = self._wall_clock()
        adopted = Adopted(former_owner(place))
        for domain in await self._threads.run(self._parts_of, place):
            who = heir(domain)
            if who is None:
                adopted.aside += 1
            elif self._goes_on():
                await self._inherit(place, domain, who, adopted, began)
        if self._goes_on():
            closed = await self._threads.run(self._close, place)
            if closed or adopted.messages or adopted.held or adopted.damaged:
                self._tell("adopted", adopted, began)
        return adopted

    async def _inherit(self, place: str, domain: str, heir: Heir, adopted: Adopted, began: float) -> None:
        """Bring one part over: what it knew of down-times first, since its mail may be old."""
        part = self._part(domain)
        await self._mended(part, heir)
        origin = Folder(place, domain, self._operations, self._marker())
        legacy = Legacy(origin, part.folder, self.batch)
        await heir.bereaved(await self._threads.run(legacy.ledger))
        told = began
        left: list[str] | None = None
        while left is None:
            for batch in legacy.batches():
                if not self._goes_on():
                    return
                await self._one(part, batch, heir, adopted)
                if self._wall_clock() - told >= PROGRESS_SECONDS:
                    told = self._wall_clock()
                    self._tell("adopting", adopted, began)
            left = await self._threads.run(_closed, legacy)
        adopted.stuck += len(left)
        heir.look_again()

    async def _mended(self, part: Part, heir: Heir) -> None:
        """End the batch in which the disk failed us before; until then nobody sees what came with it."""
        if part.folder.arriving:
            await self._threads.run(_translated, mend_part, self._own, part.folder, self._operations, self._marker())
            part.folder.arriving = frozenset()
            heir.look_again()

    def _goes_on(self) -> bool:
        return not self._stopped

    async def _one(self, part: Part, batch: Callable[[], Batch], heir: Heir, adopted: Adopted) -> None:
        brought: Batch = await self._threads.run(_translated, batch)
        part.folder.arriving = frozenset()
        part.inherited(brought)
        adopted.count(brought)
        heir.inherited(brought.entries)

    def _tell(self, event: str, adopted: Adopted, began: float) -> None:
        self._journal.event(
            event,
            member=adopted.member,
            messages=adopted.messages,
            octets=adopted.octets,
            held=adopted.held,
            damaged=adopted.damaged,
            aside=adopted.aside,
            stuck=adopted.stuck,
            seconds=round(self._wall_clock() - began, 1),
        )

    # in threads

    def _others(self) -> list[LostPart]:
        return [LostPart(name, is_locked(self._root, name, self._operations)) for name in self._names()]

    def _names(self) -> list[str]:
        return [name for name in members_in(self._root, self._operations) if f"{self._root}/{name}" != self._own]

    def _places(self) -> list[str]:
        try:
            return places(self._own, self._operations)
        except OSError as error:
            raise unavailable(error) from error

    def _parts_of(self, place: str) -> list[str]:
        try:
            return parts_of(place, self._operations)
        except OSError as error:
            raise unavailable(error) from error

    def _flatten(self) -> None:
        """Put what a lost member had claimed itself beside what was its own."""
        try:
            for place in places(self._own, self._operations):
                inner = places(place, self._operations)
                for one in inner:
                    self._mend(one, place)
                    self._operations.rename(one, f"{self._own}/{ADOPTED}/{one.rpartition('/')[2]}")
                if inner:
                    self._operations.fsync_directory(f"{self._own}/{ADOPTED}")
        except OSError as error:
            raise unavailable(error) from error

    def _mend(self, place: str, owner: str) -> None:
        """End the batch in which the lost member's own adoption stopped, before anything of it moves on."""
        known = set(parts_of(owner, self._operations))
        for domain in parts_of(place, self._operations):
            if domain in known:
                goal = Folder(owner, domain, self._operations, self._marker())
                Legacy(Folder(place, domain, self._operations, self._marker()), goal).mend()

    def _close(self, place: str) -> bool:
        """Remove an empty place; false when something is left in it."""
        operations = self._operations
        try:
            names = list(operations.names(place))
            if ADOPTED in names and not places(place, operations):
                operations.remove_directory(f"{place}/{ADOPTED}")
                names.remove(ADOPTED)
            if all(name.startswith("_") and name != ADOPTED and not is_part(name) for name in names):
                for name in names:
                    operations.unlink(f"{place}/{name}")
                operations.remove_directory(place)
                operations.fsync_directory(f"{self._own}/{ADOPTED}")
                return True
        except OSError as error:
            raise unavailable(error) from error
        return False


def mend_part(own: str, folder: Folder, operations: FileOperations, marker: str) -> None:
    """End the batch in which an adoption stopped, as far as it concerns one of our parts. Raises OSError.

    Once, before the queue of that part begins: what lies in two places is ours, and is to be in one.
    """
    for place in places(own, operations):
        Legacy(Folder(place, folder.domain, operations, marker), folder).mend()


def _closed(legacy: Legacy) -> list[str] | None:
    """Remove what is left of a part; gives what must stay, ``None`` when a message came at the last moment."""
    try:
        return legacy.close()
    except OSError as error:
        if not (legacy.is_empty(legacy.origin.new) and legacy.is_empty(legacy.origin.held)):
            return None
        raise unavailable(error) from error


def _translated(call: Callable[..., object], *args: object) -> object:
    try:
        return call(*args)
    except SpoolUnavailable:
        raise
    except OSError as error:
        raise unavailable(error) from error
