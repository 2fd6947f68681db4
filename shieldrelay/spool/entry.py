"""What memory holds of a spooled message, and what one scan of a domain gives. Values only."""

from __future__ import annotations

import math

from attrs import field, frozen

from shieldrelay.mail.envelope import Message, Precedence
from shieldrelay.ports import Content
from shieldrelay.spool.name import precedence_of
from shieldrelay.spool.progress import Progress


@frozen
class Entry:
    """One spooled message, some 400 octets of memory; only those of the active window exist.

    :ivar domain: the part of the spool: a protected domain's comparison form, or ``_notices``.
    :ivar name: the file's name, which never changes (`shieldrelay.spool.name`).
    :ivar id: the message's id.
    :ivar size: octets of the file, the envelope block included.
    :ivar arrived: whole seconds since the epoch.
    :ivar due: when to try next, seconds since the epoch in whole milliseconds: the file's mtime.
    """

    domain: str
    name: str
    id: str
    size: int
    arrived: float
    due: float

    @property
    def precedence(self) -> Precedence:
        """What the message was granted; it is in the name."""
        return precedence_of(self.name)

    def due_at(self, due: float) -> Entry:
        """Give the same entry with another due time; the disk is not touched."""
        return Entry(self.domain, self.name, self.id, self.size, self.arrived, due)


@frozen
class Window:
    """What a scan of one domain found.

    :ivar entries: of each precedence those that are due first, all of them by (due, arrived).
    :ivar total: how many there are on disk, those on hold not counted.
    :ivar octets: the size of all of them together.
    :ivar horizon: the due time beyond which ordinary entries are only on disk; ``inf`` when these are all.
    :ivar known_good_horizon: the same for known-good ones.
    """

    entries: tuple[Entry, ...] = ()
    total: int = 0
    octets: int = 0
    horizon: float = field(default=math.inf)
    known_good_horizon: float = field(default=math.inf)


@frozen
class Tally:
    """What a domain has on disk: as of the last scan, and counted on since.

    :ivar entries: messages, those on hold not counted.
    :ivar octets: their files' size.
    """

    entries: int = 0
    octets: int = 0


@frozen
class Record:
    """A spooled message as it was read.

    :ivar content: the message without its envelope block.
    :ivar progress: what attempts came to so far.
    """

    message: Message
    content: Content
    progress: Progress
