"""`Webhook`: tells one web server of alarms, one after the other, in the background.

JSON, signed: ``X-Shieldrelay-Signature: t=SECONDS,v1=HEX``, the HMAC-SHA256 under the secret of ``SECONDS.BODY``. What
is not taken is tried again, ever later, for a day; a server that says that it never will (4xx) is believed. Bounded:
beyond `QUEUE_MOST` the oldest is dropped. What is dropped is told to the journal. Redirects are not followed,
certificates are verified, and of an answer only the status counts. What posts is imported with the first webhook.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import deque
from collections.abc import Mapping
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.protocol import connectionDone
from twisted.internet.ssl import Certificate, trustRootFromCertificates
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers

from shieldrelay.ports import Clock, Journal, WallClock

SIGNATURE = b"X-Shieldrelay-Signature"
QUEUE_MOST = 100
TRY_SECONDS = 15.0
"""What a server gets for its answer."""
FIRST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 600.0
GIVE_UP_SECONDS = 86400.0
_BEGIN = b"-----BEGIN CERTIFICATE-----"


class Poster(Protocol):
    """Posts: `TreqPoster`; the fake keeps what it is given."""

    async def post(self, url: str, body: bytes, headers: Mapping[bytes, bytes]) -> int:
        """Post once and give the status; any exception says why it could not be."""


class TreqPoster:
    """Posts by treq.

    :param ca: authorities in PEM; ``None`` for the system's.
    :raises ValueError: there is no certificate in it.
    """

    def __init__(self, reactor: Any, ca: bytes | None = None) -> None:
        from treq.client import HTTPClient
        from twisted.web.client import Agent, BrowserLikePolicyForHTTPS, HTTPConnectionPool

        trusted = None if ca is None else trustRootFromCertificates(_certificates(ca))
        pool = HTTPConnectionPool(reactor, persistent=False)
        policy = BrowserLikePolicyForHTTPS(trusted)
        self._http = HTTPClient(Agent(reactor, policy, connectTimeout=TRY_SECONDS, pool=pool))

    async def post(self, url: str, body: bytes, headers: Mapping[bytes, bytes]) -> int:
        """Post once."""
        sent = Headers({name: [value] for name, value in headers.items()})
        response = await self._http.post(url, data=body, headers=sent, allow_redirects=False, unbuffered=True)
        response.deliverBody(_HangUp())
        return int(response.code)


class _HangUp(TwistedProtocol):
    """Reads no answer."""

    def connectionMade(self) -> None:
        """Hang up."""
        if self.transport is not None:
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It is gone, as it should."""


class Webhook:
    """One web server.

    :param name: as configured.
    :param secret: to sign with; ``b""``: nothing is signed.
    """

    def __init__(
        self, name: str, url: str, secret: bytes, poster: Poster, *, clock: Clock, wall: WallClock, journal: Journal
    ) -> None:
        self.name = name
        self._url = url
        self._secret = secret
        self._poster = poster
        self._clock = clock
        self._wall = wall
        self._journal = journal
        self._waiting: deque[tuple[float, Mapping[str, Any]]] = deque()
        self._asked: tuple[float, Mapping[str, Any]] | None = None
        self._pause = 0.0
        self._next: IDelayedCall | None = None
        self._posting: Deferred[None] | None = None
        self._stopped = False

    def __len__(self) -> int:
        return len(self._waiting)

    def tell(self, told: Mapping[str, Any]) -> None:
        """Tell it, as soon as it listens; never fails."""
        if self._stopped:
            return
        if len(self._waiting) >= QUEUE_MOST:
            self._drop("too many wait")
        self._waiting.append((self._clock.seconds(), told))
        if self._next is None and self._posting is None:
            self._next = self._clock.callLater(0, self._try)

    def stop(self) -> None:
        """Tell it nothing more; what waits is forgotten here."""
        self._stopped = True
        self._waiting.clear()
        if self._next is not None:
            self._next.cancel()
            self._next = None
        if self._posting is not None:
            self._posting.cancel()

    def _try(self) -> None:
        self._next = None
        self._asked = self._waiting[0]
        asking = Deferred.fromCoroutine(self._post(self._asked[1]))
        asking.addTimeout(TRY_SECONDS, self._clock)  # type: ignore[arg-type]
        self._posting = asking.addCallbacks(self._answered, self._failed)

    async def _post(self, told: Mapping[str, Any]) -> int:
        body = json.dumps(told, separators=(",", ":")).encode("ascii")
        headers = {b"Content-Type": b"application/json", b"User-Agent": b"shieldrelay"}
        if self._secret:
            headers[SIGNATURE] = signature(self._secret, int(self._wall()), body)
        return await self._poster.post(self._url, body, headers)

    def _answered(self, status: int) -> None:
        taken = 200 <= status < 300
        if not taken and (not 400 <= status < 500 or status in (408, 425, 429)):
            self._later(f"it answered {status}")
            return
        self._posting, self._pause = None, 0.0
        if self._waiting and self._waiting[0] is self._asked:  # else it was dropped meanwhile
            if taken:
                self._waiting.popleft()
            else:
                self._drop(f"it answered {status}")
        if self._waiting and not self._stopped:
            self._next = self._clock.callLater(0, self._try)

    def _failed(self, failure: Failure) -> None:
        if self._stopped and failure.check(CancelledError):
            self._posting = None
            return
        self._later("" if failure.value is None else _words(failure.value))

    def _later(self, why: str) -> None:
        self._posting = None
        if self._stopped:
            return
        if self._waiting and self._clock.seconds() - self._waiting[0][0] >= GIVE_UP_SECONDS:
            self._drop(why)
        self._pause = min(LONGEST_PAUSE_SECONDS, max(FIRST_PAUSE_SECONDS, 2 * self._pause))
        if self._waiting:
            self._next = self._clock.callLater(self._pause, self._try)

    def _drop(self, why: str) -> None:
        """Give up the oldest."""
        _, told = self._waiting.popleft()
        self._journal.event("alarm_undelivered", to=f"webhook {self.name}", alarm=str(told.get("id")), reason=why)


def signature(secret: bytes, at: int, body: bytes) -> bytes:
    """Sign a body."""
    digest = hmac.new(secret, b"%d.%s" % (at, body), hashlib.sha256).hexdigest()
    return b"t=%d,v1=%s" % (at, digest.encode("ascii"))


def _certificates(pem: bytes) -> list[Certificate]:
    try:
        found = [Certificate.loadPEM(_BEGIN + each) for each in pem.split(_BEGIN)[1:]]
    except Exception as fault:
        raise ValueError("there is something in it that is no certificate") from fault
    if not found:
        raise ValueError("there is no certificate in it")
    return found


def _words(fault: BaseException) -> str:
    """Say what went wrong, without the URL, which may be a secret."""
    reasons = getattr(fault, "reasons", None)
    if reasons:
        return _words(reasons[0].value)
    if isinstance(fault, TimeoutError) or type(fault).__name__ == "TimeoutError":
        return "it did not answer in time"
    return f"{type(fault).__name__}: {fault}"[:200]
