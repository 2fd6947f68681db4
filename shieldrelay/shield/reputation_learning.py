"""Learning: a node that has seen little of its lawful senders refuses nobody for a score (R27).

Over after so many days *and* messages of all members; once over it stays so, over restarts too. Pure: the time of the
world is an argument. Part of `shield.reputation`. Cannot fail.
"""

from __future__ import annotations

from collections.abc import Callable

from shieldrelay.cluster.table import Table
from shieldrelay.shield.reputation_kinds import BEGAN, DAY_SECONDS, LEARNED, LEARNING, MESSAGES
from shieldrelay.shield.reputation_settings import ReputationSettings

_NODE = b"node"


class Learning:
    """What has been seen so far.

    :ivar table: its one row, shared and kept.
    :ivar heard: told once, when enough has been seen: days and messages.
    """

    def __init__(self) -> None:
        self.table = Table(LEARNING)
        self.heard: Callable[[float, float], object] = lambda _days, _messages: None
        self._learned = False

    def message(self, messages: int, now: float, wall: float) -> None:
        """Note messages that next hops took.

        :param wall: seconds since the epoch.
        """
        if self._learned:
            return
        row = self.table.row(_NODE, now)
        if not row.own[BEGAN]:
            self.table.put(row, BEGAN, wall)
        self.table.add(row, MESSAGES, messages)

    def over(self, settings: ReputationSettings, now: float, wall: float) -> bool:
        """Whether enough has been seen."""
        if self._learned:
            return True
        row = self.table.row(_NODE, now)
        table = self.table
        days = (wall - table.total(row, BEGAN)) / DAY_SECONDS if table.total(row, BEGAN) else 0.0
        enough = days >= settings.learning_days and table.total(row, MESSAGES) >= settings.learning_messages
        before = table.total(row, LEARNED)
        if enough or before:
            table.put(row, LEARNED, 1.0)
            self._learned = True
        if enough and not before:
            self.heard(days, table.total(row, MESSAGES))
        return self._learned

    def explain(self, settings: ReputationSettings, now: float, wall: float) -> str:
        """Say in a clause how far it is."""
        if self.over(settings, now, wall):
            return "learned"
        row = self.table.row(_NODE, now)
        began = self.table.total(row, BEGAN)
        days = (wall - began) / DAY_SECONDS if began else 0.0
        messages = self.table.total(row, MESSAGES)
        return (
            f"learning: {days:.1f} of {settings.learning_days:g} days, "
            f"{messages:.0f} of {settings.learning_messages} messages"
        )
