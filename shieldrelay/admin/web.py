"""The API over TCP: HTTP with JSON for who has a token or is logged in, pages for browsers, live events.

Owns the HTTP edge: makes `Facts` of a request, has `admin.auth` say who asks and `admin.roles_warden` answer. Whoever
has not shown who they are gets nothing but 401, the log-in and the pages, which hold no secret.
"""

from __future__ import annotations

from typing import Any, Protocol

from attrs import frozen
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOFactory

from shieldrelay.admin.auth import SESSION_TARGET, Authentication, Facts
from shieldrelay.admin.roles import Caller
from shieldrelay.admin.roles_warden import Warden
from shieldrelay.admin.router import BODY_OCTETS, Document, Refused, Response, refusal
from shieldrelay.admin.web_channel import LIFE_SECONDS, LONG_SECONDS, PAGE_POLICY, WebFactory, WebRequest
from shieldrelay.ports import Clock, Journal

API = b"/api/"
EVENTS_TARGET = b"/api/v1/events"
STRANGER_OCTETS = 8192
"""The largest body of who has not shown who they are: a log-in."""


class Pages(Protocol):
    """The pages that browsers get: the same for everybody."""

    def page(self, path: bytes) -> Document | None:
        """Give what stands at a path; ``None``: nothing."""


class Events(Protocol):
    """Who tells what happens: `admin.web_events.EventFeed`."""

    def stream(self, request: WebRequest, caller: Caller) -> None:
        """Answer with a stream that goes on until the client leaves.

        :raises Refused: there are too many.
        """


@frozen
class Desk:
    """What answers requests over TCP.

    :ivar pages: ``None``: there are none.
    """

    warden: Warden
    authentication: Authentication
    events: Events | None = None
    pages: Pages | None = None


class ApiRequest(WebRequest):
    """One request."""

    caller: Caller | None = None
    _refused: Refused | None = None

    def body_limit(self) -> int:
        """Say how large the body may be: little for strangers."""
        factory = self._factory
        try:
            self.caller = factory.desk.authentication.identify(self._facts())
        except Refused as refused:
            self._refused = refused
            return STRANGER_OCTETS
        limit = factory.desk.warden.body_limit(self.method.decode("latin-1"), self.uri)
        self.channel.allow(LIFE_SECONDS if limit <= BODY_OCTETS else LONG_SECONDS)
        return limit

    async def answer(self) -> Response | None:
        """Say who asks, and have it answered."""
        desk, path = self._factory.desk, self.uri.partition(b"?")[0]
        try:
            if path == SESSION_TARGET:
                return await desk.authentication.session(self._facts(), self.content.getvalue())
            if not path.startswith(API):
                return self._page(path)
            if self.caller is None:
                raise self._refused or Refused(401, "unauthenticated", "Show a token, or log in.")
            return await self._asked(self.caller, path)
        except Refused as refused:
            return _refusal(refused)

    async def _asked(self, caller: Caller, path: bytes) -> Response | None:
        desk = self._factory.desk
        body = self.content.getvalue()
        if path == EVENTS_TARGET and self.method == b"GET" and desk.events is not None:
            route = desk.warden.route("GET", self.uri)
            if route is not None:
                desk.warden.check(caller, route)
            desk.events.stream(self, caller)
            return None
        self._check_kind(caller, body)
        self.channel.allow(LONG_SECONDS)
        response = await desk.warden.answer(caller, self.method.decode("latin-1"), self.uri, body)
        if not self.gone:
            self.channel.allow(LIFE_SECONDS)
        return response

    def _check_kind(self, caller: Caller, body: bytes) -> None:
        """Hold browsers to JSON (and to plain lines where lists are pushed), which no form of another page can send."""
        if caller.way == "session" and body and self._facts().kind not in ("application/json", "application/x-lines"):
            raise Refused(415, "wrong_media_type", "The body must be application/json, or application/x-lines.")

    def _page(self, path: bytes) -> Response | None:
        pages = self._factory.desk.pages
        if self.method not in (b"GET", b"HEAD"):
            return refusal(Refused(405, "method_not_allowed", "This path knows GET"), ("GET", "HEAD"))
        page = None if pages is None else pages.page(path)
        if page is None:
            raise Refused(404, "unknown_path", "There is nothing at this path.")
        self.give(Response(200, page, fields=(("cache-control", "no-cache"),)), PAGE_POLICY)
        return None

    @property
    def _factory(self) -> ApiFactory:
        factory: Any = self.channel.factory
        assert isinstance(factory, ApiFactory)
        return factory

    def _facts(self) -> Facts:
        kind = self._field(b"content-type").partition(";")[0].strip().lower()
        return Facts(
            self.method.decode("latin-1"), self.channel.host, self.channel.factory.secure,
            authorization=self._field(b"authorization"), cookie=self._field(b"cookie"),
            csrf=self._field(b"x-csrf-token"), origin=self._field(b"origin"), host=self._field(b"host"),
            site=self._field(b"sec-fetch-site"), kind=kind,
        )  # fmt: skip

    def _field(self, name: bytes) -> str:
        """Give a header field; one that is there twice is as none."""
        values = self.requestHeaders.getRawHeaders(name) or []
        return values[0].decode("latin-1") if len(values) == 1 else ""


class ApiFactory(WebFactory):
    """Makes connections for the API."""

    request = ApiRequest

    def __init__(self, desk: Desk, clock: Clock, journal: Journal, *, secure: bool) -> None:
        super().__init__(clock, journal, secure=secure)
        self.desk = desk


def over_tls(factory: WebFactory, tls: IOpenSSLServerConnectionCreator, reactor: Any) -> Any:
    """Put TLS under the connections of a factory."""
    wrapped: Any = TLSMemoryBIOFactory(tls, False, factory, reactor)
    wrapped.noisy = False
    return wrapped


def _refusal(refused: Refused) -> Response:
    response = refusal(refused)
    if refused.status == 401:
        return Response(401, response.value, fields=(("www-authenticate", 'Bearer realm="shieldrelay"'),))
    if refused.status == 429:
        return Response(429, response.value, fields=(("retry-after", refused.hints[0] if refused.hints else "60"),))
    return response
