"""Web servers on the loopback device for a test, and the settings that read them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from shieldrelay.importer.settings import CsvSettings, HttpsSettings, Limits, SourceSettings
from tests.importer.case import ImportCase

net: Any = reactor


class Page(Resource):
    """Answers whatever a function says."""

    isLeaf = True

    def __init__(self, answer: Callable[[Request], Any]) -> None:
        super().__init__()
        self.answer = answer

    def render_GET(self, request: Request) -> Any:
        request.setHeader(b"Content-Type", b"text/plain; charset=utf-8")
        return self.answer(request)


class WebCase(ImportCase):
    """A test with web servers."""

    def listen(self, factory: Any, issued: Any = None) -> int:
        if issued is None:
            port: Any = net.listenTCP(0, factory, interface="127.0.0.1")
        else:
            port = net.listenSSL(0, factory, issued.server_options(), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return int(port.getHost().port)

    def page(self, answer: Callable[[Request], Any], *, limits: Limits | None = None, **more: Any) -> SourceSettings:
        """Serve a page on the loopback device, in the clear."""
        return self.at(self.listen(Site(Page(answer))), limits=limits, **more)

    def at(
        self, port: int, *, limits: Limits | None = None, csv: CsvSettings | None = None, **more: Any
    ) -> SourceSettings:
        url = f"http://127.0.0.1:{port}/list"
        return SourceSettings.parse(url, https=HttpsSettings(**more), csv=csv, limits=limits)

    def raw(self, octets: bytes, *, close: bool = True) -> int:
        """Serve octets as they are, whatever is asked."""

        class Raw(Protocol):
            def dataReceived(self, data: bytes) -> None:
                assert self.transport is not None
                self.transport.write(octets)
                if close:
                    self.transport.loseConnection()

        return self.listen(Factory.forProtocol(Raw))
