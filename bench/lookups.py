"""Build a list, put it in force and look recipients up: ``python -m bench.lookups STATE COUNT``; the last line is JSON.

A process of its own, without a relay. Look-ups are timed in random order over the whole list; the microseconds are of
this process's CPU and include the loop.
"""

from __future__ import annotations

import json
import random
import sys
import time
from pathlib import Path

from bench.accounting import memory
from shieldrelay.mail.address import parse_mailbox
from shieldrelay.recipients.builder import Current, build
from shieldrelay.recipients.lists import Lists
from shieldrelay.recipients.settings import ListKind, ListSettings
from shieldrelay.recipients.version import Origin

_ASKED = 100_000


def looked_up(state: Path, count: int) -> dict[str, float]:
    """Build and ask; gives seconds, octets, MB and microseconds."""
    state.mkdir(parents=True, exist_ok=True)
    settings = ListSettings(domain="example.com", kind=ListKind.FETCHED, location="the bench")
    begun, cpu = time.monotonic(), time.process_time()
    lines = (b"first.last%d@example.com\n" % number for number in range(count))
    origin = Origin(source="the bench")
    built = build(settings, lines, state, lambda _: None, origin=origin, made_at=time.time(), current=Current())
    figures = {"build seconds": time.monotonic() - begun, "build cpu seconds": time.process_time() - cpu}
    figures["recipients"] = built.version.listed
    lists = Lists(state)
    lists.install(lists.prepare([settings], time.time()), time.time())
    begun = time.monotonic()
    lists.adopt("example.com", built, time.time())
    figures["adopt seconds"] = time.monotonic() - begun
    figures["disk mb"] = sum(each.stat().st_blocks * 512 for each in state.rglob("*") if each.is_file()) / 1e6
    figures["listed look-up us"] = _asked(lists, [b"first.last%d" % random.randrange(count) for _ in range(_ASKED)])
    figures["unknown look-up us"] = _asked(lists, [b"nobody%d" % random.randrange(count) for _ in range(_ASKED)])
    figures["looking up rss mb"] = memory([_pid()]).rss
    return figures


def _pid() -> int:
    return int(Path("/proc/self").readlink().name)


def _asked(lists: Lists, names: list[bytes]) -> float:
    mailboxes = [parse_mailbox(b"%b@example.com" % name) for name in names]
    begun = time.process_time()
    for mailbox in mailboxes:
        lists.lookup(mailbox)
    return (time.process_time() - begun) / len(mailboxes) * 1e6


def main(words: list[str]) -> None:
    """Run as the command line says."""
    print(json.dumps(looked_up(Path(words[0]), int(words[1]))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
