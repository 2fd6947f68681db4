"""The journal itself: events in, lines out, at a few microseconds each.

Lines are gathered and written by `flush`, which the assembly calls every 50 to 100 ms and at the end; a full buffer
flushes itself. When writing fails, lines are kept up to a cap, then lost and counted, and one event tells how many
as soon as writing works again. Never raises.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from json.encoder import encode_basestring_ascii as quoted

from shieldrelay.journal.encoding import encode_fields
from shieldrelay.journal.events import EVENTS, Level
from shieldrelay.journal.output import Output
from shieldrelay.journal.recent import KEPT, Recent
from shieldrelay.ports import WallClock

FLUSH_OCTETS = 65536
"""Gathered lines beyond this are written at once."""

PENDING_OCTETS = 1 << 20
"""What is kept at most while writing fails."""

LABELS = 1000
"""Counters at most; further label values count as ``other``."""

Listener = Callable[[str, Mapping[str, object]], object]
"""Is given an event's name and fields; answers at once."""


class Journal:
    """A `shieldrelay.ports.Journal` that writes JSON, one flat object a line.

    :param worker: which process of the node tells; 0 when there is one only, and then its lines do not say so.
    :ivar counts: how often each event happened, told or not, by name and label (``""`` for events without one);
        metrics are read from here.
    :ivar recent: what happened lately, of the kinds that operators look back at.
    :ivar lost: lines lost since writing last worked.
    :ivar trouble: why writing fails now, ``""`` while it works.
    """

    def __init__(self, output: Output, *, node: str, wall: WallClock, worker: int = 0) -> None:
        self._output = output
        self._wall = wall
        self._node = quoted(node) + (f',"worker":{worker}' if worker else "")
        self._second = -1
        self._stamp = ""
        self._lines: list[str] = []
        self._gathered = 0
        self._rest = b""
        self.counts: dict[tuple[str, str], int] = {}
        self.recent = Recent()
        self.lost = 0
        self.trouble = ""
        self._heads = {name: self._head(name, event.level) for name, event in EVENTS.items()}
        self._labels = {name: event.label for name, event in EVENTS.items() if event.label}
        self._listeners: dict[str, tuple[Listener, ...]] = {}

    def event(self, name: str, **fields: object) -> None:
        """Tell one event (`shieldrelay.ports.Journal.event`)."""
        label = self._labels.get(name)
        self.count(name, "" if label is None else str(fields.get(label, "")))
        now = self._wall()
        second = int(now)
        if second != self._second:
            self._second = second
            self._stamp = time.strftime('{"ts":"%Y-%m-%dT%H:%M:%S.', time.gmtime(second))
        head = self._heads.get(name) or self._head(name, Level.WARN)
        said = encode_fields(fields)
        if name in KEPT:
            self.recent.add(name, now, said)
        self._gather(f"{self._stamp}{int((now - second) * 1000000):06d}{head}{said}}}\n")
        listeners = self._listeners.get(name)
        if listeners is not None:
            self._pass_on(listeners, name, fields)

    def hear(self, names: Iterable[str], listener: Listener) -> None:
        """Have somebody told of each event of these kinds, as it is told.

        :param listener: quick, since mail waits for it; one that raises is not called again.
        """
        for name in names:
            self._listeners[name] = (*self._listeners.get(name, ()), listener)

    def count(self, name: str, label: str = "") -> None:
        """Count one event (`shieldrelay.ports.Journal.count`)."""
        key = (name, label)
        count = self.counts.get(key)
        if count is None:
            key, count = self._first(key)
        self.counts[key] = count + 1

    def flush(self) -> None:
        """Write what was gathered, as far as it goes without waiting."""
        if self._lines:
            self._rest += "".join(self._lines).encode("ascii")
            self._lines.clear()
            self._gathered = 0
        if self._rest:
            self._write()

    def reopen(self) -> None:
        """Go on in a fresh file, after log rotation has moved the old one; on failure, in the old one."""
        self.flush()
        try:
            self._output.reopen()
        except OSError as error:
            self.event("log", severity="error", namespace="journal", text=f"cannot be reopened: {error.strerror}")

    def close(self) -> None:
        """Write what can be written and let go of the output."""
        self.flush()
        self._output.close()

    def counted(self, name: str) -> int:
        """Give how often an event happened, over all labels."""
        return sum(count for (event, _), count in self.counts.items() if event == name)

    def _pass_on(self, listeners: tuple[Listener, ...], name: str, fields: Mapping[str, object]) -> None:
        for listener in listeners:
            try:
                listener(name, fields)
            except Exception as bug:  # noqa: BLE001 - a listener's bug costs the listener, never the mail
                self._listeners = {
                    event: tuple(each for each in those if each is not listener)
                    for event, those in self._listeners.items()
                }
                self.event("bug", where="listening", error=repr(bug), traceback=traceback.format_exc())

    def _head(self, name: str, level: Level) -> str:
        return f'Z","level":"{level.value}","event":{quoted(name)},"node":{self._node}'

    def _first(self, key: tuple[str, str]) -> tuple[tuple[str, str], int]:
        """Give the counter for a key that is not there yet: its own, or the one for all others."""
        if len(self.counts) >= LABELS:
            key = (key[0], "other")
        return key, self.counts.get(key, 0)

    def _gather(self, line: str) -> None:
        if self._gathered + len(self._rest) > PENDING_OCTETS:
            self.lost += 1
            return
        self._lines.append(line)
        self._gathered += len(line)
        if self._gathered > FLUSH_OCTETS and not self._rest:
            self.flush()

    def _write(self) -> None:
        """Write as much as goes; what does not go is kept for the next time."""
        try:
            taken = self._output.write(self._rest)
        except OSError as error:
            self.trouble = error.strerror or "it cannot be written"
            return
        self._rest = self._rest[taken:]
        if self._rest:
            self.trouble = "it is not read fast enough"
        elif self.trouble or self.lost:
            self._recovered()

    def _recovered(self) -> None:
        lost, reason = self.lost, self.trouble
        self.lost, self.trouble = 0, ""
        if lost:
            self.event("journal_lost", lines=lost, reason=reason)
