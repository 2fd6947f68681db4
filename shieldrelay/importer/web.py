"""Fetches a document over HTTPS, into a file. Runs in the child; whatever fails is an `ImportFault`.

Twisted's agent is used bare: what is built on it follows redirects anywhere and decompresses without bound.
"""

from __future__ import annotations

from typing import Any, BinaryIO

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import Agent, BrowserLikePolicyForHTTPS, ResponseDone
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse

from shieldrelay.importer.body import Body
from shieldrelay.importer.fault import FaultKind, ImportFault
from shieldrelay.importer.ldap import password
from shieldrelay.importer.settings import Limits, SourceSettings
from shieldrelay.importer.trust import authorities, connection_fault
from shieldrelay.importer.web_rules import (
    REDIRECTS_MOST,
    Validator,
    check_media_type,
    check_status,
    credentials,
    redirected,
)

_REDIRECTS = (301, 302, 303, 307, 308)
_NOT_MODIFIED = 304


@frozen
class Document:
    """What came.

    :ivar modified: whether there is something new in the file.
    :ivar validator: for the next time.
    """

    modified: bool
    validator: str


async def fetch(reactor: Any, source: SourceSettings, known: str | None, file: BinaryIO) -> Document:
    """Fetch a document.

    :param known: the last time's validator.
    :raises ImportFault: unless it is whole, or not modified.
    """
    settings, limits = source.https, source.limits
    validator = Validator.parse(known, source.location)
    conditions = validator.headers()
    secret = password(settings.password_file or settings.token_file)
    headers = Headers(
        {
            b"User-Agent": [b"shieldrelay"],
            b"Accept-Encoding": [b"gzip"],
            **conditions,
            **credentials(settings.user, secret),
        }
    )
    agent = Agent(reactor, BrowserLikePolicyForHTTPS(authorities(settings.ca)), connectTimeout=limits.idle_seconds)
    response = await _followed(reactor, agent, source.location, headers, limits)
    if response.code == _NOT_MODIFIED and conditions:
        return Document(False, str(validator))
    check_status(response.code)
    check_media_type(settings.form, _field(response, b"Content-Type"))
    body = Body(_field(response, b"Content-Encoding") or b"", file, limits.octets)
    await _received(reactor, response, body, limits)
    body.end()
    etag, modified = (_text(_field(response, name)) for name in (b"ETag", b"Last-Modified"))
    return Document(True, str(Validator(source.location, etag, modified)))


async def _followed(reactor: Any, agent: Agent, url: str, headers: Headers, limits: Limits) -> IResponse:
    """Ask, and ask again where the same server says so."""
    for _ in range(REDIRECTS_MOST + 1):
        asked: Deferred[IResponse] = agent.request(b"GET", url.encode("ascii"), headers)
        asked.addTimeout(limits.idle_seconds, reactor, _no_answer)
        try:
            response = await asked
        except Exception:  # noqa: BLE001 - whatever a connection fails with is put into words
            raise connection_fault(Failure(), "the server") from None
        if response.code not in _REDIRECTS:
            return response
        url = redirected(url, _field(response, b"Location"))
    raise ImportFault(FaultKind.MALFORMED, f"the server redirects more than {REDIRECTS_MOST} times")


def _no_answer(_result: object, seconds: float) -> None:
    raise ImportFault(FaultKind.TOO_SLOW, f"the server did not answer within {seconds:g} s")


async def _received(reactor: Any, response: IResponse, body: Body, limits: Limits) -> None:
    receiver = _Receiver(reactor, body, limits.idle_seconds)
    response.deliverBody(receiver)
    await receiver.over


def _field(response: IResponse, name: bytes) -> bytes | None:
    values = response.headers.getRawHeaders(name)
    return values[-1] if values else None


def _text(value: bytes | None) -> str | None:
    return None if value is None or len(value) > 200 else value.decode("latin-1")


class _Receiver(Protocol):
    """Takes the octets of an answer's body.

    :ivar over: fires at the end; fails with an `ImportFault`.
    """

    def __init__(self, reactor: Any, body: Body, idle_seconds: float) -> None:
        self.over: Deferred[None] = Deferred()
        self._body = body
        self._idle_seconds = idle_seconds
        self._idle: IDelayedCall | None = reactor.callLater(idle_seconds, self._silent)

    def dataReceived(self, data: bytes) -> None:
        if self.over.called:
            return
        if self._idle is not None:
            self._idle.reset(self._idle_seconds)
        try:
            self._body.feed(data)
        except ImportFault as fault:
            self._end(fault)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if reason.check(ResponseDone):
            self._end(None)
            return
        fault = connection_fault(reason, "the server")
        if fault.kind is FaultKind.UNREACHABLE:
            fault = ImportFault(FaultKind.INCOMPLETE, f"the document broke off after {self._body.received} octets")
        self._end(fault)

    def _silent(self) -> None:
        self._idle = None
        self._end(ImportFault(FaultKind.TOO_SLOW, f"the server said nothing for {self._idle_seconds:g} s"))

    def _end(self, fault: ImportFault | None) -> None:
        """Say how it ended, once."""
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        if self.over.called:
            return
        if fault is None:
            self.over.callback(None)
            return
        self.transport.loseConnection()  # type: ignore[union-attr]
        self.over.errback(Failure(fault))
