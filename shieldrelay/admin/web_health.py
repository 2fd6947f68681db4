"""``/metrics``, ``/healthz`` and ``/readyz``: what machines ask a node, in plain text, without showing who they are.

Shows no address, no name of a person and nothing of mail. ``/healthz`` says that the process answers, ``/readyz``
whether it wants traffic now (else 503 with the reason), ``/metrics`` what `Vitals.exposition` gives.
"""

from __future__ import annotations

from typing import Any, Protocol

from shieldrelay.admin.router import Document, Response
from shieldrelay.admin.web_channel import WebFactory, WebRequest
from shieldrelay.ports import Clock, Journal

EXPOSITION_KIND = "text/plain; version=0.0.4; charset=utf-8"
_TEXT = "text/plain; charset=utf-8"


class Vitals(Protocol):
    """What a node says of its health."""

    async def unready(self) -> str:
        """Say why it wants no traffic now, in a clause; ``""``: it does."""

    async def exposition(self) -> bytes:
        """Give all metrics in Prometheus' text format."""


class HealthRequest(WebRequest):
    """One request."""

    async def answer(self) -> Response | None:
        """Answer it."""
        factory: Any = self.channel.factory
        vitals: Vitals = factory.vitals
        path = self.uri.partition(b"?")[0]
        if path not in (b"/metrics", b"/healthz", b"/readyz"):
            return Response(404, Document(b"there is nothing here\n", _TEXT))
        if self.method not in (b"GET", b"HEAD"):
            return Response(405, Document(b"GET is wanted\n", _TEXT), ("GET", "HEAD"))
        if path == b"/healthz":
            return Response(200, Document(b"ok\n", _TEXT))
        if path == b"/metrics":
            return Response(200, Document(await vitals.exposition(), EXPOSITION_KIND))
        why = await vitals.unready()
        return Response(503 if why else 200, Document((why or "ready").encode("utf-8") + b"\n", _TEXT))


class HealthFactory(WebFactory):
    """Makes connections for who asks of a node's health."""

    request = HealthRequest

    def __init__(self, vitals: Vitals, clock: Clock, journal: Journal) -> None:
        super().__init__(clock, journal, secure=False)
        self.vitals = vitals
