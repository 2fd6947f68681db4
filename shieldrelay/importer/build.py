"""From the fetched entries to a version of the list, still in the child: nothing in force changes."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import attrs

from shieldrelay.importer.answer import Fetched
from shieldrelay.importer.fault import FaultKind, ImportFault, system_words
from shieldrelay.importer.request import ImportRequest
from shieldrelay.recipients.builder import Lines, build
from shieldrelay.recipients.fault import BuildFailed
from shieldrelay.recipients.settings import ListSettings
from shieldrelay.recipients.standing import Standing
from shieldrelay.recipients.version import Origin


def build_version(
    request: ImportRequest, listing: ListSettings, fetched: Fetched, path: Path, tick: Callable[[int], object]
) -> Fetched:
    """Build a version of what was fetched; the file of entries is gone afterwards.

    :param tick: called with the lines so far.
    :raises ImportFault: a file beside cannot be read, or the version cannot be written.
    """
    origin = Origin(
        source=str(request.source), source_digest=fetched.digest, validator=fetched.validator, note=request.note
    )
    try:
        with ExitStack() as files:
            lines = files.enter_context(path.open("rb"))
            further = [
                Lines(name, files.enter_context(Path(name).open("rb")), standing)
                for name, standing in ((listing.former_file, Standing.FORMER), (listing.traps_file, Standing.TRAP))
                if name is not None
            ]
            built = build(
                listing, lines, Path(request.state), tick, origin=origin, made_at=time.time(), further=further
            )
    except OSError as error:
        raise ImportFault(FaultKind.UNREADABLE, f"{error.filename}: {system_words(error)}") from None
    except BuildFailed as failed:
        raise ImportFault(FaultKind.UNREADABLE, f"building the version: {failed}") from None
    path.unlink(missing_ok=True)
    return attrs.evolve(fetched, path=None, built=built)
