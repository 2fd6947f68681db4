"""A reactor whose time can be made to pass: a harvest that takes a day is played in seconds, over real sockets.

Stands in for the real reactor wherever one is passed in. What was to be called within the time that passes is called at
once afterwards, in its order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall


class WarpedReactor:
    """The real reactor, ahead of its time.

    :ivar ahead: by so many seconds.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._calls: list[Any] = []
        self.ahead = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def seconds(self) -> float:
        """Give the time that it is here."""
        return float(self._reactor.seconds()) + self.ahead

    def wall(self, real: Callable[[], float]) -> Callable[[], float]:
        """Make a wall clock that goes along."""
        return lambda: real() + self.ahead

    def callLater(self, delay: float, call: Callable[..., object], *args: object, **kw: object) -> IDelayedCall:
        """Call once after some seconds."""
        made: IDelayedCall = self._reactor.callLater(delay, call, *args, **kw)
        self._calls.append(made)
        if len(self._calls) > 1000:
            self._calls = [one for one in self._calls if one.active()]
        return made

    def advance(self, seconds: float) -> None:
        """Let time pass at once."""
        self.ahead += seconds
        self._calls = [one for one in self._calls if one.active()]
        for one in self._calls:
            one.delay(-seconds)
