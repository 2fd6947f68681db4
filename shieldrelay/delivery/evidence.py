"""What a domain's server said about listed recipients in the last minutes: the bounce guard's evidence (R5).

Counts in ten slices of a sliding window, each with no more senders than are ever asked for, so its size does not
depend on traffic. Time is an argument, monotonic. Owned by ``delivery.guard``. Cannot fail.
"""

from __future__ import annotations

_SLICES = 10


class Evidence:
    """Counts over a sliding window.

    :param window: seconds, above 0; forgotten a tenth at a time.
    :param senders: distinct senders are counted up to this number.
    """

    __slots__ = ("_answered", "_index", "_limit", "_messages", "_refused", "_refusing", "_senders", "_span", "_taken")

    def __init__(self, window: float, senders: int) -> None:
        self._span = window / _SLICES
        self._limit = senders
        self._index = 0
        self._messages = [0] * _SLICES
        self._taken = [0] * _SLICES
        self._refused = [0] * _SLICES
        self._refusing = [0] * _SLICES
        self._senders: list[set[str]] = [set() for _ in range(_SLICES)]

    def note_taken(self, recipients: int, now: float) -> None:
        """Count a message of which the server refused no recipient."""
        at = self._slice(now)
        self._messages[at] += 1
        self._taken[at] += recipients

    def note_refused(self, refused: int, taken: int, sender: str, now: float) -> None:
        """Count a message of which the server refused at least one recipient for good."""
        at = self._slice(now)
        self._messages[at] += 1
        self._refusing[at] += 1
        self._taken[at] += taken
        self._refused[at] += refused
        senders = self._senders[at]
        if len(senders) < self._limit:
            senders.add(sender)

    def _slice(self, now: float) -> int:
        """Give the slice for this time, after what is too old was forgotten."""
        index = int(now // self._span)
        if index > self._index:
            for passed in range(max(self._index + 1, index - _SLICES + 1), index + 1):
                self._empty(passed % _SLICES)
            self._index = index
        return self._index % _SLICES

    def _empty(self, at: int) -> None:
        self._messages[at] = self._taken[at] = self._refused[at] = self._refusing[at] = 0
        self._senders[at].clear()

    def clear(self) -> None:
        """Forget everything: what comes now is judged by itself."""
        for at in range(_SLICES):
            self._empty(at)

    def forget_old(self, now: float) -> None:
        """Drop what has left the window."""
        self._slice(now)

    @property
    def messages(self) -> int:
        """Messages about whose recipients the server decided."""
        return sum(self._messages)

    @property
    def taken(self) -> int:
        """Recipients that the server accepted."""
        return sum(self._taken)

    @property
    def refused(self) -> int:
        """Recipients that the server refused for good."""
        return sum(self._refused)

    @property
    def refusing_messages(self) -> int:
        """Messages with at least one recipient refused."""
        return sum(self._refusing)

    @property
    def senders(self) -> int:
        """Distinct senders of those, as far as they are counted."""
        return len(set().union(*self._senders))

    @property
    def share(self) -> float:
        """Refused among all recipients decided on, 0 to 1; 0 without any."""
        refused = self.refused
        return refused / (refused + self.taken) if refused else 0.0
