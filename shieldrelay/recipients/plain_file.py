"""A list that is a plain file of the operator's: read at start and reload, built only when it changed.

Blocking; called by `Lists`. A file that cannot be read is a fault like a line that is no recipient.
"""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from pathlib import Path

from attrs import frozen

from shieldrelay.recipients.builder import BuiltVersion, Lines, build
from shieldrelay.recipients.domain_list import DomainList
from shieldrelay.recipients.fault import BuildFailed, ListingFault
from shieldrelay.recipients.guards import faulty
from shieldrelay.recipients.settings import ListSettings
from shieldrelay.recipients.standing import Standing
from shieldrelay.recipients.version import Origin


@frozen
class FileList:
    """A changed file, built and not adopted."""

    domain: str
    built: BuiltVersion


def files_of(settings: ListSettings) -> tuple[tuple[str, Standing], ...]:
    """Name the files of a domain, each with the standing of its lines that have no word."""
    files = (
        (settings.location, Standing.LISTED),
        (settings.former_file, Standing.FORMER),
        (settings.traps_file, Standing.TRAP),
    )
    return tuple((path, standing) for path, standing in files if path)


def read_file_list(one: DomainList, state: Path, now: float) -> tuple[FileList | None, tuple[ListingFault, ...]]:
    """Build a domain's file aside when it is not what is in force.

    :returns: what was built, if anything; and why it could not be.
    """
    settings = one.settings
    try:
        digest = _digest(settings)
        if one.version is not None and digest == one.pointer.source_digest:
            return None, ()
        with ExitStack() as opened:
            first, *further = (
                Lines(path, opened.enter_context(Path(path).open("rb")), standing)
                for path, standing in files_of(settings)
            )
            origin = Origin(source=settings.location, source_digest=digest)
            current = one.current()
            built = build(
                settings, first.lines, state, _ignore, origin=origin, made_at=now, further=further, current=current
            )
    except OSError as error:
        return None, (_unreadable(error, settings),)
    except BuildFailed as error:
        return None, (ListingFault(settings.location, None, str(error)),)
    if faulty(settings.guards, built.version) is not None:
        built.discard()
        return None, built.faults
    return FileList(settings.domain, built), ()


def _unreadable(error: OSError, settings: ListSettings) -> ListingFault:
    file = error.filename if isinstance(error.filename, str) else settings.location
    return ListingFault(file, None, (error.strerror or "it cannot be read").lower())


def _digest(settings: ListSettings) -> str:
    """Tell one state of the files, and of what decides how they are read, from another.

    :raises OSError: one cannot be read.
    """
    digest = hashlib.sha256(repr((settings.names, settings.case_sensitive)).encode("ascii"))
    for path, standing in files_of(settings):
        with Path(path).open("rb") as file:
            digest.update(standing.value.encode("ascii") + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _ignore(_lines: int) -> None:
    """Tell nobody of progress."""
