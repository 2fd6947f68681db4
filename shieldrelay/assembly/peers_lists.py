"""`ListReplication`: what operators do with a list on one node is so on all of them (R31).

A change made here is announced as a decision, which carries no more than a digest; whoever hears of it fetches the list
from the node that decided, or from any other that has it, proves it, and puts it in force. A mark beside the list says
which decision it stands for, so that neither a restart nor a hub that forgot brings an older list back. Of two nodes'
pushes at the same moment both hold, unless one replaced the list. A node that finds nobody to fetch from goes on with
what it has, says so, and asks again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Any
from urllib.parse import quote

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from shieldrelay.assembly.lists import RecipientLists
from shieldrelay.assembly.peers_fellows import Asked
from shieldrelay.assembly.peers_marks import Mark, mark_of, put_mark, replica_of
from shieldrelay.cluster.change import Change, ChangeKind, Realm
from shieldrelay.cluster.decisions import Decisions
from shieldrelay.peers.client import PeerRefused, PeerUnreachable
from shieldrelay.peers.router import PIECE_OCTETS, PeerCall, PeerRefusal, PeerRoute
from shieldrelay.ports import Clock, Journal, WallClock
from shieldrelay.recipients import replica as replicas
from shieldrelay.recipients.replica import Replica
from shieldrelay.recipients.settings import ListKind
from shieldrelay.recipients.version import Version
from shieldrelay.wire.threads import ThreadsStopped

RETRY_SECONDS = 5.0
LOOK_SECONDS = 60.0
"""How often everything that is decided is held against what is here: a domain may have come meanwhile."""
_FILE_MOST = 1 << 40


class ListReplication:
    """Announces and follows.

    :param address: where others can fetch from us.
    """

    def __init__(
        self,
        recipients: RecipientLists,
        decisions: Decisions,
        fellows: Asked,
        *,
        address: str,
        clock: Clock,
        wall: WallClock,
        journal: Journal,
    ) -> None:
        self._recipients = recipients
        self._decisions = decisions
        self._fellows = fellows
        self._address = address
        self._clock = clock
        self._wall = wall
        self._journal = journal
        self._wanted: dict[str, Change] = {}
        self._told: dict[str, str] = {}
        self._works: set[Deferred[object]] = set()
        self._call: IDelayedCall | None = None
        self._busy = self._running = self._deciding = False
        decisions.on(Realm.LIST, self._heard)
        recipients.chosen = self._chosen

    def routes(self) -> tuple[PeerRoute, ...]:
        """Give what other nodes may ask."""
        return (
            PeerRoute("GET", "/peer/v1/lists/{domain}", self._give),
            PeerRoute("GET", "/peer/v1/lists/{domain}/file", self._give_file),
        )

    # the life

    def start(self) -> None:
        """Begin to follow; of a node's workers the one that leads does, and the others see what it did."""
        self._running = True
        self._in_background(self._take_up())
        self._later(0.0)

    async def stop(self) -> None:
        """Follow no more; what is under way is begun again after the next start."""
        self._running = False
        if self._call is not None:
            self._call.cancel()
            self._call = None
        for work in list(self._works):
            work.cancel()

    async def announce(self, domain: str, by: str, *, chosen: bool = False) -> None:
        """Tell all nodes that an operator has changed a list here.

        :param chosen: the operator chose its version, whatever the guards or the source say.
        """
        digest, name = await self._recipients.change(self._state, domain, chosen)
        reason = json.dumps({"digest": digest, "from": self._address})
        self._deciding = True  # it is in force here already
        change = self._decisions.decide(ChangeKind.VERSION, domain.encode("ascii"), None, reason, by)
        self._deciding = False
        self._wanted.pop(domain, None)
        self._journal.event("list_announced", domain=domain, digest=digest, by=by)
        await self._recipients.change(self._mark, domain, Mark(change.at, change.id, digest, name))

    def _chosen(self, domain: str) -> None:
        self._in_background(self.announce(domain, "operator", chosen=True))

    async def _take_up(self) -> None:
        """Announce what a crash kept from being announced."""
        for domain in self._recipients.lists.domains():
            if await self._recipients.change(self._is_untold, domain):
                await self.announce(domain, "restart")

    # following

    def _heard(self, change: Change) -> None:
        if self._deciding:
            return
        self._wanted[_domain_of(change)] = change
        if self._running and not self._busy:
            self._later(0.0)

    def _later(self, seconds: float) -> None:
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._call = self._clock.callLater(seconds, self._look)

    def _look(self) -> None:
        self._call = None
        if not self._wanted:
            self._wanted = {_domain_of(change): change for change in self._decisions.of(Realm.LIST)}
        if not self._recipients.leads:
            self._wanted.clear()
        self._busy = True
        self._in_background(self._follow_all()).addCallback(lambda _: self._looked())

    def _looked(self) -> None:
        self._busy = False
        if self._running:
            self._later(RETRY_SECONDS if self._wanted else LOOK_SECONDS)

    async def _follow_all(self) -> None:
        for domain, change in list(self._wanted.items()):
            if domain not in self._recipients.lists.domains():
                done = True  # it may be protected here one day: then all that is decided is looked at again
            else:
                done = await self._follow(domain, change)
            if done and self._wanted.get(domain) is change:
                del self._wanted[domain]
        for domain in await self._recipients.change(self._missing) if self._recipients.leads else ():
            await self._find(domain)

    async def _follow(self, domain: str, change: Change) -> bool:
        """Come to what was decided; false when nobody can be asked for it now."""
        mark, own, chosen = await self._recipients.change(self._standing, domain)
        if mark is not None and mark.age >= change.age:
            if mark.age > change.age:  # the hub forgot: ours is the later word
                await self.announce(domain, "restart")
            return True
        digest, first = _told_in(change.reason)
        if digest == "":
            return True
        faults: list[str] = []
        unknown: bool | None = False
        for address in [] if own == digest else self._fellows.addresses(first):
            try:
                replica, file = await self._fetch(address, domain, digest)
                unknown = await self._take(domain, replica, file, address, change)
            except (PeerUnreachable, PeerRefused, ValueError) as fault:
                faults.append(str(fault))
                continue
            if unknown is None:
                return False
            own, chosen = digest, "" if replica.version is None else replica.version.digest
            break
        if own != digest:
            self._tell_waiting(domain, digest, "; ".join(faults) or "there is no other node that can be asked")
            return False
        self._told.pop(domain, None)
        await self._recipients.change(self._mark, domain, Mark(change.at, change.id, digest, chosen))
        if unknown:  # pushed here at the same moment: it holds too, and the others are to know
            await self.announce(domain, "operator")
        return True

    async def _find(self, domain: str) -> None:
        """Ask for a list that is pushed and that this node never had."""
        for address in self._fellows.addresses():
            try:
                replica, file = await self._fetch(address, domain, "")
                if file is not None and await self._take(domain, replica, file, address, None) is not None:
                    return
            except (PeerUnreachable, PeerRefused, ValueError):
                continue

    async def _take(
        self, domain: str, replica: Replica, file: Path | None, address: str, change: Change | None
    ) -> bool | None:
        """Put a replica in force; true when we have pushes that others do not know.

        :param change: that it follows; ``None``: the list was missing.
        :returns: ``None`` when it is outdated by now.
        :raises ValueError: the file is not what its record says; it is gone.
        """
        unknown: bool | None = await self._recipients.change(self._put_in_force, domain, replica, file, change)
        if unknown is None:
            return None
        self._journal.event(
            "list_replicated",
            domain=domain,
            source=address,
            entries=None if replica.version is None else replica.version.listed,
            pushed=len(replica.pushed),
            digest=replica.digest,
            by="another node" if change is None else change.by,
        )
        return unknown

    async def _fetch(self, address: str, domain: str, digest: str) -> tuple[Replica, Path | None]:
        """Fetch a list, and its entries unless they are here.

        :param digest: that it must have; empty: whatever the node has.
        :raises PeerUnreachable: (PeerRefused, ValueError) it cannot be had there.
        """
        ask = self._fellows.client.ask
        replica = replicas.decode(await ask(address, "GET", f"/peer/v1/lists/{quote(domain, safe='')}"))
        if digest and replica.digest != digest:
            raise ValueError(f"{address}: it has another state of the list")
        if replica.version is None or await self._recipients.change(self._has, domain, replica.version):
            return replica, None
        aside = self._recipients.lists.one(domain).shelf.aside()
        try:
            await self._fetch_file(address, domain, replica.version, aside)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
        return replica, aside

    async def _fetch_file(self, address: str, domain: str, version: Version, aside: Path) -> None:
        """Fetch the entries of a version, piece by piece."""
        target = f"/peer/v1/lists/{quote(domain, safe='')}/file?digest={version.file_digest}&at="
        at = 0
        await self._recipients.change(_begin, aside)
        while at < version.file_octets:
            piece = await self._fellows.client.ask(address, "GET", f"{target}{at}")
            if not piece:
                raise ValueError(f"{address}: its file of the list is torn")
            await self._recipients.change(_append, aside, piece)
            at += len(piece)

    def _tell_waiting(self, domain: str, digest: str, reason: str) -> None:
        if self._told.get(domain) != digest:
            self._told[domain] = digest
            self._journal.event("list_not_replicated", domain=domain, digest=digest, reason=reason)

    # what others ask

    async def _give(self, call: PeerCall) -> bytes:
        domain = self._known(call)
        return bytes(await self._recipients.change(lambda: replicas.encode(self._replica(domain))))

    async def _give_file(self, call: PeerCall) -> bytes:
        domain, at = self._known(call), call.number("at", _FILE_MOST)
        piece = await self._recipients.change(self._piece, domain, call.query.get("digest", ""), at)
        if piece is None:
            raise PeerRefusal(404, "that version of the list is not here any more")
        return bytes(piece)

    def _known(self, call: PeerCall) -> str:
        domain = call.path["domain"]
        if domain not in self._recipients.lists.domains():
            raise PeerRefusal(404, "the domain is not protected here")
        return domain

    # in a thread

    def _replica(self, domain: str) -> Replica:
        self._recipients.lists.refresh(self._wall())
        return replica_of(self._recipients.lists.one(domain))

    def _state(self, domain: str, chosen: bool) -> tuple[str, str]:
        """Give the digest of what is to be told of a list, and the version that an operator chose."""
        one = self._recipients.lists.one(domain)
        mark = mark_of(one)
        before = "" if mark is None else mark.chosen
        name = one.version.digest if chosen and one.version is not None else before
        return replica_of(one, name).digest, name

    def _standing(self, domain: str) -> tuple[Mark | None, str, str]:
        """Give a list's mark, its digest, and that of its version as far as others are to have it."""
        one = self._recipients.lists.one(domain)
        replica = replica_of(one)
        return mark_of(one), replica.digest, "" if replica.version is None else replica.version.digest

    def _is_untold(self, domain: str) -> bool:
        one = self._recipients.lists.one(domain)
        mark = mark_of(one)
        return mark is not None and one.settings.kind is ListKind.PUSH and replica_of(one).digest != mark.digest

    def _missing(self) -> list[str]:
        lists = self._recipients.lists
        there = ((domain, lists.one(domain)) for domain in lists.domains())
        return [domain for domain, one in there if one.settings.kind is ListKind.PUSH and one.version is None]

    def _mark(self, domain: str, mark: Mark) -> None:
        put_mark(self._recipients.lists.one(domain), mark)

    def _has(self, domain: str, version: Version) -> bool:
        here = self._recipients.lists.one(domain).version
        same = here is not None and (here.digest, here.case_sensitive) == (version.digest, version.case_sensitive)
        if not same:
            self._recipients.lists.one(domain).shelf.prepare()
        return same

    def _put_in_force(self, domain: str, replica: Replica, file: Path | None, change: Change | None) -> bool | None:
        one = self._recipients.lists.one(domain)
        mark = mark_of(one)
        outdated = one.version is not None if change is None else mark is not None and mark.age >= change.age
        if outdated:  # an operator was here while it was fetched
            if file is not None:
                file.unlink(missing_ok=True)
            return None
        ours = set(one.overlay.entries) if file is None else set()
        try:
            self._recipients.lists.follow(domain, replica, file, self._wall())
        except (OSError, ValueError):
            if file is not None:
                file.unlink(missing_ok=True)
            raise
        return bool(ours - set(replica.pushed))

    def _piece(self, domain: str, digest: str, at: int) -> bytes | None:
        shelf = self._recipients.lists.one(domain).shelf
        for version in shelf.versions():
            if version.file_digest == digest:
                with shelf.file(version.number).open("rb") as file:
                    file.seek(at)
                    return file.read(PIECE_OCTETS)
        return None

    # the rest

    def _in_background(self, work: Coroutine[Deferred[Any], Any, object]) -> Deferred[object]:
        begun: Deferred[object] = Deferred.fromCoroutine(work)
        self._works.add(begun)

        def ended(result: object) -> object:
            self._works.discard(begun)
            return result

        return begun.addBoth(ended).addErrback(self._bug)

    def _bug(self, failure: Failure) -> None:
        if failure.check(ThreadsStopped, CancelledError):
            return
        where, error = "list replication", repr(failure.value)
        self._journal.event("bug", where=where, error=error, traceback=failure.getTraceback())


def _domain_of(change: Change) -> str:
    return change.subject.decode("ascii", "replace")


def _told_in(reason: str) -> tuple[str, str]:
    """Read the digest and the address out of a decision; empty ones when it says neither."""
    try:
        document = json.loads(reason)
        return str(document["digest"]), str(document["from"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return "", ""


def _begin(file: Path) -> None:
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _append(file: Path, piece: bytes) -> None:
    with file.open("ab") as opened:
        opened.write(piece)
        opened.flush()
        os.fsync(opened.fileno())
