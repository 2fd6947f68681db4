"""`Lists`: the Valid Address Lists of all protected domains in this process.

`lookup` and `enforced` are for the reactor's thread: they answer at once and never fail. Everything that says
*blocking* reads or writes the disk and runs in a thread; one such call runs at a time. What such a call changes is in
force here when it returns, and in other processes at their next `refresh`. Time is passed in, in seconds since the
epoch. Knows no reactor and no journal: whoever calls tells what came of it.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

from attrs import frozen

from shieldrelay.mail.address import AddressFault, Mailbox
from shieldrelay.mail.reply import Reply
from shieldrelay.recipients.builder import BuiltVersion, Current, build
from shieldrelay.recipients.contradictions import Contradiction, Contradictions
from shieldrelay.recipients.directory import Directory, Roll
from shieldrelay.recipients.domain_list import DomainList, keys_to_push
from shieldrelay.recipients.fault import FAULTS_SHOWN, ListingFault, clipped
from shieldrelay.recipients.freshness import Freshness
from shieldrelay.recipients.guards import Override
from shieldrelay.recipients.library import Library
from shieldrelay.recipients.line import Entry, LineForm
from shieldrelay.recipients.outcome import Adopted, Confirmed, Malformed, NotThere, Outcome, Pushed
from shieldrelay.recipients.picture import ListPicture
from shieldrelay.recipients.plain_file import FileList, read_file_list
from shieldrelay.recipients.replica import Replica
from shieldrelay.recipients.settings import ListKind, ListSettings
from shieldrelay.recipients.shelf import ROOM, write_aside
from shieldrelay.recipients.standing import Standing
from shieldrelay.recipients.version import Origin, Version, Who


@frozen
class Prepared:
    """Lists that are ready to be installed.

    :ivar faults: why a domain would have no list at all; not to be installed then, but `Lists.discard`ed.
    :ivar kept: faults of files whose domain keeps the version that it has.
    """

    lists: Mapping[str, DomainList]
    files: tuple[FileList, ...] = ()
    faults: tuple[ListingFault, ...] = ()
    kept: tuple[ListingFault, ...] = ()


class Lists:
    """All lists.

    :param state: the node's state directory.
    """

    def __init__(self, state: Path) -> None:
        self.directory = Directory({})
        self._state = state
        self._lists: dict[str, DomainList] = {}
        self._domains: dict[str, str] = {}
        self._library = Library()
        self._contradictions = Contradictions()
        self._one_at_a_time = threading.RLock()
        self._notice = state / ROOM / "notice"
        self._noticed: bytes | None = None
        self._untold = False
        self._tick_at: float | None = None

    # -- for the reactor's thread --

    def lookup(self, mailbox: Mailbox) -> Standing:
        """Tell how a mailbox stands."""
        return self.directory.lookup(mailbox)

    def enforced(self, name: str) -> bool:
        """Whether a domain's list is enforced; see `Directory.enforced`."""
        return self.directory.enforced(name)

    def contradicted(self, mailbox: Mailbox, reply: Reply, now: float) -> bool:
        """Note what a next hop answered to a recipient of mail that was delivered anyway.

        Cheap when it contradicts nothing. Never changes a list.

        :returns: whether it contradicts the list and is new, to be told.
        """
        domain = self._domains.get(mailbox.domain_key)
        one = None if domain is None else self._lists.get(domain)
        if domain is None or one is None or one.settings.kind is ListKind.ANY:
            return False
        return self._contradictions.note(domain, mailbox, self.lookup(mailbox), reply, now)

    def contradictions(self, domain: str) -> tuple[Contradiction, ...]:
        """Give what still contradicts a domain's list, the latest first."""
        return tuple(each for each in self._contradictions.of(domain) if each.holds(self.lookup(each.mailbox)))

    def domains(self) -> tuple[str, ...]:
        """Name all protected domains, aliases not among them."""
        return tuple(self._lists)

    def known_source(self, domain: str) -> tuple[str | None, str | None]:
        """Give the source's digest and validator as of the last import, for the next one.

        :raises KeyError: the domain is not protected, as of all that ask of one domain and say nothing else.
        """
        pointer = self._lists[domain].pointer
        return pointer.source_digest, pointer.validator

    def freshness(self, domain: str, now: float) -> tuple[Freshness, float | None]:
        """Tell how fresh a domain's list is, and when its source last confirmed it; ``None`` when there is none."""
        one = self._lists[domain]
        return one.freshness(now), one.confirmed_at

    # -- the configuration --

    def prepare(self, settings: Iterable[ListSettings], now: float) -> Prepared:
        """Open the lists of all domains and read those that are plain files; nothing in force changes. Blocking."""
        with self._one_at_a_time:
            lists: dict[str, DomainList] = {}
            files: list[FileList] = []
            faults: list[ListingFault] = []
            kept: list[ListingFault] = []
            for each in settings:
                lists[each.domain] = one = self._opened(each, now)
                if each.kind is ListKind.FILE:
                    file, wrong = read_file_list(one, self._state, now)
                    files += [] if file is None else [file]
                    (faults if one.version is None else kept).extend(wrong)
            return Prepared(lists, tuple(files), tuple(faults), tuple(kept))

    def install(self, prepared: Prepared, now: float) -> tuple[Outcome, ...]:
        """Put prepared lists in the place of all. Blocking; the directory changes at one stroke at the end.

        :returns: what came of each plain file that had changed.
        :raises OSError: the disk refuses; the lists in force are as before.
        """
        with self._one_at_a_time:
            outcomes = tuple(
                prepared.lists[file.domain].adopt(file.built, now, Override.NOTHING) for file in prepared.files
            )
            for one in prepared.lists.values():
                one.look(now)
            self._lists = dict(prepared.lists)
            self._domains = {name: domain for domain, one in self._lists.items() for name in one.settings.names}
            self._contradictions.keep(frozenset(self._lists))
            self._show(now)
            if outcomes:
                self._tell()
        return outcomes

    def discard(self, prepared: Prepared) -> None:
        """Remove what was prepared and is not to be installed."""
        for file in prepared.files:
            file.built.discard()

    # -- changes --

    def current(self, domain: str) -> Current:
        """Give what `builder.build` needs to build a version in this process."""
        with self._one_at_a_time:
            return self._lists[domain].current()

    def adopt(self, domain: str, built: BuiltVersion, now: float, override: Override = Override.NOTHING) -> Outcome:
        """Put a version that was built through the guards and in force. Blocking.

        :raises OSError: the disk refuses; what was in force is in force.
        """
        with self._one_at_a_time:
            one = self._lists.get(domain)
            if one is None:
                built.discard()
                return NotThere(domain, "it is not protected here")
            try:
                outcome = one.adopt(built, now, override)
            except ValueError as error:
                built.discard()
                return NotThere(domain, f"what was built cannot be used: {error.args[0]}")
            return self._changed(outcome, now)

    def accept_refused(self, domain: str, now: float) -> Outcome:
        """Adopt the last version that a guard refused, as the operator wants. Blocking."""
        with self._one_at_a_time:
            one = self._lists.get(domain)
            refused = None if one is None else one.shelf.refused()
            if refused is None:
                return NotThere(domain, "nothing was refused")
            return self.adopt(domain, BuiltVersion(*refused), now, Override.ALL)

    def import_file(self, domain: str, now: float, override: Override = Override.NOTHING) -> Outcome:
        """Read the plain file of a domain again, as at a reload. Blocking."""
        with self._one_at_a_time:
            one = self._lists.get(domain)
            if one is None or one.settings.kind is not ListKind.FILE:
                return NotThere(domain, "it has no plain file")
            file, wrong = read_file_list(one, self._state, now)
            if file is not None:
                return self.adopt(domain, file.built, now, override)
            if wrong or one.version is None:
                return Malformed(domain, wrong)
            return Confirmed(domain, one.version)

    def confirm(self, domain: str, now: float, source_digest: str | None, validator: str | None) -> None:
        """Note that a source still says what is in force. Blocking."""
        with self._one_at_a_time:
            one = self._lists.get(domain)
            if one is not None:
                one.confirm(now, source_digest, validator)
                self._show_one(one, now)

    def push(
        self,
        domain: str,
        add: Iterable[bytes],
        remove: Iterable[bytes],
        now: float,
        *,
        note: str = "",
        override: Override = Override.NOTHING,
    ) -> Outcome:
        """Add and remove single recipients, in force and durable when this returns. Blocking.

        :param add: in the line form; a name that is listed already gets the standing given.
        :param remove: names, likewise.
        """
        with self._one_at_a_time:
            one = self._lists.get(domain)
            if one is None or one.settings.kind is ListKind.ANY:
                return NotThere(domain, "it has no list")
            form = LineForm(one.settings.names, case_sensitive=one.case_sensitive)
            added, wrong = _parsed(form, "add", add)
            removed, wrong_too = _parsed(form, "remove", remove)
            if wrong or wrong_too:
                return Malformed(domain, (*wrong, *wrong_too))
            changes = keys_to_push(((each.key, each.standing) for each in added), (each.key for each in removed))
            return self._changed(one.push(changes, now, note, override), now)

    def replace(
        self, domain: str, lines: Iterable[bytes], now: float, *, note: str = "", override: Override = Override.NOTHING
    ) -> Outcome:
        """Make pushed lines the whole list. Blocking; for more than some thousand lines, `build` in a child.

        :raises BuildFailed: the disk refuses.
        """
        with self._one_at_a_time:
            one = self._lists.get(domain)
            if one is None or one.settings.kind is ListKind.ANY:
                return NotThere(domain, "it has no list")
            origin = Origin(source="pushed", who=Who.PUSH, note=note)
            current = one.current().without_overlay()
            built = build(one.settings, lines, self._state, _ignore, origin=origin, made_at=now, current=current)
            return self.adopt(domain, built, now, override)

    def rollback(self, domain: str, number: int | None, now: float, *, note: str = "") -> Outcome:
        """Go back to an earlier version, the one before for ``None``. Blocking."""
        with self._one_at_a_time:
            one = self._lists.get(domain)
            if one is None or one.version is None:
                return NotThere(domain, "it has no list")
            in_force = one.version.number
            earlier = [each.number for each in one.shelf.versions() if each.number < in_force]
            if number is None and not earlier:
                return NotThere(domain, "there is no earlier version")
            return self._changed(one.rollback(earlier[0] if number is None else number, now, note), now)

    def observe(self, domain: str, until: float | None, now: float) -> None:
        """Do not enforce a list until a time; ``None``: enforce it from now on. Blocking."""
        with self._one_at_a_time:
            one = self._lists[domain]
            one.observe(until, now)
            self._show_one(one, now)

    def follow(self, domain: str, replica: Replica, file: Path | None, now: float) -> None:
        """Take over what another node has; see `DomainList.follow`. Blocking."""
        with self._one_at_a_time:
            self._lists[domain].follow(replica, file, now)
            self._show_one(self._lists[domain], now)

    # -- what others changed, and what time does --

    def refresh(self, now: float) -> tuple[str, ...]:
        """Look whether another process changed a list, or time did. Blocking, some microseconds when nothing did.

        :returns: the domains whose list is another one, or is enforced now and was not, or the other way round.
        """
        with self._one_at_a_time:
            if self._untold:
                self._tell()
            notice = self._read_notice()
            due = self._tick_at is not None and now >= self._tick_at
            if notice == self._noticed and not due:
                return ()
            changed = [domain for domain, one in self._lists.items() if one.look(now) | one.tick(now)]
            self._show(now)
            self._noticed = notice
            return tuple(changed)

    def versions(self, domain: str) -> tuple[Version, ...]:
        """Give the versions kept, the newest first. Blocking."""
        return self._lists[domain].shelf.versions()

    def one(self, domain: str) -> DomainList:
        """Give the list of one domain, to be read within a thread; whoever changes it comes here."""
        return self._lists[domain]

    def picture(self, domain: str, now: float) -> ListPicture:
        """Show a domain's list. Blocking: it proves what was refused."""
        one = self._lists[domain]
        refused = one.shelf.refused()
        return ListPicture(
            domain=domain,
            kind=one.settings.kind,
            version=one.version,
            enforced=one.roll.enforced,
            observing_until=one.pointer.observing_until if one.pointer.observes(now) else None,
            freshness=one.freshness(now),
            confirmed_at=one.confirmed_at,
            waiting=len(one.overlay.entries),
            trouble=one.trouble,
            refused=None if refused is None else refused[1],
        )

    def troubles(self) -> dict[str, str]:
        """Tell what is wrong on disk, by domain; to be alarmed about."""
        return {domain: one.trouble for domain, one in self._lists.items() if one.trouble is not None}

    def _opened(self, settings: ListSettings, now: float) -> DomainList:
        one = DomainList(settings, self._state, self._library)
        if settings.kind is not ListKind.ANY:
            one.shelf.sweep(now)
            one.look(now)
        return one

    def _changed(self, outcome: Outcome, now: float) -> Outcome:
        if isinstance(outcome, Adopted | Confirmed | Pushed):
            self._show_one(self._lists[outcome.domain], now)
        return outcome

    def _show_one(self, one: DomainList, now: float) -> None:
        """Let the directory have a list as it is now, and the other processes look."""
        self.directory.put(dict.fromkeys(one.settings.names, one.roll))
        self._tick_at = _earlier(self._tick_at, one.next_tick(now))
        self._tell()

    def _show(self, now: float) -> None:
        """Let the directory have all lists as they are now."""
        rolls: dict[str, Roll] = {}
        tick_at = None
        for one in self._lists.values():
            rolls.update(dict.fromkeys(one.settings.names, one.roll))
            tick_at = _earlier(tick_at, one.next_tick(now))
        self.directory.replace(rolls)
        self._tick_at = tick_at

    def _read_notice(self) -> bytes:
        try:
            return self._notice.read_bytes()
        except FileNotFoundError:
            return b""

    def _tell(self) -> None:
        """Let the other processes look; what is in force here is so without it."""
        token = secrets.token_hex(8).encode("ascii")
        try:
            write_aside(self._notice, token)
        except OSError:
            # a full disk: told again at the next refresh
            self._untold = True
            return
        self._untold = False
        self._noticed = token


def _earlier(one: float | None, other: float | None) -> float | None:
    return min((at for at in (one, other) if at is not None), default=None)


def _parsed(form: LineForm, name: str, lines: Iterable[bytes]) -> tuple[list[Entry], tuple[ListingFault, ...]]:
    entries: list[Entry] = []
    faults: list[ListingFault] = []
    count = 0
    for number, line in enumerate(lines, 1):
        try:
            entry = form.entry(line)
        except AddressFault as fault:
            count += 1
            if count <= FAULTS_SHOWN:
                faults.append(ListingFault(name, number, str(fault)))
            continue
        if entry is not None:
            entries.append(entry)
    return entries, clipped(name, faults, count)


def _ignore(_lines: int) -> None:
    """Tell nobody of progress."""
