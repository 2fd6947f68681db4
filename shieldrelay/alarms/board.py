"""`Board`: the alarms that are open in one process, and those that ended a while ago.

Fed with the journal's events. One alarm of a kind is open about one thing: raised again it stays the same one, with
newer words; raised soon after its end it goes on. Bounded: beyond `OPEN_MOST` no further one is opened, and they are
counted. Cannot fail.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve, frozen

from shieldrelay.alarms.kinds import KINDS, Level
from shieldrelay.alarms.rules import RULES, End, Raise
from shieldrelay.ports import Journal, WallClock

OPEN_MOST = 500
ENDED_MOST = 200
ENDED_SECONDS = 86400.0
"""How long an alarm is shown after its end."""
SAME_SECONDS = 300.0
"""An alarm that is raised so soon after its end is the same one still."""
WORDS_CHARACTERS = 300


@frozen
class Alarm:
    """One alarm.

    :ivar kind: of ``alarms.kinds``; ``about`` what of, ``""`` for the node.
    :ivar since: when it was opened, seconds since the epoch; ``last`` when it was raised last, ``times`` how often.
    :ivar words: why, in a clause.
    :ivar ended: when it ended; ``None``: it is open. ``end`` says how, in a clause.
    """

    kind: str
    about: str
    since: float
    last: float
    words: str
    times: int = 1
    ended: float | None = None
    end: str = ""

    @property
    def id(self) -> str:
        """What it is known by, on every node alike."""
        return f"{self.kind}:{self.about}"

    @property
    def level(self) -> Level:
        """How much it matters."""
        return KINDS[self.kind].level

    @property
    def domain(self) -> str | None:
        """The protected domain that it is about, if it is about one."""
        return self.about if KINDS[self.kind].about == "domain" and self.about else None


class Board:
    """The alarms of a process.

    :param journal: is told of each that is opened or ends.
    :ivar untold: how many were not opened for want of room.
    """

    def __init__(self, wall: WallClock, journal: Journal) -> None:
        self._wall = wall
        self._journal = journal
        self._worst: dict[str, tuple[float, str]] = {}
        self._open: dict[str, Alarm] = {}
        self._ended: dict[str, Alarm] = {}
        self.untold = 0

    def hear(self, event: str, fields: Mapping[str, object]) -> None:
        """Take one event of the journal."""
        rule = RULES.get(event)
        for change in () if rule is None else rule(fields):
            if isinstance(change, Raise):
                self.open(change.kind, change.about, change.words)
            else:
                self.end(change)

    def open(self, kind: str, about: str, words: str) -> None:
        """Open an alarm, or say that it is still open."""
        now, id = self._wall(), f"{kind}:{about}"
        words = words[:WORDS_CHARACTERS]
        known = self._open.get(id)
        if known is not None:
            self._open[id] = evolve(known, last=now, words=words, times=known.times + 1)
            return
        if len(self._open) >= OPEN_MOST:
            self.untold += 1
            return
        before = self._ended.pop(id, None)
        if before is not None and before.ended is not None and now - before.ended < SAME_SECONDS:
            self._open[id] = evolve(before, last=now, words=words, times=before.times + 1, ended=None, end="")
        else:
            self._open[id] = Alarm(kind, about, now, now, words)
        self._journal.event("alarm_opened", kind=kind, about=about or None, reason=words)

    def end(self, change: End) -> None:
        """End an alarm, if it is open."""
        id = f"{change.kind}:{change.about}"
        known, (_, worst) = self._open.pop(id, None), self._worst.pop(id, (0.0, ""))
        if known is None:
            return
        words = f"{change.words}; at its worst {worst}" if worst else change.words
        ended = evolve(known, ended=self._wall(), end=words[:WORDS_CHARACTERS])
        self._put_aside(ended)
        seconds = round((ended.ended or 0.0) - ended.since, 1)
        self._journal.event(
            "alarm_ended", kind=known.kind, about=known.about or None, reason=ended.end, seconds=seconds
        )

    def worst(self, kind: str, about: str, figure: float, words: str) -> None:
        """Note how bad an alarm is; its end tells the worst.

        :param words: with a place for the figure.
        """
        id = f"{kind}:{about}"
        if id in self._open and figure > self._worst.get(id, (0.0, ""))[0]:
            self._worst[id] = figure, words.format(figure)

    def is_open(self, kind: str, about: str) -> bool:
        """Whether one is open."""
        return f"{kind}:{about}" in self._open

    def opened(self) -> list[Alarm]:
        """Give those that are open, the worst first, then the oldest."""
        self._look()
        return sorted(self._open.values(), key=lambda one: (one.level is not Level.ERROR, one.since))

    def ended(self) -> list[Alarm]:
        """Give those that ended a while ago, the last first."""
        self._look()
        return sorted(self._ended.values(), key=lambda one: -(one.ended or 0.0))

    def _look(self) -> None:
        """End what lasts so long only, and forget what ended long ago."""
        now = self._wall()
        for one in list(self._open.values()):
            lasts = KINDS[one.kind].lasts
            if lasts is not None and now - one.last >= lasts:
                self.end(End(one.kind, one.about, "it was not told again"))
        for id, one in list(self._ended.items()):
            if now - (one.ended or 0.0) > ENDED_SECONDS:
                del self._ended[id]

    def _put_aside(self, alarm: Alarm) -> None:
        self._ended.pop(alarm.id, None)
        if len(self._ended) >= ENDED_MOST:
            del self._ended[next(iter(self._ended))]
        self._ended[alarm.id] = alarm
