"""`EventFeed`: live events for dashboards (server-sent events): the status each second, and what has changed in it.

One look at the node serves all who listen, and none is made while nobody does; a look that takes long makes the next
one come later, so that looking costs a bounded share of the node. A client that does not read misses events and is
dropped after a while; nothing is kept for it. Streams end after some minutes and browsers come back by themselves, so
that who is not let in any more does not go on hearing.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from shieldrelay.admin.roles import Caller
from shieldrelay.admin.router import Refused
from shieldrelay.admin.web_channel import API_POLICY, WebRequest
from shieldrelay.admin.web_differences import differences
from shieldrelay.ports import Clock, Journal

TICK_SECONDS = 1.0
SHARE = 20
"""A look is followed by a pause of so many times what it took."""
STREAMS_MOST = 100
STREAMS_OF_CALLER = 20
STREAM_SECONDS = 300.0
PAUSED_SECONDS = 20.0
"""A client that has not read for so long is dropped."""

Look = Callable[[], Awaitable[Any]]
Narrow = Callable[[Any, frozenset[str]], Any]


@implementer(IPushProducer)
class _Stream:
    """One client that listens."""

    def __init__(self, request: WebRequest, caller: Caller, now: float) -> None:
        self.request = request
        self.caller = caller
        self.begun = now
        self.paused_at: float | None = None
        self._clock = request.channel.factory.clock

    def pauseProducing(self) -> None:
        """The client does not read as fast as we write."""
        self.paused_at = self._clock.seconds()

    def resumeProducing(self) -> None:
        """It has read."""
        self.paused_at = None

    def stopProducing(self) -> None:
        """It is gone."""
        self.request.gone = True

    def tell(self, octets: bytes) -> None:
        """Write, unless what was written before is not read yet."""
        if self.paused_at is None and not self.request.gone:
            self.request.write(octets)

    def end(self) -> None:
        """End it in good order."""
        if not self.request.gone:
            channel = self.request.channel
            self.request.unregisterProducer()
            self.request.finish()
            channel.loseConnection()


class EventFeed:
    """Tells all who listen.

    :param look: gives the status of the whole node as JSON; ``None`` when it cannot be had.
    :param narrow: leaves of a status what some domains may see.
    """

    def __init__(self, look: Look, narrow: Narrow, clock: Clock, journal: Journal) -> None:
        self._look = look
        self._narrow = narrow
        self._clock = clock
        self._journal = journal
        self._streams: list[_Stream] = []
        self._before: dict[frozenset[str] | None, Any] = {}
        self._next: IDelayedCall | None = None
        self._looking = False

    def __len__(self) -> int:
        return len(self._streams)

    def stream(self, request: WebRequest, caller: Caller) -> None:
        """Answer a request with a stream.

        :raises Refused: there are too many.
        """
        own = sum(each.caller.name == caller.name for each in self._streams)
        if len(self._streams) >= STREAMS_MOST or own >= STREAMS_OF_CALLER:
            raise Refused(503, "too_many_streams", "Too many listen already.")
        request.head(200, "text/event-stream", API_POLICY)
        request.setHeader(b"connection", b"close")
        request.channel.allow(None)
        stream = _Stream(request, caller, self._clock.seconds())
        self._streams.append(stream)
        request.notifyFinish().addBoth(lambda _gone: self._leave(stream))
        request.registerProducer(stream, True)
        stream.tell(b"retry: 2000\n\n")
        if self._next is None and not self._looking:
            self._next = self._clock.callLater(0, self._tick)

    def stop(self) -> None:
        """End all streams."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
        for stream in list(self._streams):
            stream.end()

    def _leave(self, stream: _Stream) -> None:
        stream.request.gone = True
        if stream in self._streams:
            self._streams.remove(stream)

    def _tick(self) -> None:
        self._next = None
        self._looking = True
        Deferred.fromCoroutine(self._tell_all()).addErrback(self._bug)

    async def _tell_all(self) -> None:
        began = self._clock.seconds()
        try:
            status = await self._look()
            self._end_some()
            told: dict[frozenset[str] | None, bytes] = {}
            for stream in list(self._streams):
                domains = stream.caller.domains
                if domains not in told:
                    told[domains] = self._words(status, domains)
                stream.tell(told[domains])
            self._before = {domains: each for domains, each in self._before.items() if domains in told}
        finally:
            self._looking = False
            if self._streams:
                took = self._clock.seconds() - began
                self._next = self._clock.callLater(max(TICK_SECONDS, SHARE * took), self._tick)

    def _words(self, status: Any, domains: frozenset[str] | None) -> bytes:
        """Give what callers that are limited so are told."""
        if status is None:
            return _event("trouble", {"message": "The node does not answer."})
        shown = status if domains is None else self._narrow(status, domains)
        before = self._before.get(domains)
        self._before[domains] = shown
        changes = [] if before is None else differences(before, shown)
        return _event("status", shown) + b"".join(_event("change", each) for each in changes)

    def _end_some(self) -> None:
        """End streams that are old, and drop clients that do not read."""
        now = self._clock.seconds()
        for stream in list(self._streams):
            if stream.paused_at is not None and now - stream.paused_at >= PAUSED_SECONDS:
                self._journal.event(
                    "admin_stream_dropped", who=stream.caller.name, source=stream.caller.source,
                    seconds=round(now - stream.paused_at),
                )  # fmt: skip
                self._leave(stream)
                stream.request.channel.forceAbortClient()
            elif now - stream.begun >= STREAM_SECONDS:
                stream.end()

    def _bug(self, failure: Failure) -> None:
        self._journal.event("bug", where="events", error=repr(failure.value), traceback=failure.getTraceback())


def _event(name: str, value: Any) -> bytes:
    """Give one event: JSON in ASCII has no line ends in it."""
    return b"event: %s\ndata: %s\n\n" % (name.encode("ascii"), json.dumps(value, separators=(",", ":")).encode("ascii"))
