"""How long a client may take (RFC 5321 §4.5.3.2.7): for each command, for content, and for the session.

Pure: moments are arguments. A command's time begins when its predecessor was answered, and no octet extends it; content
is held to a minimum rate over a window, so that a drip cannot hold a session either. While the client waits for *us*
its time stands still. Content prolongs the session only by the time that its octets need at the minimum rate: many
small contents, each just shorter than the window, gain nothing.
"""

from __future__ import annotations

import math

from attrs import frozen

from shieldrelay.smtp.receiver import Phase


@frozen
class Patience:
    """The declared times, in seconds.

    :ivar command: for one command.
    :ivar session: for all that is not content.
    :ivar silence: between two pieces of content.
    :ivar rate: octets a second of content, at least, over ``window``; 0 for none.
    """

    command: float = 300.0
    session: float = 600.0
    silence: float = 180.0
    rate: float = 500.0
    window: float = 30.0


class ClientPatience:
    """One client's time.

    :ivar deadline: when `passed` wants to be asked.
    :ivar octets: how many came so far; counted by the connection.
    """

    __slots__ = (
        "_began",
        "_content",
        "_patience",
        "_session_end",
        "_silent_since",
        "_waiting",
        "_window_began",
        "_window_octets",
        "_worth_from",
        "deadline",
        "octets",
    )

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self.deadline = math.inf
        self._session_end = math.inf
        self.octets = 0
        self._content = False
        self._waiting = False
        self._began = 0.0
        self._worth_from = 0
        self._window_began = 0.0
        self._window_octets = 0
        self._silent_since = 0.0

    @property
    def declared(self) -> Patience:
        """The times that hold."""
        return self._patience

    def begin(self, now: float) -> None:
        """The session begins."""
        self._began = now
        self._session_end = now + self._patience.session
        self.deadline = min(now + self._patience.command, self._session_end)

    def hurry(self, patience: Patience, now: float) -> None:
        """Let shorter times hold, as if the present command had begun now: the node is under stress (D9)."""
        self._patience = patience
        if self._waiting or self._content or self.deadline == math.inf:
            return
        self._session_end = min(self._session_end, now + patience.session)
        self.deadline = min(self.deadline, now + patience.command, self._session_end)

    def phase(self, phase: Phase, now: float, *, waiting: bool) -> None:
        """What the client is expected to do has changed, or it did it.

        :param waiting: the client waits for our answer.
        """
        if self._waiting or self._content:
            self._prolong(now)
        self._began = now
        self._worth_from = self.octets
        content = phase is Phase.CONTENT
        if waiting:
            self.deadline = math.inf
        elif not content:
            self.deadline = min(now + self._patience.command, self._session_end)
        elif self._waiting or not self._content:
            self._open_window(now)
            self._silent_since = now
        self._content, self._waiting = content, waiting

    def passed(self, now: float, *, waiting: bool) -> str | None:
        """Judge, the deadline having passed.

        :returns: why the session ends, or ``None`` when it may go on until the new deadline.
        """
        if waiting:
            self.deadline = math.inf
            return None
        if self._content:
            return self._content_passed(now)
        self.deadline = math.inf
        return "the session took too long" if now >= self._session_end else "a command took too long"

    def _prolong(self, now: float) -> None:
        """Move the session's end by the time since the last change, which was ours, or content's."""
        elapsed = now - self._began
        if self._waiting:
            self._session_end += elapsed
        else:
            rate = self._patience.rate
            worth = (self.octets - self._worth_from) / rate if rate else elapsed
            self._session_end += min(elapsed, worth)

    def _open_window(self, now: float) -> None:
        """Measure from here on."""
        self._window_began = now
        self._window_octets = self.octets
        self.deadline = now + self._patience.window

    def _content_passed(self, now: float) -> str | None:
        patience, came = self._patience, self.octets - self._window_octets
        if came < patience.rate * min(now - self._window_began, patience.window):
            self.deadline = math.inf
            return "content came too slowly"
        if came:
            self._silent_since = now
        if now - self._silent_since >= patience.silence:
            self.deadline = math.inf
            return "content stopped coming"
        self._open_window(now)
        return None
