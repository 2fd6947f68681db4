"""`Telling`: sends on what is new on the board: alarms that were opened, and their ends.

Looks at the alarms of the whole node every few seconds. What was told is kept in a small file, so that a restart tells
nothing twice, and tells the end of what ended meanwhile. An end is told when it has lasted `SETTLE_SECONDS`: what
comes and goes is told once. Letters gather what comes within some seconds, and then come `LETTER_SECONDS` apart.
Only the process that leads runs this. A look or a letter that fails is told to the journal and tried again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from attrs import asdict, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from shieldrelay.alarms.kinds import Level
from shieldrelay.alarms.letter import Letter
from shieldrelay.ports import Clock, Journal, WallClock

LOOK_SECONDS = 5.0
SETTLE_SECONDS = 60.0
FORGOTTEN_SECONDS = 600.0
"""After which an alarm that nobody raised again after a restart is told to be over."""
LETTER_SECONDS = 120.0
GATHERED_MOST = 200
TOLD_MOST = 1000

Shown = Mapping[str, Any]
"""An alarm as the API shows it: ``admin.picture_alarms.AlarmPicture``."""


class Outlet(Protocol):
    """Somebody who is told at once: `alarms.webhook.Webhook`."""

    def tell(self, told: Mapping[str, Any]) -> None:
        """Tell; never fails."""


@frozen
class Told:
    """What was told.

    :ivar shown: the alarm as it was when it was told; ``seen`` when it was open last.
    """

    shown: dict[str, Any]
    seen: float


class Telling:
    """Tells those who want to know.

    :param look: gives the node's alarms; fails when they cannot be had now.
    :param outlets: gives those who are told at once, with the level from which on.
    :param mail: has a letter sent to all who are told by mail; ``mail_level`` gives from which level on, ``None``:
        nobody is.
    :param keep: writes what was told into its file, whenever it has changed.
    """

    def __init__(
        self,
        look: Callable[[], Awaitable[Sequence[Shown]]],
        outlets: Callable[[], Sequence[tuple[Outlet, Level]]],
        mail: Callable[[Letter], Awaitable[None]],
        mail_level: Callable[[], Level | None],
        keep: Callable[[Any], object],
        *,
        node: str,
        clock: Clock,
        wall: WallClock,
        journal: Journal,
    ) -> None:
        self._look = look
        self._outlets = outlets
        self._mail = mail
        self._mail_level = mail_level
        self._keep = keep
        self._node = node
        self._clock = clock
        self._wall = wall
        self._journal = journal
        self._told: dict[str, Told] = {}
        self._gathered: list[Shown] = []
        self._left_out = 0
        self._letter_at = 0.0
        self._next: IDelayedCall | None = None
        self._running = False

    @property
    def runs(self) -> bool:
        """Whether it does."""
        return self._running

    def load(self, value: Any) -> None:
        """Go on with what a file held; what makes no sense is left out."""
        for one in value if isinstance(value, list) else ():
            if isinstance(one, dict) and isinstance(one.get("shown"), dict) and "id" in one["shown"]:
                self._told[str(one["shown"]["id"])] = Told(one["shown"], self._wall())

    def start(self) -> None:
        """Begin."""
        if not self._running:
            self._running = True
            self._next = self._clock.callLater(LOOK_SECONDS, self._again)

    def stop(self) -> None:
        """End."""
        self._running = False
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def test(self, by: str) -> None:
        """Tell all who are told of anything that this is a test, at once."""
        now = self._wall()
        shown = {
            "id": "test:", "kind": "test", "level": "error", "domain": None, "about": "", "node": self._node,
            "since": now, "last": now, "times": 1, "words": f"{by} tries out whether alarms arrive",
            "meaning": "This is a test.", "todo": "Nothing.", "ended": None, "end": "",
        }  # fmt: skip
        self._tell(shown, "test")
        self._letter_at = 0.0
        Deferred.fromCoroutine(self._letters()).addErrback(self._trouble)

    def _again(self) -> None:
        self._next = None
        Deferred.fromCoroutine(self._tell_all()).addErrback(self._trouble).addBoth(self._later)

    def _later(self, _done: object) -> None:
        if self._running:
            self._next = self._clock.callLater(LOOK_SECONDS, self._again)

    async def _tell_all(self) -> None:
        shown = {str(one["id"]): one for one in reversed(await self._look())}
        if not self._running:
            return
        if self._news(shown):
            self._keep([asdict(one) for one in self._told.values()])
        await self._letters()

    def _news(self, shown: Mapping[str, Shown]) -> bool:
        """Tell what is new; say whether something was."""
        now, before = self._wall(), dict(self._told)
        for id, one in shown.items():
            if one["ended"] is None:
                if id not in self._told and len(self._told) < TOLD_MOST:
                    self._tell(one, "opened")
                    self._told[id] = Told(dict(one), now)
                elif id in self._told:
                    self._told[id] = Told(self._told[id].shown, now)
            elif id in self._told and now - one["ended"] >= SETTLE_SECONDS:
                self._tell(one, "ended")
                del self._told[id]
            elif id not in self._told and now - one["ended"] < 2 * LOOK_SECONDS and one["since"] > now - SETTLE_SECONDS:
                self._tell(one, "opened")  # it was there between two looks
                self._told[id] = Told(dict(one), now)
        for id, told in list(self._told.items()):
            if id not in shown and now - told.seen >= FORGOTTEN_SECONDS:
                self._tell({**told.shown, "ended": now, "end": "it was not raised again"}, "ended")
                del self._told[id]
        return before.keys() != self._told.keys()

    def _tell(self, shown: Shown, state: str) -> None:
        level = Level(shown["level"])
        for outlet, wanted in self._outlets():
            if wanted.covers(level) or state == "test":
                outlet.tell({"event": state, **shown})
        mail_level = self._mail_level()
        if mail_level is not None and (mail_level.covers(level) or state == "test"):
            if len(self._gathered) < GATHERED_MOST:
                self._gathered.append({"event": state, **shown})
            else:
                self._left_out += 1

    async def _letters(self) -> None:
        """Send what was gathered, unless a letter went a moment ago; what cannot be stored waits."""
        now = self._clock.seconds()
        if not self._gathered or now < self._letter_at:
            return
        gathered, left_out = self._gathered, self._left_out
        self._gathered, self._left_out, self._letter_at = [], 0, now + LETTER_SECONDS
        try:
            await self._mail(letter(self._node, gathered, left_out))
        except (OSError, MemoryError):
            self._gathered = (gathered + self._gathered)[:GATHERED_MOST]
            raise

    def _trouble(self, failure: Failure) -> None:
        if failure.check(OSError, MemoryError):
            self._journal.event("alarm_undelivered", to="mail", alarm="", reason=str(failure.value))
        else:
            self._journal.event(
                "bug", where="telling", error=repr(failure.value), traceback=failure.getTraceback()
            )


def letter(node: str, gathered: Sequence[Shown], left_out: int) -> Letter:
    """Write one letter of several alarms."""
    first = gathered[0]
    subject = f"{_state(first)}: {_name(first)} ({node})"
    if len(gathered) > 1:
        subject = f"{len(gathered)} alarms, first {subject}"
    lines = []
    for one in gathered:
        lines.append(f"{_state(one)}: {_name(one)}")
        lines += [f"  {words}" for words in (one["words"], one["end"], one["meaning"]) if words]
        lines += [f"  {one['todo']}", ""] if one["event"] != "ended" else [""]
    if left_out:
        lines.append(f"And {left_out} more: `shieldrelayctl alarms` shows them.")
    return Letter(subject, "\n".join(lines))


def _state(shown: Shown) -> str:
    return {"opened": "ALARM", "ended": "over", "test": "TEST"}[shown["event"]]


def _name(shown: Shown) -> str:
    name = str(shown["kind"]).replace("_", " ")
    return f"{name}, {shown['about']}" if shown["about"] else name
