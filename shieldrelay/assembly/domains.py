"""`PushedDomains`: domains that operators give at run time, in force here and on all nodes of the cluster (R31).

A push is read as if it stood in the configuration, whole or not at all, written, put in force by a reload, and then
announced as a decision that carries a digest; the others fetch it from whoever has it and do the same. A node whose
own files protect the domain keeps the push and goes by its files. A node that cannot put it in force (a file that it
names is not there) says so, goes on with what it has, and tries again. Of a node's workers the leader does this, and
the others read the configuration again when the files have changed. Made by `assembly.service`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from shieldrelay.admin.api_domains import PushRefused
from shieldrelay.admin.picture_members import PushedPicture
from shieldrelay.assembly.domain_store import DomainStore, PushedDomain
from shieldrelay.assembly.house import House
from shieldrelay.assembly.peers import address_of
from shieldrelay.assembly.reload import Reload
from shieldrelay.cluster.change import Change, ChangeKind, Realm
from shieldrelay.config.faults import ConfigurationFaults
from shieldrelay.config.pushed import Beside, domain_of
from shieldrelay.config.schema import Configuration
from shieldrelay.config.workers import read_again
from shieldrelay.peers.client import PeerRefused, PeerUnreachable
from shieldrelay.peers.router import PeerCall, PeerRefusal, PeerRoute
from shieldrelay.wire.threads import ThreadsStopped

RETRY_SECONDS = 5.0
LOOK_SECONDS = 60.0
FILES_SECONDS = 2.0
"""How often a worker that does not lead looks whether the files have changed."""


class PushedDomains:
    """Pushes and follows."""

    def __init__(self, house: House, reload: Reload) -> None:
        self._house = house
        self._reload = reload
        self._store = DomainStore(house.configuration.node.state)
        self._decisions = house.shield.decisions
        self._wanted: dict[str, Change] = {}
        self._told: dict[str, str] = {}
        self._stamp: object = None
        self._call: IDelayedCall | None = None
        self._work: Deferred[None] | None = None
        self._running = self._deciding = False
        self._decisions.on(Realm.DOMAIN, self._heard)

    def routes(self) -> tuple[PeerRoute, ...]:
        """Give what other nodes may ask."""
        return (PeerRoute("GET", "/peer/v1/domains/{domain}", self._give),)

    # what operators do

    async def push(self, text: str, by: str) -> str:
        """Protect a domain from now on, or change it; gives its name.

        :raises PushRefused: nothing has changed.
        """
        try:
            domain = domain_of(text)
        except ValueError as fault:
            raise PushRefused(str(fault)) from None
        self._not_configured(domain)
        await self._decide(PushedDomain(domain, text, self._house.wall(), "", by))
        return domain

    async def remove(self, domain: str, by: str) -> bool:
        """Protect a domain no more that was pushed; false when none was.

        :raises PushRefused: nothing has changed.
        """
        known = await self._run(self._store.get, domain)
        if known is None or known.text is None:
            return False
        await self._decide(PushedDomain(domain, None, self._house.wall(), "", by))
        return True

    async def pushed(self) -> Sequence[PushedPicture]:
        """Show those that were pushed."""
        hidden = self._house.configuration.hidden
        known = await self._run(self._store.all)
        return [
            PushedPicture(one.domain, one.at, one.by, "hidden" if one.domain in hidden else "in force", one.text)
            for _, one in sorted(known.items())
            if one.text is not None
        ]

    def _not_configured(self, domain: str) -> None:
        configuration = self._house.configuration
        for each in configuration.domains:
            if each.domain not in configuration.pushed and domain in each.names:
                raise PushRefused(f"{domain} stands in a file of the configuration: change it there, and reload.")

    async def _decide(self, decided: PushedDomain) -> None:
        await self._try([decided])
        if decided.text is not None and decided.domain not in await self._would_be_in_force(decided):
            raise PushRefused(f"a name of {decided.domain} is protected already.")
        done = await self._reload.write(lambda: self._store.write([decided]))
        if done.errors:
            raise PushRefused(*done.errors)
        await self._announce(decided)

    async def _would_be_in_force(self, decided: PushedDomain) -> Sequence[str]:
        beside = Beside({decided.domain: decided.text})
        configuration: Configuration = await self._run(read_again, self._house.configuration, beside)
        return configuration.pushed

    async def _try(self, decided: Sequence[PushedDomain]) -> None:
        """Read the configuration as it would be; nothing is written.

        :raises PushRefused: it would not be valid.
        """
        beside = Beside({one.domain: one.text for one in decided})
        try:
            await self._run(read_again, self._house.configuration, beside)
        except ConfigurationFaults as faults:
            raise PushRefused(*map(str, faults.faults)) from None

    async def _announce(self, decided: PushedDomain) -> None:
        """Tell all nodes of what is in force here, and note under which name they know it."""
        house = self._house
        reason = json.dumps({"digest": decided.digest, "from": address_of(house.configuration)})
        self._deciding = True
        change = self._decisions.decide(
            ChangeKind.DOMAIN, decided.domain.encode("ascii"), None, reason, decided.by or "operator"
        )
        self._deciding = False
        self._wanted.pop(decided.domain, None)
        told = PushedDomain(decided.domain, decided.text, change.at, change.id, decided.by)
        await self._run(self._store.write, [told])
        self._stamp = await self._run(self._store.stamp)
        state = "removed" if decided.text is None else "pushed"
        house.journal.event("domain_pushed", domain=decided.domain, state=state, by=decided.by, source="")

    # the life

    def start(self) -> None:
        """Begin to follow."""
        self._running = True
        self._later(0.0)

    async def stop(self) -> None:
        """Follow no more."""
        self._running = False
        if self._call is not None:
            self._call.cancel()
            self._call = None
        if self._work is not None:
            self._work.cancel()

    def _heard(self, change: Change) -> None:
        if self._deciding:
            return
        self._wanted[_domain_of(change)] = change
        if self._running and self._work is None:
            self._later(0.0)

    def _later(self, seconds: float) -> None:
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._call = self._house.reactor.callLater(seconds, self._look)

    def _look(self) -> None:
        self._call = None
        leads = self._house.recipients.leads
        work = self._work = Deferred.fromCoroutine(self._follow_all() if leads else self._look_at_files())

        def over(_result: object) -> None:
            self._work = None
            if self._running:
                wait = (RETRY_SECONDS if self._wanted else LOOK_SECONDS) if leads else FILES_SECONDS
                self._later(wait)

        work.addErrback(self._bug).addCallback(over)

    async def _look_at_files(self) -> None:
        stamp = await self._run(self._store.stamp)
        if self._stamp is not None and stamp != self._stamp:
            await self._reload.hang_up()
        self._stamp = stamp

    # following

    async def _follow_all(self) -> None:
        if not self._wanted:
            self._wanted = {_domain_of(change): change for change in self._decisions.of(Realm.DOMAIN)}
        known = await self._run(self._store.all)
        for one in known.values():
            if not one.id:  # of before a crash, or put there by hand
                await self._announce(one)
        fetched: list[PushedDomain] = []
        for domain, change in list(self._wanted.items()):
            here = known.get(domain)
            if here is not None and here.age >= change.age:
                if here.age > change.age and here.id:
                    await self._announce(here)  # the hub forgot: ours is the later word
                self._done(domain, change)
            else:
                one = await self._fetch(domain, change)
                fetched += [] if one is None else [one]
        await self._put_in_force(fetched)

    def _done(self, domain: str, change: Change) -> None:
        if self._wanted.get(domain) is change:
            del self._wanted[domain]
        self._told.pop(domain, None)

    async def _fetch(self, domain: str, change: Change) -> PushedDomain | None:
        """Fetch what was decided from whoever has it."""
        try:
            document = json.loads(change.reason)
            digest, first = str(document["digest"]), str(document["from"])
        except (ValueError, KeyError, TypeError, RecursionError):
            self._done(domain, change)
            return None
        if not digest:
            return PushedDomain(domain, None, change.at, change.id, change.by)
        peers = self._house.peers
        if peers is None:
            self._tell_waiting(domain, change, "this node has no [cluster] key and listen, and can ask nobody")
            return None
        target, faults = f"/peer/v1/domains/{quote(domain, safe='')}", []
        for address in peers.fellows.addresses(first):
            try:
                told = await peers.client.document(address, "GET", target)
            except (PeerUnreachable, PeerRefused) as fault:
                faults.append(str(fault))
                continue
            one = PushedDomain(domain, str(told.get("text")), change.at, change.id, change.by)
            if one.digest == digest:
                return one
            faults.append(f"{address}: it has other settings")
        self._tell_waiting(domain, change, "; ".join(faults) or "there is no other node that can be asked")
        return None

    async def _put_in_force(self, fetched: Sequence[PushedDomain]) -> None:
        """Put all in force together, or each by itself when one of them cannot be."""
        if not fetched:
            return
        try:
            await self._try(fetched)
            done = await self._reload.write(lambda: self._store.write_later(fetched))
            if done.errors:
                raise PushRefused(*done.errors)
        except PushRefused as fault:
            if len(fetched) > 1:
                for one in fetched:
                    await self._put_in_force([one])
                return
            change = self._wanted.get(fetched[0].domain)
            if change is not None:
                self._tell_waiting(fetched[0].domain, change, "; ".join(fault.args))
            return
        self._stamp = await self._run(self._store.stamp)
        for one in fetched:
            state = "removed" if one.text is None else "pushed"
            self._house.journal.event("domain_pushed", domain=one.domain, state=state, by=one.by, source="another node")
            change = self._wanted.get(one.domain)
            if change is not None and change.age == one.age:
                self._done(one.domain, change)

    def _tell_waiting(self, domain: str, change: Change, reason: str) -> None:
        if self._told.get(domain) != change.id:
            self._told[domain] = change.id
            self._house.journal.event("domain_not_replicated", domain=domain, reason=reason)

    # the rest

    async def _give(self, call: PeerCall) -> object:
        try:
            one = await self._run(self._store.get, call.path["domain"])
        except ValueError:
            one = None
        if one is None or one.text is None:
            raise PeerRefusal(404, "nothing was pushed for this domain")
        return {"text": one.text}

    def _run(self, call: Any, *args: Any) -> Deferred[Any]:
        return self._house.threads.run(call, *args)

    def _bug(self, failure: Failure) -> None:
        if not failure.check(ThreadsStopped, CancelledError):
            where, words = "pushed domains", failure.getTraceback()
            self._house.journal.event("bug", where=where, error=repr(failure.value), traceback=words)


def _domain_of(change: Change) -> str:
    return change.subject.decode("ascii", "replace")
