"""Sorts the entries of a list in constant memory: runs of some thousand entries on disk, merged.

Blocking; called by the `builder`. Runs are files without a name, so nothing is left behind whatever happens. A full
disk is an OSError.
"""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO

from shieldrelay.recipients.line import CODES, STANDINGS, Entry

RUN_ENTRIES = 100_000
"""Entries that are held in memory, some 10 MB."""


class Sorter:
    """Takes entries in any order and gives them by key, each key once.

    Of several standings of one name the one of the lowest code holds (`line.CODES`).

    :param directory: of the runs.
    """

    def __init__(self, directory: Path, run_entries: int = RUN_ENTRIES) -> None:
        self._directory = directory
        self._run_entries = run_entries
        self._held: list[bytes] = []
        self._runs: list[IO[bytes]] = []

    def __enter__(self) -> Sorter:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: object, _traceback: TracebackType | None) -> None:
        for run in self._runs:
            run.close()

    def add(self, entry: Entry) -> None:
        """Take one."""
        self._held.append(b"%b\t%b\n" % (entry.key, CODES[entry.standing]))
        if len(self._held) >= self._run_entries:
            self._spill()

    def entries(self) -> Iterator[Entry]:
        """Give all, sorted as LMDB sorts; once, after the last `add`."""
        # no key has a TAB or anything below it but the mark of patterns in front, so lines sort as their keys do
        last = None
        for line in self._lines():
            key, _, code = line.rstrip(b"\n").partition(b"\t")
            if key != last:
                last = key
                yield Entry(key, STANDINGS[code])

    def _lines(self) -> Iterable[bytes]:
        self._held.sort()
        if not self._runs:
            return self._held
        for run in self._runs:
            run.seek(0)
        return heapq.merge(*self._runs, self._held)

    def _spill(self) -> None:
        run = tempfile.TemporaryFile(dir=self._directory)  # noqa: SIM115 (closed in __exit__)
        self._runs.append(run)
        run.writelines(sorted(self._held))
        run.flush()
        self._held = []
