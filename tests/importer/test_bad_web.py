"""Claims about web servers that redirect, flood, dribble, break off or send bombs."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from functools import partial

from twisted.internet.protocol import Factory, Protocol
from twisted.web.server import NOT_DONE_YET, Request, Site

from shieldrelay.importer.fault import FaultKind
from shieldrelay.importer.settings import Limits, SourceSettings
from tests.importer.web_case import Page, WebCase


def _constant(value: bytes, _request: Request) -> bytes:
    return value


class RedirectTests(WebCase):
    def leading(self, target: Callable[[Request], bytes]) -> SourceSettings:
        def answer(request: Request) -> bytes:
            if request.path == b"/moved":
                return b"alice\n"
            request.redirect(target(request))
            return b""

        return self.page(answer)

    async def test_same_server_is_followed(self) -> None:
        """A redirect within the server is followed."""
        self.assertEqual(await self.entries(self.leading(lambda _: b"/moved")), ["alice"])

    async def test_elsewhere_is_not_followed(self) -> None:
        """A redirect to another host, port or scheme is not followed: the credentials would go along."""
        asked: list[bytes] = []

        def note(request: Request) -> bytes:
            asked.append(request.path)
            return b"mallory\n"

        other = self.listen(Site(Page(note)))
        for target in (
            f"http://127.0.0.1:{other}/moved",
            f"http://localhost:{other}/",
            "https://127.0.0.1/x",
            "file:///etc/passwd",
        ):
            there = target.encode()
            await self.fails(FaultKind.DENIED, "which is not followed", self.leading(partial(_constant, there)))
        self.assertEqual(asked, [])

    async def test_circles_end(self) -> None:
        """A server that redirects in a circle is given up."""
        await self.fails(FaultKind.MALFORMED, "redirects more than 5 times", self.leading(lambda _: b"/list"))


class HostileServerTests(WebCase):
    async def test_endless_body_ends(self) -> None:
        """A document without end is broken off at the size limit."""

        class Endless(Protocol):
            def connectionMade(self) -> None:
                assert self.transport is not None
                self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
                self.transport.registerProducer(self, False)  # type: ignore[attr-defined]

            def resumeProducing(self) -> None:
                self.transport.write(b"alice\n" * 10_000)  # type: ignore[union-attr]

            def stopProducing(self) -> None:
                self.transport.unregisterProducer()  # type: ignore[union-attr]

        source = self.at(self.listen(Factory.forProtocol(Endless)), limits=Limits(octets=1 << 20))
        await self.fails(FaultKind.TOO_LARGE, "more than 1048576 octets", source)

    async def test_endless_header_ends(self) -> None:
        """An answer whose header has no end fails when the child's memory is used up."""

        class Endless(Protocol):
            def connectionMade(self) -> None:
                assert self.transport is not None
                self.transport.write(b"HTTP/1.1 200 OK\r\n")
                self.transport.registerProducer(self, False)  # type: ignore[attr-defined]

            def resumeProducing(self) -> None:
                self.transport.write((b"X-Field: " + b"y" * 8000 + b"\r\n") * 50)  # type: ignore[union-attr]

            def stopProducing(self) -> None:
                self.transport.unregisterProducer()  # type: ignore[union-attr]

        source = self.at(self.listen(Factory.forProtocol(Endless)), limits=Limits(memory_octets=96 << 20))
        await self.fails(FaultKind.TOO_LARGE, "sent more than there is memory for", source)

    async def test_slow_body_ends(self) -> None:
        """A document that stops coming costs the idle time, and a server that never answers too."""

        def answer(request: Request) -> int:
            request.write(b"alice\n")
            request.notifyFinish().addErrback(lambda _: None)
            return NOT_DONE_YET

        await self.fails(
            FaultKind.TOO_SLOW, "said nothing for 0.3 s", self.page(answer, limits=Limits(idle_seconds=0.3))
        )
        silent = self.at(self.raw(b"", close=False), limits=Limits(idle_seconds=0.3))
        await self.fails(FaultKind.TOO_SLOW, "did not answer within 0.3 s", silent)

    async def test_truncated_body_fails(self) -> None:
        """A document shorter than announced is no list, nor is one whose end nobody announced."""
        short = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nalice\n"
        await self.fails(FaultKind.INCOMPLETE, "broke off after 6 octets", self.at(self.raw(short)))
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nalice\n\r\n"
        await self.fails(FaultKind.INCOMPLETE, "broke off after 6 octets", self.at(self.raw(chunked)))
        open_ended = b"HTTP/1.1 200 OK\r\n\r\nalice\n"
        await self.fails(FaultKind.INCOMPLETE, "does not say where its answer ends", self.at(self.raw(open_ended)))

    async def test_bomb_is_defused(self) -> None:
        """A small document that becomes a large one is broken off at the size limit; memory stays bounded."""
        bomb = gzip.compress(bytes(1) * (64 << 20))
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
        source = self.at(self.raw(head + bomb), limits=Limits(octets=8 << 20, memory_octets=128 << 20))
        await self.fails(FaultKind.TOO_LARGE, "more than 8388608 octets", source)

    async def test_broken_compression_fails(self) -> None:
        """A compressed document that breaks off, is none, or is compressed twice, is no list."""
        whole = gzip.compress(b"alice\n" * 1000)
        for body, coding, kind, words in (
            (whole[:-9], b"gzip", FaultKind.INCOMPLETE, "breaks off"),
            (b"alice\n", b"gzip", FaultKind.MALFORMED, "is said to be gzip"),
            (whole + b"bob\n", b"gzip", FaultKind.MALFORMED, "something follows"),
            (gzip.compress(whole), b"gzip, gzip", FaultKind.MALFORMED, "coded in"),
        ):
            head = b"HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (coding, len(body))
            await self.fails(kind, words, self.at(self.raw(head + body)))

    async def test_nonsense_is_told(self) -> None:
        """A server that speaks something else is told."""
        await self.fails(FaultKind.UNREACHABLE, "the server", self.at(self.raw(b"220 mail.example.test ESMTP\r\n\r\n")))
