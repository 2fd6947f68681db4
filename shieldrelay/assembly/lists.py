"""The lists of recipients of one node: kept on disk, fetched by children, refreshed in time; bound to the threads.

`recipients.lists` has the lists, `importer` fetches them. Whatever touches the disk runs in a thread of the lists' own,
so that a million recipients hold up no mail; a look-up never waits for it. Made by `assembly.bill`.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from shieldrelay.assembly import list_terms
from shieldrelay.config.domain import Domain
from shieldrelay.config.schema import Configuration
from shieldrelay.config.workers import kept_apart
from shieldrelay.importer.answer import Fetched
from shieldrelay.importer.importer import Importer
from shieldrelay.importer.refresher import Adoption, Age, Refreshed, Refresher
from shieldrelay.importer.request import ImportRequest
from shieldrelay.mail.address import Mailbox
from shieldrelay.mail.reply import Reply
from shieldrelay.ports import Clock, Journal, WallClock
from shieldrelay.recipients.fault import ListFaults, ListingFault
from shieldrelay.recipients.freshness import Freshness
from shieldrelay.recipients.guards import Override
from shieldrelay.recipients.lists import Lists, Prepared
from shieldrelay.recipients.outcome import Adopted, Confirmed, Malformed, NotThere, Outcome, Pushed, Refused
from shieldrelay.wire.threads import Threads, ThreadsStopped

LOOK_SECONDS = 1.0


class RecipientLists:
    """The lists of one node.

    :param state: the node's state directory.
    :ivar lists: asked by the gate.
    :ivar chosen: called with a domain whose fetched version was adopted because an operator wants it.
    :ivar leads: whether this process refreshes what is fetched; of a node's workers one does, and the others see what
        came when they look.
    """

    def __init__(
        self, configuration: Configuration, reactor: Any, wall: WallClock, journal: Journal, state: Path
    ) -> None:
        self.lists = Lists(state)
        self._state = state
        self._clock: Clock = reactor
        self._wall = wall
        self._journal = journal
        self._threads = Threads(reactor, "lists", 2)
        at_once = configuration.recipients.imports.at_once
        self.importer = Importer(reactor, sys.executable, state / kept_apart(configuration, "imports"), at_once=at_once)
        self.refresher = Refresher(reactor, self.importer, self, journal, random.SystemRandom().random)
        self.chosen: Callable[[str], object] = str
        self._call: IDelayedCall | None = None
        self._running = False
        self.leads = configuration.worker == 0

    # the configuration

    def load(self, configuration: Configuration) -> None:
        """Open and read everything, before the reactor runs. Blocking.

        :raises ListFaults: a list cannot be read, and there is no version of it to go on with.
        :raises OSError: the state directory refuses.
        """
        self.importer.prepare()
        now = self._wall()
        self._put_in_force(self._opened(configuration, now), now)

    async def prepare(self, configuration: Configuration) -> Prepared:
        """Open and read everything for a new configuration; nothing in force changes.

        :raises ListFaults: as `load`.
        """
        prepared: Prepared = await self._threads.run(self._opened, configuration, self._wall())
        if prepared.kept:  # whoever asks for a reload is there to hear it; a start goes on with what it has
            self.lists.discard(prepared)
            raise ListFaults(prepared.kept)
        return prepared

    async def install(self, prepared: Prepared, configuration: Configuration) -> None:
        """Put in force what was prepared.

        :raises OSError: the disk refuses; what was in force is.
        """
        await self._threads.run(self._put_in_force, prepared, self._wall())
        self.serve(configuration)

    def _opened(self, configuration: Configuration, now: float) -> Prepared:
        settings = [list_terms.list_settings(configuration, domain) for domain in configuration.domains]
        prepared = self.lists.prepare(settings, now)
        if prepared.faults:
            self.lists.discard(prepared)
            raise ListFaults(prepared.faults)
        return prepared

    def _put_in_force(self, prepared: Prepared, now: float) -> None:
        for outcome in self.lists.install(prepared, now):
            self.tell(outcome, "configuration")
        for fault in prepared.kept:
            self._journal.event("list_damaged", domain="", version=None, file=fault.file, reason=str(fault))

    def serve(self, configuration: Configuration) -> None:
        """Refresh those lists that are fetched."""
        domains = [domain for domain in configuration.domains if self.leads and domain.recipients.kind.is_fetched]
        self.refresher.serve([self._refreshed(configuration, domain) for domain in domains])

    def _refreshed(self, configuration: Configuration, domain: Domain) -> Refreshed:
        source = list_terms.source(configuration, domain)
        listing = list_terms.list_settings(configuration, domain)

        def request() -> ImportRequest:
            digest, validator = self.lists.known_source(domain.domain)
            return ImportRequest(
                domain=domain.domain,
                names=domain.names,
                source=source,
                known_digest=digest,
                validator=validator,
                listing=listing,
                state=str(self._state),
            )

        return Refreshed(domain.domain, str(source), list_terms.every(configuration, domain), request)

    # the life

    def start(self, configuration: Configuration) -> None:
        """Begin to refresh, and to look for what other processes changed."""
        self._running = True
        self.serve(configuration)
        self._look_later()

    def lead(self, configuration: Configuration) -> None:
        """Refresh from now on what is fetched."""
        self.leads = True
        if self._running:
            self.serve(configuration)

    async def stop(self) -> None:
        """End imports and threads."""
        self._running = False
        if self._call is not None:
            self._call.cancel()
            self._call = None
        self.refresher.stop()
        await self.importer.stop()
        await self._threads.stop()

    def _look_later(self) -> None:
        if self._running:
            self._call = self._clock.callLater(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        self._call = None
        looking = self._threads.run(self.lists.refresh, self._wall())
        looking.addCallback(self._looked).addErrback(self._bug).addCallback(lambda _: self._look_later())

    def _looked(self, changed: Sequence[str]) -> None:
        for domain in changed:
            state = "enforced" if self.lists.enforced(domain) else "observed"
            self._journal.event("list_enforced", domain=domain, state=state, by="time")

    # what the refresher asks (`importer.refresher.Keeper`)

    def adopt(self, domain: str, fetched: Fetched, override: Override) -> Deferred[Adoption]:
        """Put a version that a child built through the guards and in force."""
        if fetched.built is None:
            raise ValueError("the child has built nothing")
        adopting = self._threads.run(self.lists.adopt, domain, fetched.built, self._wall(), override)
        if override is not Override.NOTHING:
            adopting.addCallback(self._tell_chosen)
        return adopting.addCallback(_adoption).addCallback(_with_faults, fetched.faults)

    def _tell_chosen(self, outcome: Outcome) -> Outcome:
        if isinstance(outcome, Adopted):
            self.chosen(outcome.domain)
        return outcome

    def confirm(self, domain: str, validator: str | None) -> Deferred[None]:
        """Note that the source has what is in force."""
        digest, _ = self.lists.known_source(domain)
        return self._threads.run(self.lists.confirm, domain, self._wall(), digest, validator)

    def age(self, domain: str) -> Age:
        """Tell how fresh a list is."""
        freshness, confirmed = self.lists.freshness(domain, self._wall())
        return Age(_LEVELS[freshness], None if confirmed is None else max(0.0, self._wall() - confirmed))

    # what operators and next hops do

    def change(self, call: Callable[..., Any], *args: object, **kw: object) -> Deferred[Any]:
        """Run what touches the disk; gives what it returns."""
        return self._threads.run(partial(call, *args, **kw))

    def contradicted(self, mailbox: Mailbox, reply: Reply, message: str) -> None:
        """Note what a next hop said of a recipient; told when it contradicts the list."""
        if self.lists.contradicted(mailbox, reply, self._wall()):
            self._journal.event(
                "list_contradicted",
                domain=mailbox.domain_key,
                recipient=str(mailbox),
                reply=str(reply),
                message=message,
            )

    def tell(self, outcome: Outcome, by: str) -> None:
        """Tell what came of a change that the refresher has no part in."""
        event = self._journal.event
        match outcome:
            case Adopted(domain, version, _):
                event(
                    "list_adopted", domain=domain, source=version.origin.source, version=version.number,
                    entries=version.listed, digest=version.digest, by=by, note=version.origin.note or None,
                )  # fmt: skip
            case Refused(domain, objection, _, faults):
                event(
                    "list_refused", domain=domain, guard=objection.guard.value, reason=str(objection), by=by,
                    faults=len(faults), fault=_first(faults),
                )  # fmt: skip
            case Malformed(domain, faults):
                event(
                    "list_refused", domain=domain, guard="lines", reason="lines are no recipients", by=by,
                    faults=len(faults), fault=_first(faults),
                )  # fmt: skip
            case Pushed(domain, changes, waiting):
                event("list_pushed", domain=domain, changes=changes, waiting=waiting, by=by)
            case _:
                pass

    def _bug(self, failure: Failure) -> None:
        if not failure.check(ThreadsStopped):
            self._journal.event("bug", where="lists", error=repr(failure.value), traceback=failure.getTraceback())


def _first(faults: Sequence[ListingFault]) -> str | None:
    return str(faults[0]) if faults else None


_LEVELS = {Freshness.FRESH: "fresh", Freshness.STALE: "stale", Freshness.OLD: "old"}


def _adoption(outcome: Outcome) -> Adoption:
    match outcome:
        case Adopted(_, version, faults):
            return Adoption(version.number, version.listed, faults=tuple(map(str, faults)))
        case Confirmed(_, version):
            return Adoption(version.number, version.listed)
        case Refused(_, objection, version, faults):
            listed = 0 if version is None else version.listed
            return Adoption(0, listed, str(objection), objection.guard.value, tuple(map(str, faults)))
        case NotThere(_, words):
            return Adoption(0, 0, words)
        case _:
            raise ValueError(f"an import cannot come to {outcome}")


def _with_faults(adoption: Adoption, faults: tuple[str, ...]) -> Adoption:
    """Add what was left out while it was fetched."""
    return evolve(adoption, faults=(*faults, *adoption.faults)) if faults else adoption
