"""What the child does: one request, from the source to a file of entries. Blocking and alone in its process.

A fault is an `ImportFault`. The reactor is an argument, made only when a network is asked. What the process may use is
limited by `confine` before anything of a stranger is read.
"""

from __future__ import annotations

import os
import resource
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, BinaryIO

import attrs
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from shieldrelay.importer.answer import Fetched, ImportResult, Progress, Stage, Unchanged
from shieldrelay.importer.build import build_version
from shieldrelay.importer.entries import Entries
from shieldrelay.importer.fault import FaultKind, ImportFault, system_words
from shieldrelay.importer.json_lines import read_json_lines
from shieldrelay.importer.ldap_presets import LDIF_ATTRIBUTES
from shieldrelay.importer.ldif import read_ldif
from shieldrelay.importer.plain import read_plain
from shieldrelay.importer.request import ImportRequest
from shieldrelay.importer.settings import Form, Limits, SourceKind, SourceSettings
from shieldrelay.importer.stamp import seal, stamp_of, unseal
from shieldrelay.importer.table import read_table

TELL_SECONDS = 0.5
"""Between two words on progress."""
GRACE_SECONDS = 30
"""Beyond its limit the child lives no longer than this, whether or not anyone is left to kill it."""
_WATCH_OCTETS = 1 << 18

ReactorMaker = Callable[[], Any]


def confine(limits: Limits) -> None:
    """Bound what this process may use: memory, time, no core dumps, files that only their owner reads."""
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (limits.memory_octets, limits.memory_octets))
    signal.alarm(int(limits.total_seconds) + GRACE_SECONDS)


def end_with(parent: int) -> None:
    """Have this process end, without a word, as soon as its parent is gone: nobody would hear the answer.

    :param parent: the descriptor of a pipe to which nobody writes any more; a parent that ends, however, lets go of it.
    """
    threading.stack_size(_WATCH_OCTETS)  # a default one would count as 8 MiB of the memory that an import may have
    threading.Thread(target=_watch, args=(parent,), name="parent", daemon=True).start()


def _watch(parent: int) -> None:
    os.read(parent, 1)  # not by a file: its lock would be held when the interpreter ends
    os._exit(FaultKind.STOPPED.exit_status)


def perform(
    request: ImportRequest, path: Path, make_reactor: ReactorMaker, tell: Callable[[Progress], object]
) -> ImportResult:
    """Fetch all entries into the file at ``path``.

    :param tell: called with progress, at most every `TELL_SECONDS`.
    :raises ImportFault: there is no list; the file may be there in part.
    """
    began = time.monotonic()
    source = request.source
    entries = Entries(request.names, path, source.limits, _throttled(tell, Stage.FETCHING))
    marks = request.marks()
    validator, modified = _read(request, path, entries, make_reactor)
    validator = None if validator is None else seal(validator, marks)
    if not modified:
        return Unchanged(validator=validator, seconds=time.monotonic() - began)
    entries.close()
    if source.kind is not SourceKind.FILE:
        entries.must_have_some()
    digest = seal(entries.digest, marks)
    if digest == request.known_digest:
        return Unchanged(validator=validator, seconds=time.monotonic() - began)
    fetched = Fetched(
        path=str(path),
        entries=entries.count,
        digest=digest,
        validator=validator,
        elsewhere=entries.elsewhere,
        others=entries.others,
        fault_count=entries.fault_count,
        faults=tuple(entries.faults),
    )
    if request.listing is not None:
        fetched = build_version(request, request.listing, fetched, path, _throttled(tell, Stage.BUILDING))
    return attrs.evolve(fetched, seconds=time.monotonic() - began)


def _throttled(tell: Callable[[Progress], object], stage: Stage) -> Callable[[int], None]:
    last = time.monotonic()

    def tick(done: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= TELL_SECONDS:
            last = now
            tell(Progress(stage, done))

    return tick


def _read(
    request: ImportRequest, path: Path, entries: Entries, make_reactor: ReactorMaker
) -> tuple[str | None, bool]:
    """Read the source; give its validator and whether there was anything new."""
    source = request.source
    if source.kind.is_local:
        return _read_file(source, entries), True
    if source.kind is SourceKind.HTTPS:
        return _read_web(request, path, entries, make_reactor)
    _read_directory(source, entries, make_reactor)
    return None, True


_FORMS = {SourceKind.FILE: Form.PLAIN, SourceKind.CSV: Form.CSV, SourceKind.LDIF: Form.LDIF}


def _read_file(source: SourceSettings, entries: Entries) -> str:
    """Read a file of this machine; one that changes meanwhile is not whole."""
    try:
        with Path(source.location).open("rb") as file:
            before = os.fstat(file.fileno())
            if before.st_size > source.limits.octets:
                raise ImportFault(FaultKind.TOO_LARGE, f"{source.location} has {before.st_size} octets")
            _parse(_FORMS[source.kind], file, source, entries)
            stamp = stamp_of(before)
            if stamp != stamp_of(os.fstat(file.fileno())) or stamp != stamp_of(Path(source.location).stat()):
                raise ImportFault(FaultKind.INCOMPLETE, f"{source.location} changed while it was read")
    except OSError as error:
        raise ImportFault(FaultKind.UNREADABLE, f"{source.location}: {system_words(error)}") from None
    return stamp


def _parse(form: Form, file: BinaryIO, source: SourceSettings, entries: Entries) -> None:
    match form:
        case Form.PLAIN:
            read_plain(file, entries)
        case Form.CSV:
            read_table(file, source.csv, entries)
        case Form.LDIF:
            read_ldif(file, source.ldap.attributes or LDIF_ATTRIBUTES, entries)
        case Form.JSON_LINES:
            read_json_lines(file, entries)


def _read_web(request: ImportRequest, path: Path, entries: Entries, make_reactor: ReactorMaker) -> tuple[str, bool]:
    """Fetch a document beside the entries' file, then read it; when it is not modified nothing is read."""
    from shieldrelay.importer.web import fetch  # 0.3 s, which files need not wait for

    source = request.source
    with tempfile.TemporaryFile(dir=path.parent) as file:
        reactor = make_reactor()
        known = unseal(request.validator, request.marks())
        document = _run(reactor, fetch(reactor, source, known, file), source.limits)
        if document.modified:
            file.seek(0)
            _parse(source.https.form, file, source, entries)
    return document.validator, document.modified


def _read_directory(source: SourceSettings, entries: Entries, make_reactor: ReactorMaker) -> None:
    from shieldrelay.importer.ldap import read_directory  # as above

    reactor = make_reactor()
    _run(reactor, read_directory(reactor, source, entries), source.limits)


def _run(reactor: Any, work: Coroutine[Deferred[Any], Any, Any], limits: Limits) -> Any:
    """Run the reactor until the work has ended; give its result.

    :raises ImportFault: it failed, or took too long.
    """
    results: list[Any] = []

    def late(_result: object, seconds: float) -> None:
        raise ImportFault(FaultKind.TOO_SLOW, f"it was not done within {seconds:g} s")

    def begin() -> None:
        done = Deferred.fromCoroutine(work)
        done.addTimeout(limits.total_seconds, reactor, late)
        done.addBoth(results.append)
        done.addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(begin)
    reactor.run(installSignalHandlers=False)
    if isinstance(results[0], Failure):
        results[0].raiseException()
    return results[0]
