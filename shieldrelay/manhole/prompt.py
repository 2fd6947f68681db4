"""`Prompt`: the Python prompt: says what it can break, tells every line before it runs, ends when nobody types.

What is run holds up the whole node while it runs; nothing can interrupt it. An exception is shown and does no harm to
the node; neither does ``exit()``.
"""
# ruff: noqa: N802, N803 - what Twisted calls by name keeps Twisted's spelling

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen
from twisted.conch.manhole import Manhole

from shieldrelay.ports import Journal

LINE_CHARACTERS = 4096
"""The longest line that is taken."""
OUTPUT_CHARACTERS = 1 << 16
"""What is shown of one result."""


@frozen
class Inside:
    """What a prompt is made with.

    :ivar banner: said first, one line each.
    :ivar names: what can be named at the prompt; made at each log-in.
    :ivar idle: seconds without a keystroke after which it ends.
    """

    reactor: Any
    journal: Journal
    banner: tuple[str, ...]
    names: Callable[[], Mapping[str, Any]]
    idle: float


class Prompt(Manhole):
    """One log-in's prompt.

    :param who: has come in.
    """

    def __init__(self, inside: Inside, who: str) -> None:
        super().__init__({**inside.names(), "exit": self.leave, "quit": self.leave})
        self._inside, self._who = inside, who
        self._lines = 0
        self._since: float = inside.reactor.seconds()
        self._ending: Any = None

    def connectionMade(self) -> None:
        """Say what this is."""
        super().connectionMade()
        self._inside.journal.event("manhole_opened", who=self._who)
        self._ending = self._inside.reactor.callLater(self._inside.idle, self._idle)

    def initializeScreen(self) -> None:
        """Show the banner below what is on the terminal."""
        for line in self._inside.banner:
            self.terminal.write(line.encode())
            self.terminal.nextLine()
        self.terminal.write(self.ps[self.pn])
        self.setInsertMode()

    def terminalSize(self, width: int, height: int) -> None:
        """Go by a new size; nothing is drawn again."""
        self.width, self.height = width, height

    def connectionLost(self, reason: Any) -> None:
        """Tell the end."""
        if self._ending is not None and self._ending.active():
            self._ending.cancel()
        seconds = round(self._inside.reactor.seconds() - self._since, 1)
        self._inside.journal.event("manhole_closed", who=self._who, seconds=seconds, lines=self._lines)
        super().connectionLost(reason)

    def leave(self) -> None:
        """End the log-in."""
        self.terminal.loseConnection()

    def keystrokeReceived(self, keyID: Any, modifier: Any) -> None:
        """Take a key."""
        if self._ending is not None and self._ending.active():
            self._ending.reset(self._inside.idle)
        super().keystrokeReceived(keyID, modifier)

    def characterReceived(self, ch: Any, moreCharactersComing: Any) -> None:
        """Take a character, while the line has room."""
        if len(self.lineBuffer) < LINE_CHARACTERS:
            super().characterReceived(ch, moreCharactersComing)

    def lineReceived(self, line: bytes) -> None:
        """Tell a line, then run it."""
        self._lines += 1
        self._inside.journal.event("manhole_line", who=self._who, line=line.decode("utf-8", "replace"))
        try:
            super().lineReceived(line)
        except SystemExit:
            self.leave()
        except UnicodeDecodeError:
            self.interpreter.resetBuffer()
            self.terminal.write(b"this is not UTF-8")
            self.terminal.nextLine()
            self.terminal.write(self.ps[self.pn])

    def addOutput(self, data: Any, isAsync: Any = None) -> None:
        """Show what came of it, within bounds."""
        octets = data.encode("utf-8", "backslashreplace") if isinstance(data, str) else data
        if len(octets) > OUTPUT_CHARACTERS:
            octets = octets[:OUTPUT_CHARACTERS] + b"\n... cut here"
        super().addOutput(octets.replace(b"\r\n", b"\n"), isAsync)

    def _idle(self) -> None:
        self.terminal.nextLine()
        self.terminal.write(b"nobody typed for long: good-bye")
        self.terminal.nextLine()
        self.terminal.loseConnection()
