"""The journal: one structured line per session, transaction and attempt, with ids that join them.

`Journal` tells events, `EVENTS` declares them. Knows nothing of mail but words; may be used by every room above the
protocol. Nothing that happens in here reaches the caller: a journal that cannot be written loses lines, counts them and
says so later, and the mail goes on.
"""

from shieldrelay.journal.events import EVENTS, Event, Level
from shieldrelay.journal.journal import Journal
from shieldrelay.journal.observer import JournalObserver
from shieldrelay.journal.output import Output, open_output

__all__ = ["EVENTS", "Event", "Journal", "JournalObserver", "Level", "Output", "open_output"]
