"""A member's link to one server: connected when something is asked, greeted, and let go when anything goes wrong.

Nothing is queued: who asks while nobody is there fails at once when a connection cannot be made within the declared
time. At most one connection is being made, however many ask. Used by `redis.hub` for the server and by
`redis.sentinels` for each Sentinel.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from shieldrelay.ports import Clock
from shieldrelay.redis.connection import Answer, Away, Connection

T = TypeVar("T")

Meeting = Callable[[], Awaitable[Connection]]
"""Makes a connection and sees to it that it is the right one."""


def within(clock: Clock, seconds: float, asked: Deferred[T], what: str) -> Deferred[T]:
    """Cancel what takes too long; it then fails with `Away`."""
    late = False

    def give_up() -> None:
        nonlocal late
        late = True
        asked.cancel()

    timer = clock.callLater(seconds, give_up)

    def over(outcome: T | Failure) -> T | Failure:
        if timer.active():
            timer.cancel()
        if late and isinstance(outcome, Failure) and outcome.check(CancelledError, Away):
            raise Away(f"{what} within {seconds:g} s")
        return outcome

    return asked.addBoth(over)


class Link:
    """One server.

    :param meet: makes the connection.
    :param timeout: seconds for a connection, and for an answer.
    """

    def __init__(self, clock: Clock, meet: Meeting, timeout: float) -> None:
        self._clock = clock
        self._meet = meet
        self._timeout = timeout
        self._connection: Connection | None = None
        self._meeting: Deferred[Connection] | None = None
        self._waiting: list[Deferred[Connection]] = []

    @property
    def connection(self) -> Connection | None:
        """The connection that stands, if one does."""
        if self._connection is not None and self._connection.lost:
            self._connection = None
        return self._connection

    async def ask(self, *words: bytes | str | int) -> Answer:
        """Ask one command.

        :raises Away: nobody is there, or does not answer in time.
        :raises Refusal: the server says no.
        """
        connection = self.connection or await self.connected()
        return await within(self._clock, self._timeout, connection.ask(*words), "no answer")

    def connected(self) -> Deferred[Connection]:
        """Give the connection, made if there is none. May be cancelled: others may still wait for it."""
        waiting: Deferred[Connection] = Deferred(lambda cancelled: self._waiting.remove(cancelled))
        if self.connection is not None:
            waiting.callback(self.connection)
            return waiting
        self._waiting.append(waiting)
        if self._meeting is None:
            self._meeting = Deferred.fromCoroutine(self._met())
            within(self._clock, self._timeout, self._meeting, "no connection").addBoth(self._ended)
        return waiting

    def drop(self, why: str) -> None:
        """Let go of the connection, or of making one."""
        if self._meeting is not None:
            self._meeting.cancel()
        if self._connection is not None:
            self._connection.drop(why)
            self._connection = None

    async def _met(self) -> Connection:
        return await self._meet()

    def _ended(self, outcome: Connection | Failure) -> None:
        self._meeting = None
        waiting, self._waiting = self._waiting, []
        if isinstance(outcome, Connection):
            self._connection = outcome
        elif outcome.check(CancelledError):
            outcome = Failure(Away("the link is closed"))
        for each in waiting:
            each.callback(outcome) if isinstance(outcome, Connection) else each.errback(outcome)
