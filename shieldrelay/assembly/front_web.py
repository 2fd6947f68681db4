"""`Web`: what answers at the TCP addresses of a node's front: the administration with its dashboard, and the metrics.

Imported and made by `assembly.front` where there is such an address only: a node without one does without all of it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from shieldrelay.admin.auth import Authentication
from shieldrelay.admin.roles_warden import Warden
from shieldrelay.admin.router import Document, Route
from shieldrelay.admin.web import ApiFactory, Desk, Pages, over_tls
from shieldrelay.admin.web_channel import WebFactory
from shieldrelay.admin.web_events import EventFeed
from shieldrelay.admin.web_health import HealthFactory
from shieldrelay.config.hosts import HostPort
from shieldrelay.dashboard.pages import StaticPages
from shieldrelay.ports import Journal
from shieldrelay.wire.tls_server import ServerTls


class Vitals(Protocol):
    """What the front knows of the node behind it."""

    async def unready(self) -> str:
        """Say why it wants no traffic now, in a clause; ``""``: it does."""

    async def exposition(self) -> bytes:
        """Give all metrics in Prometheus' text format."""

    def status(self) -> Awaitable[Any]:
        """Give the answer to ``/api/v1/status``; ``None`` while there is none."""


class Dashboard:
    """The dashboard's files, as the administration serves them."""

    def __init__(self) -> None:
        self._files = StaticPages()

    def page(self, path: bytes) -> Document | None:
        """Give what stands at a path."""
        found = self._files.page(path)
        return None if found is None else Document(found.octets, found.kind)


class Web:
    """Makes what answers at an address, and ends it.

    :param warden: answers the administration's requests.
    """

    def __init__(
        self, vitals: Vitals, warden: Warden, authentication: Authentication, *, reactor: Any, journal: Journal
    ) -> None:
        self._reactor = reactor
        self._events = EventFeed(vitals.status, _narrow(warden), reactor, journal)
        pages: Pages = Dashboard()
        desk = Desk(warden, authentication, self._events, pages)
        self._plain = ApiFactory(desk, reactor, journal, secure=False)
        self._secure = ApiFactory(desk, reactor, journal, secure=True)
        self._health = HealthFactory(vitals, reactor, journal)

    def factory(
        self, use: str, address: HostPort, own: ServerTls | None, tls: Callable[[], ServerTls]
    ) -> tuple[Any, bool]:
        """Give what makes connections at an address, and whether they run under TLS.

        :param use: ``admin`` or ``metrics``.
        :param own: the administration's own certificate; ``tls`` gives the node's, for an address that others reach.
        """
        if use == "metrics":
            return self._health, False
        loopback = ipaddress.ip_address(address.host).is_loopback
        if loopback and own is None:
            return self._plain, False
        factory: WebFactory = self._secure
        return over_tls(factory, own or tls(), self._reactor), True

    def quiet(self) -> None:
        """Tell nobody any more what happens."""
        self._events.stop()

    def close(self) -> None:
        """End what is open."""
        for factory in (self._plain, self._secure, self._health):
            factory.close()


def _narrow(warden: Warden) -> Callable[[Any, frozenset[str]], Any]:
    route: Route | None = warden.route("GET", b"/api/v1/status")
    assert route is not None and route.narrow is not None
    return route.narrow
