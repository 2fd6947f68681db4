"""`AuditLog`: who did what, from where, and what came of it: every change, every log-in, and what was not granted.

Told to the journal (``audit``), kept in memory for the API, and in a file of two halves under the state directory, of
which the older makes room: it is bounded. A disk that fails, or hangs, costs lines of the file, which the journal has
all the same. Lines are written at once, in a thread, one thread at a time, and not synced.
"""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from attrs import asdict, frozen
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure

from shieldrelay.admin.limits import Failures
from shieldrelay.admin.roles import Caller
from shieldrelay.ports import Journal, WallClock

ENTRIES_MOST = 5000
"""Entries that the API can give."""
FILE_OCTETS = 4 << 20
"""The size at which a half is full."""
PENDING_MOST = 1000
"""Lines that wait for the disk at most."""
TARGET_CHARACTERS = 300
STRANGERS_MOST = 200
"""Entries about who did not come in, in ten minutes: they must not push out the others."""


InThread = Callable[[Callable[[], None]], Deferred[None]]


@frozen
class AuditPicture:
    """One thing that somebody did or tried.

    :ivar number: counts up; it goes on after a restart.
    :ivar way: ``socket``, ``token``, ``session``, ``peer``, or ``none`` for who did not come in.
    :ivar source: address of who asked; empty on the machine itself.
    :ivar action: method and path, without the query.
    :ivar domain: whose protected domain it was about; empty: the whole node.
    :ivar status: of the answer, as in HTTP; ``code`` the word of a refusal.
    """

    number: int
    at: float
    who: str
    role: str
    way: str
    source: str
    action: str
    domain: str
    status: int
    code: str = ""


@frozen
class AuditPage:
    """A page, newest first; ``after`` asks for the next one, ``None`` on the last."""

    entries: tuple[AuditPicture, ...]
    after: str | None = None


class AuditLog:
    """Keeps it.

    :param file: the newer half; the older has ``.1`` behind its name.
    :param in_thread: runs what may wait for the disk in a thread; by default at once.
    """

    def __init__(
        self, file: Path, wall: WallClock, journal: Journal, in_thread: InThread = maybeDeferred
    ) -> None:
        self._file = file
        self._older = file.with_name(file.name + ".1")
        self._wall = wall
        self._journal = journal
        self._entries: deque[AuditPicture] = deque(maxlen=ENTRIES_MOST)
        self._number = 0
        self._octets = 0
        self._failing = False
        self._in_thread = in_thread
        self._pending: list[bytes] = []
        self._writing = False
        self._waiting: list[Deferred[None]] = []
        self._strangers = Failures(STRANGERS_MOST, wall)

    def load(self) -> None:
        """Read what is kept; lines that make no sense are passed over."""
        for file in (self._older, self._file):
            try:
                octets = file.read_bytes()
            except FileNotFoundError:
                continue
            self._octets = len(octets) if file is self._file else 0
            self._entries.extend(_read(octets[-2 * FILE_OCTETS :]))
        self._number = max((each.number for each in self._entries), default=0)

    def note(self, caller: Caller, action: str, domain: str, status: int, code: str = "") -> None:
        """Note what somebody did; never fails."""
        self._add(caller.name, caller.role.value, caller.way, caller.source, action, domain, status, code)

    def note_stranger(self, who: str, source: str, action: str, status: int, code: str) -> None:
        """Note somebody who did not come in, under the name that they gave; of many, the first some only."""
        if self._strangers.wait("") <= 0:
            self._strangers.add("")
            self._add(who, "", "none", source, action, "", status, code)

    def _add(
        self, who: str, role: str, way: str, source: str, action: str, domain: str, status: int, code: str
    ) -> None:
        self._number += 1
        at, action = round(self._wall(), 3), action[:TARGET_CHARACTERS]
        entry = AuditPicture(self._number, at, who[:200], role, way, source, action, domain, status, code)
        self._entries.append(entry)
        self._journal.event(
            "audit", who=entry.who, role=role, way=way, source=source, action=action, domain=domain, status=status,
            code=code,
        )  # fmt: skip
        self._write(json.dumps(asdict(entry), separators=(",", ":")).encode("ascii") + b"\n")

    def page(self, limit: int, before: int | None, domains: frozenset[str] | None) -> AuditPage:
        """Give a page, newest first.

        :param before: entries of lower numbers only.
        :param domains: entries about these only.
        """
        found = []
        for entry in reversed(self._entries):
            if before is not None and entry.number >= before:
                continue
            if domains is not None and entry.domain not in domains:
                continue
            found.append(entry)
            if len(found) > limit:
                break
        page = tuple(found[:limit])
        return AuditPage(page, str(page[-1].number) if len(found) > limit else None)

    def written(self) -> Deferred[None]:
        """Fire when everything noted so far is written, or lost."""
        done: Deferred[None] = Deferred()
        if self._writing:
            self._waiting.append(done)
        else:
            done.callback(None)
        return done

    def _write(self, line: bytes) -> None:
        if len(self._pending) >= PENDING_MOST:
            self._failed(Failure(OSError(f"{PENDING_MOST} lines wait for the disk already")))
            return
        self._pending.append(line)
        self._go_on()

    def _go_on(self) -> None:
        """Have what waits written, unless somebody writes already."""
        if self._writing:
            return
        if not self._pending:
            waiting, self._waiting = self._waiting, []
            for one in waiting:
                one.callback(None)
            return
        self._writing = True
        lines, self._pending = b"".join(self._pending), []
        writing = self._in_thread(partial(self._store, lines))
        writing.addCallbacks(self._stored, self._failed).addBoth(self._ended)

    def _ended(self, _outcome: object) -> None:
        self._writing = False
        self._go_on()

    def _stored(self, _nothing: object) -> None:
        self._failing = False

    def _failed(self, failure: Failure) -> None:
        if not self._failing:
            self._failing = True
            reason = getattr(failure.value, "strerror", None) or str(failure.value)
            self._journal.event("audit_unwritten", file=str(self._file), reason=reason)

    def _store(self, lines: bytes) -> None:
        """Write, in the thread; only one is in here at a time."""
        if self._octets + len(lines) > FILE_OCTETS:
            self._file.replace(self._older)
            self._octets = 0
        self._append(lines)
        self._octets += len(lines)

    def _append(self, lines: bytes) -> None:
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        try:
            os.write(descriptor, lines)
        finally:
            os.close(descriptor)


def _read(octets: bytes) -> Iterator[AuditPicture]:
    for line in octets.splitlines():
        try:
            read: dict[str, Any] = json.loads(line)
            yield AuditPicture(**read)
        except (ValueError, TypeError):
            continue
