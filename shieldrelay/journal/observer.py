"""What Twisted and libraries log, into the journal: warnings and worse, and every failure.

`JournalObserver` is given to Twisted's logger by `tap` in the place of its text log. Chatter is dropped.
"""

from __future__ import annotations

from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent
from zope.interface import implementer

from shieldrelay.ports import Journal


@implementer(ILogObserver)
class JournalObserver:
    """Tells a journal what is logged."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def __call__(self, event: LogEvent) -> None:
        """Take one event of ``twisted.logger``."""
        level = event.get("log_level") or LogLevel.info
        failure = event.get("log_failure")
        if failure is None and level < LogLevel.warn:
            return
        self._journal.event(
            "log",
            severity=level.name,
            namespace=str(event.get("log_namespace", "")),
            text=formatEvent(event),
            traceback=None if failure is None else failure.getTraceback(),
        )
