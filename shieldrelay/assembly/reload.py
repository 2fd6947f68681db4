"""A new configuration, whole or not at all (SIGHUP, ``shieldrelayctl reload``).

Everything that can fail happens first and aside: files are read, lists parsed, certificates loaded, ways made, spool
directories prepared. Then everything is put in force in one turn of the reactor. What needs a restart is refused by
name. Sessions that run end under the terms that they began with.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen
from twisted.internet.defer import DeferredLock
from twisted.python.failure import Failure

from shieldrelay.admin.picture import ReloadPicture
from shieldrelay.assembly import translation
from shieldrelay.assembly.checks import checks
from shieldrelay.assembly.house import House
from shieldrelay.assembly.terms import Terms, acceptance_ways
from shieldrelay.assembly.ways import DomainWay
from shieldrelay.config.domain import Domain
from shieldrelay.config.faults import ConfigurationFaults
from shieldrelay.config.schema import Configuration
from shieldrelay.config.secret import SecretFault
from shieldrelay.config.workers import read_again
from shieldrelay.content.loading import CheckFaults
from shieldrelay.recipients.fault import ListFaults
from shieldrelay.recipients.lists import Prepared as PreparedLists
from shieldrelay.wire.certificates import CertificateFault
from shieldrelay.wire.tls_client import ClientContexts
from shieldrelay.wire.tls_server import ServerContexts, TlsFault

FIXED = ("node", "listen", "cluster", "resolver")
"""Sections that hold until the next start."""
FIXED_DELIVERY = ("notices", "notice_senders", "notice_lifetime", "notice_budget")
"""Settings of ``[delivery]`` that do."""

_NO_SECTIONS = ("domains", "pushed", "hidden", "path", "origins", "fingerprint", "worker", "workers")


@frozen
class _Prepared:
    """A configuration that is ready to be put in force."""

    configuration: Configuration
    terms: Terms
    ways: dict[str, DomainWay]
    contexts: ServerContexts


class Reload:
    """Puts new configurations in force, one at a time."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._turn = DeferredLock()
        self._hung_up = False
        self._stopped = False

    async def reload(self) -> ReloadPicture:
        """Read the configuration again."""
        if self._turn.locked:
            return ReloadPicture(errors=("another reload is under way",))
        async with self._turn:
            return await self._reload()

    async def write(self, call: Callable[[], Callable[[], object]]) -> ReloadPicture:
        """Write something that the configuration is made of, and put it in force, or neither.

        :param call: writes, in a thread; gives what takes that back, in a thread too. May raise OSError.
        """
        async with self._turn:
            undo = await self._house.threads.run(call)
            done = await self._reload()
            if done.errors:
                await self._house.threads.run(undo)
            return done

    async def hang_up(self) -> None:
        """Read it again, after the reload that is under way: it may have read what has changed since.

        However many of these come during one reload, one follows.
        """
        if self._hung_up:
            return
        self._hung_up = True
        async with self._turn:
            self._hung_up = False
            await self._reload()

    def stop(self) -> None:
        """Change nothing any more: the node stops."""
        self._stopped = True

    async def _reload(self) -> ReloadPicture:
        try:
            prepared = await self._prepare()
        except (ConfigurationFaults, ListFaults, CheckFaults, TlsFault) as faults:
            return self._refused([str(fault) for fault in faults.faults])
        except (CertificateFault, SecretFault, OSError) as fault:
            return self._refused([str(fault)])
        if self._stopped:
            prepared = ["the node stops"]
        if isinstance(prepared, list):
            return self._refused(prepared)
        return self._put_in_force(prepared)

    async def _prepare(self) -> _Prepared | list[str]:
        """Make everything that the new configuration needs, aside; or say what needs a restart."""
        house = self._house
        configuration = await house.threads.run(read_again, house.configuration)
        fixed = _needs_restart(house.configuration, configuration)
        if fixed:
            return fixed
        lists = await house.recipients.prepare(configuration)
        try:
            return await self._with_lists(configuration, lists)
        except BaseException:
            house.recipients.lists.discard(lists)
            raise

    async def _with_lists(self, configuration: Configuration, lists: PreparedLists) -> _Prepared:
        """Make the rest; then the lists are put in force, and nothing else can fail."""
        house = self._house
        installed = checks(configuration, house.reactor)
        contexts = house.tls.prepare(translation.server_tls(configuration))
        client_contexts = ClientContexts()
        ways = {domain.domain: self._way(configuration, domain, client_contexts) for domain in configuration.domains}
        for name in ways.keys() - house.ways.keys():
            await house.spool.prepare(name)
            await house.outages.load(name)
        terms = Terms(configuration, acceptance_ways(ways), house.surroundings, installed)
        await house.recipients.install(lists, configuration)  # last of what can fail, and in a thread: it writes
        return _Prepared(configuration, terms, ways, contexts)

    def _way(self, configuration: Configuration, domain: Domain, contexts: ClientContexts) -> DomainWay:
        """Make or keep a domain's way.

        One that was removed a moment ago may still have attempts under way; it comes back with the same backlog, which
        knows them, or they would be offered twice.
        """
        house = self._house
        before = house.ways.get(domain.domain)
        if before is not None:
            return house.way_maker.renew(configuration, domain, contexts, before)
        leaving = next((way for way in house.retired if way.name == domain.domain), None)
        return house.way_maker.make(configuration, domain, contexts, leaving)

    def _put_in_force(self, prepared: _Prepared) -> ReloadPicture:
        """Change over; nothing here can fail."""
        house = self._house
        changes = _changes(house.configuration, prepared.configuration)
        before = dict(house.ways)
        house.configuration = prepared.configuration
        house.terms = house.inbound.terms = prepared.terms
        house.tls.adopt(prepared.contexts)
        house.capacity.reserve = translation.reserve(prepared.configuration)
        house.surroundings.budget.limit = prepared.configuration.smtp.memory
        house.shield.configure(prepared.configuration)
        house.ways.clear()
        house.ways.update(prepared.ways)
        for name, way in house.ways.items():
            old = before.pop(name, None)
            if old is way:
                continue
            house.way_maker.replace(way, old)
            house.way_maker.bind(way, prepared.configuration)
            if old is None:
                way.queue.start()
            else:
                self._retire(old)
        for way in before.values():
            way.queue.stop()
            way.outages.retire()
            self._retire(way)
            house.orphaned(way.name)
        house.tell_certificates()
        if house.front is not None:
            house.front.adopt()
        if house.watch is not None:
            house.watch.configured()
        if house.trace is not None:
            house.trace.adopt()
        house.journal.event(
            "reload", fingerprint=prepared.configuration.fingerprint, domains=len(house.ways), changed=list(changes)
        )
        return ReloadPicture(changes=changes)

    def _retire(self, way: DomainWay) -> None:
        """Close what a way has, once its attempts are done."""
        self._house.retired.append(way)
        way.close().addCallbacks(lambda _closed: self._house.retired.remove(way), self._bug)

    def _bug(self, failure: Failure) -> None:
        self._house.journal.event("bug", where="reload", traceback=failure.getTraceback())

    def _refused(self, faults: list[str]) -> ReloadPicture:
        self._house.journal.event("reload_refused", faults=len(faults), reason=faults)
        return ReloadPicture(errors=tuple(faults))


def _needs_restart(before: Configuration, after: Configuration) -> list[str]:
    """Say which changes cannot be made while the node runs."""
    changed = [section for section in FIXED if getattr(before, section) != getattr(after, section)]
    changed += [
        f"delivery: {name}"
        for name in FIXED_DELIVERY
        if getattr(before.delivery, name) != getattr(after.delivery, name)
    ]
    return [f"[{name}] has changed, and that takes a restart" for name in changed]


def _changes(before: Configuration, after: Configuration) -> tuple[str, ...]:
    """Say what is different, a sentence each."""
    sections = [name for name in Configuration.__annotations__ if name not in _NO_SECTIONS]
    changes = [f"[{name}] has changed" for name in sections if getattr(before, name) != getattr(after, name)]
    old = {domain.domain: domain for domain in before.domains}
    new = {domain.domain: domain for domain in after.domains}
    changes += [f"{name} is protected from now on" for name in new.keys() - old.keys()]
    changes += [f"{name} is not protected any more" for name in old.keys() - new.keys()]
    changes += [f"{name} has changed" for name in new.keys() & old.keys() if new[name] != old[name]]
    return tuple(changes) or ("no setting has changed; lists and certificates were read again",)
