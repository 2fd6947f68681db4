"""`DomainList`: the list of one domain in this process: opened from its `Shelf`, changed through it.

Every change is made on disk first and opened from there, so this process sees what all others see. All of it blocks and
runs in a thread, one call at a time (`Lists` sees to that); only the `Roster` that it gives is asked by the reactor.
A disk that refuses is an OSError and changes nothing; what cannot be read falls back to the newest whole version.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from attrs import evolve

from shieldrelay.recipients import overlay as overlays
from shieldrelay.recipients import pointer as pointers
from shieldrelay.recipients.builder import BuiltVersion, Current, fold
from shieldrelay.recipients.directory import Roll
from shieldrelay.recipients.freshness import Freshness, freshness, next_change
from shieldrelay.recipients.guards import Guard, Objection, Override, objection, shrunk
from shieldrelay.recipients.library import Library, OpenVersion
from shieldrelay.recipients.names import Names, NoNames, open_names
from shieldrelay.recipients.outcome import Adopted, Confirmed, NotThere, Pushed, Refused
from shieldrelay.recipients.overlay import Overlay
from shieldrelay.recipients.pointer import REJECTED_MOST, Pointer
from shieldrelay.recipients.replica import Replica
from shieldrelay.recipients.roster import Anyone, Roster
from shieldrelay.recipients.settings import ListKind, ListSettings
from shieldrelay.recipients.shelf import Shelf, prove
from shieldrelay.recipients.standing import Standing
from shieldrelay.recipients.tally import lost_between
from shieldrelay.recipients.version import Origin, Version, Who

PUSHES_MOST = 5000
"""Names in an overlay; the push that goes beyond folds it into a version at once."""

_TRIES = 5
"""Times that the pointer may change while what it names is being opened."""

RETRY_SECONDS = 60.0
"""What could not be opened is tried again after so long."""


class DomainList:
    """One domain's list.

    :param library: of all lists of this process.
    :ivar roll: what the directory asks; replaced whole.
    :ivar trouble: what is wrong with what is on disk, for the operator; ``None`` when nothing is.
    """

    def __init__(self, settings: ListSettings, state: Path, library: Library) -> None:
        self.settings = settings
        self.shelf = Shelf(state, settings.domain)
        self.trouble: str | None = None
        self.roll: Roll = Anyone(enforced=settings.kind is ListKind.ANY)
        self.pointer = Pointer()
        self.overlay: Overlay = overlays.NOTHING
        self._in_force: OpenVersion | None = None
        self._library = library
        self._seen: bytes | None = None
        self._retry_at: float | None = None
        self._state = state

    # -- what is in force --

    @property
    def version(self) -> Version | None:
        """What is in force; ``None`` for no list."""
        return None if self._in_force is None else self._in_force.version

    @property
    def case_sensitive(self) -> bool:
        """Whether keys keep their case: as the version in force was built."""
        return self.settings.case_sensitive if self.version is None else self.version.case_sensitive

    @property
    def confirmed_at(self) -> float | None:
        """When its source last said just this; seconds since the epoch."""
        if self.version is None:
            return None
        return self.version.made_at if self.pointer.confirmed_at is None else self.pointer.confirmed_at

    def freshness(self, now: float) -> Freshness:
        """Tell how fresh it is; what there is none of is fresh."""
        confirmed_at = self.confirmed_at
        return Freshness.FRESH if confirmed_at is None else freshness(self.settings, confirmed_at, now)

    def current(self) -> Current:
        """Give what a version is built against."""
        number = 0 if self.version is None else self.version.number
        return Current(number, self._names, self.case_sensitive, self.overlay, self.pointer.serial)

    def look(self, now: float) -> bool:
        """Open what is in force when that has changed on disk.

        :returns: whether it had.
        """
        if self.settings.kind is ListKind.ANY:
            return False
        due = self._retry_at is not None and now >= self._retry_at
        if not due and self.shelf.pointer_octets() == self._seen:
            return False
        self._open(now)
        return True

    def tick(self, now: float) -> bool:
        """Do what time does: end an observation, let a list grow old.

        :returns: whether it is enforced now and was not, or the other way round.
        """
        roll = self.roll
        if not isinstance(roll, Roster) or roll.enforced is self._to_be_enforced(now):
            return False
        roll.enforced = not roll.enforced
        return True

    def next_tick(self, now: float) -> float | None:
        """Give the time at which `tick` or `look` is due without a change on disk, seconds since the epoch."""
        confirmed_at, until = self.confirmed_at, self.pointer.observing_until
        older = None if confirmed_at is None else next_change(self.settings, confirmed_at, now)
        ends = until if until is not None and until > now else None
        return min((at for at in (older, ends, self._retry_at) if at is not None), default=None)

    @property
    def _names(self) -> Names:
        return NoNames() if self._in_force is None else self._in_force.names

    # -- changes --

    def adopt(self, built: BuiltVersion, now: float, override: Override) -> Adopted | Confirmed | Refused:
        """Put a version that was built through the guards and in force; its file is taken away.

        :raises ValueError: what was built is not what its record says.
        """
        prove(built.file, built.version)
        with self.shelf.alone():
            self.look(now)
            if self.version is not None and self._is_in_force(built.version):
                return self._confirm_built(built, self.version, now)
            objects = self._objection(built)
            if objects is not None and override is Override.NOTHING:
                self.shelf.keep_refused(built.file, built.version)
                return Refused(self.settings.domain, objects, built.version, built.faults)
            placed = self._place(built, now)
        return Adopted(self.settings.domain, placed, built.faults)

    def confirm(self, now: float, source_digest: str | None, validator: str | None) -> None:
        """Note that the source still says what is in force."""
        with self.shelf.alone():
            self.look(now)
            self._point(
                evolve(self.pointer, confirmed_at=now, source_digest=source_digest, validator=validator),
                self.overlay,
                now,
            )

    def push(
        self, changes: Mapping[bytes, Standing | None], now: float, note: str, override: Override
    ) -> Pushed | Refused:
        """Set the standing of single names, at once and durably.

        :param changes: by key as `case_sensitive` wants it; ``None`` takes a name off the list.
        """
        with self.shelf.alone():
            self.look(now)
            serial = self.pointer.serial + 1
            overlay = self.overlay.with_pushed(serial, changes)
            objects = self._objection_to_push(overlay)
            if objects is not None and override is Override.NOTHING:
                return Refused(self.settings.domain, objects)
            self._point(evolve(self.pointer, serial=serial), overlay, now)
            first = self.version is None and self.settings.kind is ListKind.PUSH
            if first or len(overlay.entries) > PUSHES_MOST:
                self._place(fold(self.settings, self._state, self.current(), now, note), now)
        return Pushed(self.settings.domain, len(changes), len(self.overlay.entries))

    def rollback(self, number: int, now: float, note: str) -> Adopted | NotThere:
        """Put an earlier version in force again, as a new one; pushes since then are dropped.

        What is in force now is not adopted again by an import unless the operator overrides that.
        """
        domain = self.settings.domain
        with self.shelf.alone():
            self.look(now)
            try:
                old = self.shelf.whole(number)
            except ValueError as error:
                return NotThere(domain, f"version {number}: {error.args[0]}")
            origin = Origin(source=old.origin.source, who=Who.ROLLBACK, note=note or f"version {number} again")
            version = evolve(old, made_at=now, origin=origin, faults=0, against=0, lost=0, folded=0)
            placed = self.shelf.place(self.shelf.copy(number), version)
            pointer = evolve(self.pointer, version=placed.number, confirmed_at=now, rejected=self._rejected(old))
            self._point_to(placed, pointer, overlays.NOTHING, now)
        return Adopted(domain, placed)

    def observe(self, until: float | None, now: float) -> None:
        """Stop enforcing until a time (seconds since the epoch), or enforce from now on with ``None``."""
        with self.shelf.alone():
            self.look(now)
            self._point(evolve(self.pointer, observing_until=until), self.overlay, now)

    def follow(self, replica: Replica, file: Path | None, now: float) -> None:
        """Take over what another node has, whatever the guards say: it was judged there.

        :param file: the entries of its version, to be taken away; ``None`` when that is in force already, or not told.
        :raises ValueError: the file is not what its record says.
        """
        if file is not None and replica.version is not None:
            prove(file, replica.version)
            open_names(file, replica.version.names_octets)
        with self.shelf.alone():
            self.look(now)
            serial, until = self.pointer.serial + 1, replica.observing_until
            pointer = evolve(self.pointer, serial=serial, observing_until=until)
            if file is None or replica.version is None:
                self._point(pointer, self.overlay.with_pushed(serial, replica.pushed), now)
                return
            placed = self.shelf.place(file, evolve(replica.version, against=0, lost=0, folded=serial - 1))
            pointer = evolve(pointer, version=placed.number, confirmed_at=now, rejected=replica.rejected)
            self._point_to(placed, pointer, overlays.NOTHING.with_pushed(serial, replica.pushed), now)

    # -- within `alone` --

    def _place(self, built: BuiltVersion, now: float) -> Version:
        placed = self.shelf.place(built.file, built.version)
        origin, pointer = placed.origin, self.pointer
        first = self.version is None and self.settings.observe_first > 0 and origin.who is Who.IMPORT
        self._point_to(
            placed,
            evolve(
                pointer,
                version=placed.number,
                confirmed_at=now,
                source_digest=pointer.source_digest if origin.who is Who.PUSH else origin.source_digest,
                validator=pointer.validator if origin.who is Who.PUSH else origin.validator,
                observing_until=now + self.settings.observe_first if first else pointer.observing_until,
                rejected=tuple(each for each in pointer.rejected if each != placed.digest),
            ),
            self.overlay.since(placed.folded),
            now,
        )
        return placed

    def _point_to(self, placed: Version, pointer: Pointer, overlay: Overlay, now: float) -> None:
        """Name a version that was placed, or remove it again; older ones go."""
        try:
            self._point(pointer, overlay, now)
        except OSError:
            self.shelf.remove(placed.number)
            raise
        self.shelf.prune(self.settings.keep, placed.number)

    def _confirm_built(self, built: BuiltVersion, version: Version, now: float) -> Confirmed:
        built.discard()
        origin = built.version.origin
        pointer = evolve(
            self.pointer, confirmed_at=now, source_digest=origin.source_digest, validator=origin.validator
        )
        # what was folded into it changed nothing, so it is in the version already
        self._point(pointer, self.overlay.since(built.version.folded), now)
        return Confirmed(self.settings.domain, version)

    def _point(self, pointer: Pointer, overlay: Overlay, now: float) -> None:
        """Name what is in force from now on, and open it."""
        before = self.pointer.overlay
        if overlay != self.overlay or self._retry_at is not None:
            pointer = evolve(pointer, overlay=self.shelf.keep_overlay(pointer.serial, overlay))
        self.shelf.point(pointer)
        if before != pointer.overlay:
            self.shelf.drop_overlay(before)
        self._open(now)

    def _is_in_force(self, version: Version) -> bool:
        old = self.version
        return old is not None and (old.digest, old.case_sensitive) == (version.digest, version.case_sensitive)

    def _objection(self, built: BuiltVersion) -> Objection | None:
        return objection(self.settings, built.version, self.version, self._lost(built), self.pointer.rejected)

    def _lost(self, built: BuiltVersion) -> int:
        """Count who would cease to exist; anew when something else is in force than while it was built."""
        old, new = self.version, built.version
        if old is None:
            return 0
        if old.case_sensitive is not new.case_sensitive:
            return max(0, old.listed - new.listed)
        if old.number == new.against:
            return new.lost
        return lost_between(
            self.overlay.over(self._names.items()), open_names(built.file, new.names_octets).items()
        )

    def _objection_to_push(self, overlay: Overlay) -> Objection | None:
        if self.version is None:
            return None
        listed = self._names.standing
        lost = gained = 0
        for key, pushed in overlay.entries.items():
            was, is_ = listed(key) is Standing.LISTED, pushed.standing is Standing.LISTED
            lost += was and not is_
            gained += is_ and not was
        if not self.version.takes_nobody and self.version.listed + self.version.patterns + gained <= lost:
            return Objection(Guard.EMPTY, "nobody would exist")
        return shrunk(self.settings.guards, self.version, lost)

    def _rejected(self, old: Version) -> tuple[str, ...]:
        rejected = self.pointer.rejected
        if self.version is not None and self.version.digest != old.digest:
            rejected = (*rejected, self.version.digest)
        return tuple(each for each in rejected if each != old.digest)[-REJECTED_MOST:]

    # -- opening --

    def _open(self, now: float) -> None:
        """Open what the pointer names; whatever is wrong with it, something whole is in force afterwards."""
        for _ in range(_TRIES):
            octets = self.shelf.pointer_octets()
            troubles = self._open_pointer(octets)
            if not troubles or self.shelf.pointer_octets() == octets:
                break
        self.trouble = "; ".join(troubles) or None
        self._retry_at = now + RETRY_SECONDS if troubles else None
        self._seen = octets
        self.roll = self._roll(now)

    def _open_pointer(self, octets: bytes) -> list[str]:
        """Open what a pointer names.

        :returns: what is wrong.
        """
        troubles: list[str] = []
        try:
            self.pointer = pointers.decode(octets) if octets else Pointer()
        except ValueError as error:
            troubles.append(f"the pointer to the version in force is broken: {error}")
            if self.version is None:
                self._fall_back()
            return troubles
        self._open_version(troubles, pointed=bool(octets))
        try:
            self.overlay = self.shelf.overlay(self.pointer)
        except ValueError as error:
            troubles.append(f"the recipients pushed since are lost: {error}")
            self.overlay = overlays.NOTHING
        return troubles

    def _open_version(self, troubles: list[str], *, pointed: bool) -> None:
        number = self.pointer.version
        if self.version is not None and self.version.number == number:
            return
        if number == 0:
            if not pointed and self.shelf.versions():
                troubles.append("the pointer to the version in force is missing")
                self._fall_back()
            return
        try:
            self._in_force = self._library.take(self.shelf, number)
        except ValueError as error:
            troubles.append(f"version {number} cannot be used: {error.args[0]}")
            if self.version is None:
                self._fall_back()

    def _fall_back(self) -> None:
        """Take the newest version that is whole; none, when there is none."""
        for version in self.shelf.versions():
            with suppress(ValueError):
                self._in_force = self._library.take(self.shelf, version.number)
                return

    def _to_be_enforced(self, now: float) -> bool:
        if self.pointer.observes(now):
            return False
        return self.settings.enforce_old or self.freshness(now) is not Freshness.OLD

    def _roll(self, now: float) -> Roll:
        if self.version is None:
            return Anyone(enforced=self.settings.kind is ListKind.ANY)
        return Roster(
            self.settings,
            self._names,
            self.overlay,
            case_sensitive=self.case_sensitive,
            count=self.version.listed,
            enforced=self._to_be_enforced(now),
        )


def keys_to_push(
    add: Iterable[tuple[bytes, Standing]], remove: Iterable[bytes]
) -> dict[bytes, Standing | None]:
    """Join additions and removals; a name that is in both is added."""
    return {**dict.fromkeys(remove), **dict(add)}
