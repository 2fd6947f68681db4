"""Builds one version of a list aside: lines in, a file of sorted entries out, nothing in force changed.

Runs in the child process of an import, or in a thread. A million lines take some ten seconds and constant memory.
Needs the disk of the state directory; when that refuses, `BuildFailed`, and nothing is left behind. `Lists.adopt` puts
what was built through the guards and in force.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import attrs
from attrs import Factory, frozen

from shieldrelay.mail.address import AddressFault
from shieldrelay.recipients import overlay as overlays
from shieldrelay.recipients import version as versions
from shieldrelay.recipients.fault import FAULTS_SHOWN, BuildFailed, ListingFault, clipped
from shieldrelay.recipients.line import PATTERN_MARK, Entry, LineForm
from shieldrelay.recipients.names import Names, NoNames, open_names, write_names
from shieldrelay.recipients.overlay import Overlay
from shieldrelay.recipients.settings import Guards, ListSettings
from shieldrelay.recipients.shelf import Shelf, digest_of
from shieldrelay.recipients.sorting import Sorter
from shieldrelay.recipients.standing import Standing
from shieldrelay.recipients.tally import Tally
from shieldrelay.recipients.version import Origin, Version, Who

PROGRESS_LINES = 10_000
"""Lines between two words of progress."""


@frozen
class Lines:
    """One source of lines.

    :ivar name: for the faults.
    :ivar lines: with or without their line ends.
    :ivar otherwise: how a name without a word stands.
    """

    name: str
    lines: Iterable[bytes]
    otherwise: Standing = Standing.LISTED


@frozen
class Current:
    """What is in force while a version is built: to be compared with it, and the pushes to be folded into it.

    :ivar number: of the version; 0 for none.
    """

    number: int = 0
    names: Names = Factory(NoNames)
    case_sensitive: bool = False
    overlay: Overlay = overlays.NOTHING
    serial: int = 0

    def without_overlay(self) -> Current:
        """Give it with the pushes to be left out of the new version, and dropped with it."""
        return attrs.evolve(self, overlay=overlays.NOTHING)


@frozen
class BuiltVersion:
    """A version that nobody has adopted.

    :ivar file: its entries; whoever adopts it takes the file away.
    :ivar faults: the first lines that are no recipients, and a word on the others.
    """

    file: Path
    version: Version
    faults: tuple[ListingFault, ...] = ()

    @property
    def count(self) -> int:
        """Entries of all sorts."""
        return self.version.count

    def document(self) -> dict[str, Any]:
        """Give what JSON can carry out of the child."""
        return {
            "file": str(self.file),
            "version": versions.encode(self.version).decode("ascii"),
            "faults": [[fault.file, fault.line, fault.wrong] for fault in self.faults],
        }

    def discard(self) -> None:
        """Remove its file, when it is not to be adopted."""
        self.file.unlink(missing_ok=True)


def from_document(document: dict[str, Any]) -> BuiltVersion:
    """Read what `BuiltVersion.document` gave, JSON in between.

    :raises ValueError: it is not that.
    """
    try:
        version = versions.decode(document["version"].encode("ascii"))
        faults = tuple(ListingFault(*fault) for fault in document["faults"][: FAULTS_SHOWN + 1])
        return BuiltVersion(Path(document["file"]), version, faults)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"this is no version: {error}") from None


def build(
    settings: ListSettings,
    lines: Iterable[bytes],
    state: Path,
    progress: Callable[[int], object],
    *,
    origin: Origin,
    made_at: float,
    further: Iterable[Lines] = (),
    current: Current | None = None,
) -> BuiltVersion:
    """Build one version. Blocking.

    :param lines: in the line form (`recipients.line`), named in faults by ``origin.source``.
    :param state: the node's state directory; the file is made in the domain's part of it.
    :param progress: told the number of lines so far, now and then.
    :param made_at: seconds since the epoch.
    :param further: more lines, as of former recipients and traps.
    :param current: what is in force; without it, it is opened here, which only a process of its own may do.
    :raises BuildFailed: the disk refuses, or there is more than the settings allow.
    """
    shelf = Shelf(state, settings.domain)
    reading = _Reading(settings, progress)
    aside = shelf.aside()
    try:
        shelf.prepare()
    except OSError as error:
        raise BuildFailed(_words(error)) from error
    try:
        current = current_of(shelf) if current is None else current
        with Sorter(shelf.directory) as sorter:
            reading.read((Lines(origin.source, lines), *further), sorter)
            tally = Tally()
            write_names(aside, _passing(sorter, current, settings, tally))
        version = _version(settings, origin, made_at, current, tally, reading, aside)
    except BaseException as error:
        aside.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise BuildFailed(_words(error)) from error
        raise
    return BuiltVersion(aside, version, clipped(origin.source, reading.faults, reading.fault_count))


def fold(settings: ListSettings, state: Path, current: Current, made_at: float, note: str) -> BuiltVersion:
    """Build the version that is in force with all that was pushed since. Blocking.

    :raises BuildFailed: the disk refuses.
    """
    shelf = Shelf(state, settings.domain)
    aside, tally = shelf.aside(), Tally()
    settings = attrs.evolve(settings, case_sensitive=current.case_sensitive)
    try:
        old = current.names.items()
        write_names(aside, tally.compared(tally.over(current.overlay.over(current.names.items())), old))
        origin = Origin(source="pushed", who=Who.PUSH, note=note)
        version = _version(settings, origin, made_at, current, tally, _Reading(settings, _nothing), aside)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    return BuiltVersion(aside, version)


def examine(settings: ListSettings, sources: Iterable[Lines]) -> tuple[int, tuple[ListingFault, ...]]:
    """Read lines without building anything, for a check of the configuration.

    :returns: the number of lawful entries (those named twice count twice), and the faults.
    """
    reading = _Reading(settings, _nothing)
    count = sum(1 for source in sources for _ in reading.entries(source))
    return count, clipped(settings.location or settings.domain, reading.faults, reading.fault_count)


def current_of(shelf: Shelf) -> Current:
    """Open what is in force; an unreadable one counts as none, for `Lists` tells of it. Not while `Lists` has it open.

    :raises OSError: it cannot be read.
    """
    try:
        pointer = shelf.pointer()
        version = shelf.whole(pointer.version)
        overlay = shelf.overlay(pointer)
    except ValueError:
        return Current()
    names = open_names(shelf.file(version.number), version.names_octets)
    return Current(version.number, names, version.case_sensitive, overlay, pointer.serial)


def _words(error: OSError) -> str:
    return (error.strerror or "the disk refuses").lower()


def _nothing(_lines: int) -> None:
    """Tell nobody of progress."""


class _Reading:
    """Reads lines into entries, counting lines, faults and patterns on the way."""

    def __init__(self, settings: ListSettings, progress: Callable[[int], object]) -> None:
        self._form = LineForm(settings.names, case_sensitive=settings.case_sensitive)
        self._guards: Guards = settings.guards
        self._progress = progress
        self._patterns = 0
        self.line_count = 0
        self.fault_count = 0
        self.faults: list[ListingFault] = []

    def read(self, sources: Iterable[Lines], sorter: Sorter) -> None:
        """Read all.

        :raises BuildFailed: there are more entries than allowed.
        """
        left = self._guards.entries_most
        for source in sources:
            for entry in self.entries(source):
                left -= 1
                if left < 0:
                    raise BuildFailed(f"the list has more than {self._guards.entries_most} entries")
                sorter.add(entry)
        self._progress(self.line_count)

    def entries(self, source: Lines) -> Iterator[Entry]:
        """Give the entries of one source; faults are noted."""
        read, otherwise = self._form.entry, source.otherwise
        for number, line in enumerate(source.lines, 1):
            self.line_count += 1
            if self.line_count % PROGRESS_LINES == 0:
                self._progress(self.line_count)
            try:
                entry = read(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line, otherwise)
                if entry is not None:
                    self._count_pattern(entry)
                    yield entry
            except AddressFault as fault:
                self._note(ListingFault(source.name, number, str(fault)))

    def _count_pattern(self, entry: Entry) -> None:
        if entry.key[:1] == PATTERN_MARK:
            self._patterns += 1
            if self._patterns > self._guards.patterns_most:
                raise AddressFault(f"there are more than {self._guards.patterns_most} patterns")

    def _note(self, fault: ListingFault) -> None:
        self.fault_count += 1
        if len(self.faults) < FAULTS_SHOWN:
            self.faults.append(fault)


def _passing(sorter: Sorter, current: Current, settings: ListSettings, tally: Tally) -> Iterator[Entry]:
    """Give the entries of the new version, the pushes folded in, counted and compared."""
    entries = tally.over(current.overlay.over(sorter.entries()))
    if not current.number or current.case_sensitive is not settings.case_sensitive:
        return entries
    return tally.compared(entries, current.overlay.over(current.names.items()))


def _version(
    settings: ListSettings,
    origin: Origin,
    made_at: float,
    current: Current,
    tally: Tally,
    reading: _Reading,
    file: Path,
) -> Version:
    comparable = current.case_sensitive is settings.case_sensitive
    return Version(
        number=0,
        made_at=made_at,
        origin=origin,
        listed=tally.counts[Standing.LISTED],
        former=tally.counts[Standing.FORMER],
        traps=tally.counts[Standing.TRAP],
        patterns=tally.patterns,
        case_sensitive=settings.case_sensitive,
        digest=tally.digest,
        names_octets=tally.names_octets,
        file_octets=file.stat().st_size,
        file_digest=digest_of(file),
        lines=reading.line_count,
        faults=reading.fault_count,
        against=current.number if comparable else 0,
        lost=tally.lost,
        folded=current.serial,
    )
