"""How long a client may take (RFC 5321 §4.5.3.2.7): for each command, for content, and for the session.

Pure: moments are arguments. A command's time begins when its predecessor was answered, and no octet extends it; content
is held to a minimum rate over a window, so that a drip cannot hold a session either. While the client waits for *us*
its time stands still.
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
    :ivar rate: octets a second of content, at least, over ``window``.
    """

    command: float = 300.0
    session: float = 600.0
    silence: float = 180.0
    rate: float = 500.0
    window: float = 30.0


class ClientPatience:
    """One client's time.

    :ivar deadline: when `passed` wants to be asked.
    """

    __slots__ = (
        "_content_seconds",
        "_last_octets",
        "_octets",
        "_patience",
        "_phase",
        "_phase_began",
        "_session_began",
        "_silent_since",
        "_window_began",
        "_window_octets",
        "deadline",
    )

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self.deadline = math.inf
        self._phase = Phase.GREETING
        self._session_began = 0.0
        self._phase_began = 0.0
        self._content_seconds = 0.0
        self._octets = 0
        self._last_octets = 0
        self._window_octets = 0
        self._window_began = 0.0
        self._silent_since = 0.0

    def begin(self, now: float) -> None:
        """The session begins."""
        self._session_began = self._phase_began = now
        self.deadline = now + min(self._patience.command, self._patience.session)

    def octets(self, count: int) -> None:
        """So many octets came."""
        self._octets += count

    def phase(self, phase: Phase, now: float, *, waiting: bool) -> None:
        """What the client is expected to do has changed, or it did it.

        :param waiting: the client waits for our answer.
        """
        before = self._phase
        if phase is Phase.CONTENT:
            if before is not Phase.CONTENT or (self.deadline == math.inf and not waiting):
                self._enter_content(now, anew=before is not Phase.CONTENT)
        elif before is Phase.CONTENT:
            self._content_seconds += now - self._phase_began
            self._phase_began = now
        self._phase = phase
        if waiting:
            self.deadline = math.inf
        elif phase is not Phase.CONTENT:
            self._phase_began = now
            self.deadline = min(now + self._patience.command, self._session_end())

    def passed(self, now: float, *, waiting: bool) -> str | None:
        """Judge, the deadline having passed.

        :returns: why the session ends, or ``None`` when it may go on until the new deadline.
        """
        if waiting:
            self.deadline = math.inf
            return None
        if self._phase is Phase.CONTENT:
            return self._content_passed(now)
        self.deadline = math.inf
        return "the session took too long" if now >= self._session_end() else "a command took too long"

    def _enter_content(self, now: float, *, anew: bool) -> None:
        """Begin to measure, or begin again after the client waited for us."""
        if anew:
            self._phase_began = now
        self._window_began = self._silent_since = now
        self._window_octets = self._last_octets = self._octets
        self.deadline = now + self._patience.window

    def _session_end(self) -> float:
        return self._session_began + self._patience.session + self._content_seconds

    def _content_passed(self, now: float) -> str | None:
        patience = self._patience
        elapsed = now - self._window_began
        if self._octets - self._window_octets < patience.rate * min(elapsed, patience.window):
            self.deadline = math.inf
            return "content came too slowly"
        if self._octets != self._last_octets:
            self._silent_since = now
        if now - self._silent_since >= patience.silence:
            self.deadline = math.inf
            return "content stopped coming"
        self._window_began = now
        self._window_octets = self._last_octets = self._octets
        self.deadline = now + patience.window
        return None
