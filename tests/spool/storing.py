"""A process that stores messages with real threads: ``python -m tests.spool.storing ROOT COUNT CALLERS``.

It writes the id of each message on a line of its own once it was acknowledged, ``-`` and the id once it was refused.
Run by the integration tests, which cut its power or fail its system calls. It has
as many threads as callers, sixteen at most.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from twisted.internet import selectreactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.python.failure import Failure

from shieldrelay.spool.content import MemoryContent
from shieldrelay.spool.faults import SpoolUnavailable
from shieldrelay.spool.maildir import Spool
from shieldrelay.testing.journal import ListJournal
from shieldrelay.wire.threads import Threads, Waker
from tests.spool.samples import DOMAIN, a_content, a_message

CHECKOUT = Path(__file__).resolve().parents[2]
"""Where ``python -m tests.spool.storing`` can be said."""


def say(line: str) -> None:
    """Write a line at once: it must be out before anything else happens."""
    os.write(1, line.encode() + b"\n")


async def store_all(spool: Spool, ids: Iterator[str]) -> None:
    """Store one message after the other, as one caller."""
    for id in ids:
        try:
            await spool.store(a_message(id), MemoryContent((a_content(id),)), due=time.time())
        except SpoolUnavailable as fault:
            say(f"- {id} {fault}")
        else:
            say(id)


async def run(reactor: Waker, root: str, count: int, callers: int) -> None:
    """Store so many messages from so many callers."""
    threads = Threads(reactor, "spool", min(callers, 16))
    spool = Spool(root, "node1", threads=threads, journal=ListJournal(), wall_clock=time.time)
    spool.open()
    await spool.prepare(DOMAIN)
    say("ready")
    ids = iter([f"M{number}" for number in range(count)])
    await gatherResults([Deferred.fromCoroutine(store_all(spool, ids)) for _ in range(callers)])


def main() -> None:
    """Run until everything is stored; the exit code tells of bugs only."""
    selectreactor.install()
    from twisted.internet import reactor

    faults: list[Failure] = []

    def begin() -> None:
        waker = cast(Waker, reactor)
        running = Deferred.fromCoroutine(run(waker, sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
        running.addErrback(faults.append).addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(begin)
    reactor.run()
    for fault in faults:
        fault.printTraceback(file=sys.stderr)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
