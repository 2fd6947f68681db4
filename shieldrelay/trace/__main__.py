"""The processes of the trace: ``python -m shieldrelay.trace index`` and ``... search``.

The first line on standard input has the settings. The input stays open as long as there is a node: when it ends, so
does the process. ``index`` says its state each second, ``search`` answers one question a line, both as JSON.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shieldrelay.trace import veil
from shieldrelay.trace.indexer import Indexer
from shieldrelay.trace.question import question_of
from shieldrelay.trace.search import Search, written
from shieldrelay.trace.settings import TraceSettings, decode
from shieldrelay.trace.shelf import ShelfInUse
from shieldrelay.trace.story import story
from shieldrelay.trace.veil import Veil

SETTINGS_OCTETS = 16 << 20
MEMORY_OCTETS = 512 << 20
NICE = {"index": 19, "search": 5}
"""Mail goes first."""


def _tell(words: Mapping[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(words, separators=(",", ":")).encode("ascii") + b"\n")
    sys.stdout.buffer.flush()


def _index(settings: TraceSettings) -> None:
    stopping = False

    def stop(_signal: int, _frame: object) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)

    def wait(seconds: float) -> bool:
        heard, _, _ = select.select([0], [], [], seconds)
        return not stopping and not (heard and not os.read(0, 4096))

    Indexer(settings, _tell, wait, seconds=time.monotonic, wall=time.time).run()


def _search(settings: TraceSettings) -> None:
    directory = Path(settings.directory)
    search: Search | None = None
    for line in sys.stdin.buffer:
        asked = json.loads(line)
        if search is None and (directory / "key").exists():
            search = Search(settings, Veil(veil.secret_of(directory)), seconds=time.monotonic, wall=time.time)
        _tell({"number": asked["number"], **_answer(search, asked)})


def _answer(search: Search | None, asked: Mapping[str, Any]) -> dict[str, Any]:
    if search is None:
        return {"lines": [], "after": None, "newest": "", "searched_to": None, "sessions": [], "messages": [],
                "whole": True}  # fmt: skip
    try:
        if "id" in asked:
            return story(search, asked["id"])
        page = search.page(question_of(asked["question"]))
    except ValueError as fault:
        return {"fault": str(fault)}
    return {
        "lines": [search.shown(one) for one in page.found],
        "after": None if page.more is None else written(page.more),
        "newest": search.newest(),
        "searched_to": page.searched_to,
    }


def main(argv: list[str]) -> int:
    """Do the work of a role; give the exit status."""
    role = argv[1]
    settings = decode(sys.stdin.buffer.readline(SETTINGS_OCTETS))
    os.umask(0o077)
    os.nice(NICE[role])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_OCTETS, MEMORY_OCTETS))
    try:
        if role == "index":
            _index(settings)
        else:
            _search(settings)
    except ShelfInUse as fault:
        sys.stderr.write(f"{fault}\n")
        return os.EX_TEMPFAIL
    except BrokenPipeError:
        return os.EX_OK
    return os.EX_OK


if __name__ == "__main__":
    sys.exit(main(sys.argv))
