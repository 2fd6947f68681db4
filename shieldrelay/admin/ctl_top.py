"""``shieldrelayctl top``: the node, live. Redraws the whole screen, also when its size changes; q quits.

One thread asks the node, so that keys are heard while it does not answer; the terminal is left as it was found,
whatever ends the command. Standard library only.
"""

from __future__ import annotations

import argparse
import os
import select
import shutil
import signal
import sys
import termios
import threading
import tty
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from shieldrelay.admin.ctl_client import Answered, ControlClient, Unreachable, path_of
from shieldrelay.admin.ctl_outcome import DONE, USAGE, AddCommand, complain
from shieldrelay.admin.ctl_text import harmless, whole
from shieldrelay.admin.ctl_top_view import frame

WORST = 50
"""Sources asked for; as many are shown as there is room for."""
_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l\x1b[?7l", "\x1b[?7h\x1b[?25h\x1b[?1049l"
"""The terminal's other screen without a cursor and without wrapping, and back."""
_QUITS = b"qQ\x03\x04"


def add_top_command(add: AddCommand) -> None:
    """Declare the command."""
    top = add("top", _top, "Show the node live: rates, domains, worst sources. q quits.", "top --every 5")
    top.add_argument("--every", type=whole(1, 3600), default=2, metavar="SECONDS", help="default: 2")
    top.add_argument(
        "--times", type=whole(1, 1_000_000), metavar="N", help="end after so many looks; needs no terminal then"
    )


class Looks:
    """What the node answered last, asked by a thread of its own.

    :ivar status: the latest, and the one ``before`` it.
    :ivar trouble: why there is no newer one; ``""``: there is.
    :ivar count: how many looks there were.
    """

    def __init__(self, client: ControlClient, every: float) -> None:
        self._client, self._every = client, every
        self.status: Mapping[str, Any] | None = None
        self.before: Mapping[str, Any] | None = None
        self.worst: Mapping[str, Any] | None = None
        self.trouble, self.count = "", 0
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def fileno(self) -> int:
        """Give what becomes readable with each look."""
        return self._reading

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Ask no more; what is under way is not waited for."""
        self._over.set()

    def taken(self) -> None:
        """Note that the news was seen."""
        os.read(self._reading, 4096)

    def wake(self, *_signal: object) -> None:
        """Have the screen drawn again."""
        try:
            os.write(self._writing, b".")
        except BlockingIOError:
            return  # it will be drawn anyway

    def _look(self) -> None:
        while not self._over.is_set():
            try:
                self._ask()
            except (Unreachable, Answered) as fault:
                self.trouble = str(fault)
            self.count += 1
            self.wake()
            self._over.wait(self._every)

    def _ask(self) -> None:
        status = self._client.ask("GET", path_of("status"))
        try:
            self.worst = self._client.ask("GET", path_of("sources"), {"limit": str(WORST)})
        except Answered:
            self.worst = None  # sources are the whole node's, and not for everybody
        self.before, self.status, self.trouble = self.status, status, ""


def _top(client: ControlClient, arguments: argparse.Namespace) -> int:
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    if not terminal and arguments.times is None:
        return complain("top needs a terminal; `top --times 1` and `status --watch` do not", USAGE)
    looks = Looks(client, arguments.every)
    with _screen(terminal, looks):
        looks.start()
        try:
            return _watch(looks, arguments.times, terminal)
        finally:
            looks.stop()


def _watch(looks: Looks, times: int | None, terminal: bool) -> int:
    """Draw whenever there is something new, until somebody quits."""
    while True:
        keys: list[Any] = [sys.stdin] if terminal else []
        ready, _, _ = select.select([looks, *keys], [], [])
        if sys.stdin in ready:
            typed = os.read(sys.stdin.fileno(), 64)
            if not typed or any(key in _QUITS for key in typed):
                return DONE
        if looks in ready:
            looks.taken()
            _draw(looks, terminal)
            if times is not None and looks.count >= times:
                if looks.trouble:
                    raise Unreachable(looks.trouble)
                return DONE


def _draw(looks: Looks, terminal: bool) -> None:
    """Draw the whole screen; each line is cleared behind its end, so that nothing flickers."""
    width, height = shutil.get_terminal_size()
    lines = [] if looks.status is None else frame(looks.status, looks.before, looks.worst, width, height)
    if looks.trouble:
        lines[:1] = [harmless(f"! {looks.trouble}", width)]
    if terminal:
        sys.stdout.write("\x1b[H" + "\x1b[K\n".join(lines) + "\x1b[J")
    else:
        sys.stdout.write("\n".join(lines[:-1]) + "\n")
    sys.stdout.flush()


@contextmanager
def _screen(terminal: bool, looks: Looks) -> Iterator[None]:
    """Take the terminal for a while, and give it back as it was."""
    if not terminal:
        yield
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    resized = signal.signal(signal.SIGWINCH, looks.wake)
    ended = signal.signal(signal.SIGTERM, _interrupt)
    try:
        tty.setcbreak(descriptor)
        sys.stdout.write(_ENTER)
        sys.stdout.flush()
        yield
    finally:
        sys.stdout.write(_LEAVE)
        sys.stdout.flush()
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
        signal.signal(signal.SIGWINCH, resized)
        signal.signal(signal.SIGTERM, ended)


def _interrupt(*_signal: object) -> None:
    raise KeyboardInterrupt
