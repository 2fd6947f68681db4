"""Claims about documents behind URLs, against a real server."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from shieldrelay.importer.answer import Fetched, Unchanged
from shieldrelay.importer.fault import FaultKind
from shieldrelay.importer.settings import CsvSettings, Form, HttpsSettings, Limits, SourceSettings
from shieldrelay.testing.authority import Authority
from tests.importer.case import ImportCase

net: Any = reactor


class _Page(Resource):
    """Answers whatever a function says."""

    isLeaf = True

    def __init__(self, answer: Callable[[Request], Any]) -> None:
        super().__init__()
        self.answer = answer

    def render_GET(self, request: Request) -> Any:
        request.setHeader(b"Content-Type", b"text/plain; charset=utf-8")
        return self.answer(request)


class _Case(ImportCase):
    def listen(self, factory: Any, issued: Any = None) -> int:
        if issued is None:
            port: Any = net.listenTCP(0, factory, interface="127.0.0.1")
        else:
            port = net.listenSSL(0, factory, issued.server_options(), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return int(port.getHost().port)

    def page(self, answer: Callable[[Request], Any], *, limits: Limits | None = None, **more: Any) -> SourceSettings:
        """Serve a page on the loopback device, in the clear."""
        return self.at(self.listen(Site(_Page(answer))), limits=limits, **more)

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


class DocumentTests(_Case):
    async def test_plain_document(self) -> None:
        """A document in the line form goes on as it is."""
        self.assertEqual(await self.entries(self.page(lambda _: b"alice\nbob\tformer\n")), ["alice", "bob\tformer"])

    async def test_table_and_json(self) -> None:
        """Tables and JSON lines are read in the declared form."""

        def table(request: Request) -> bytes:
            request.setHeader(b"Content-Type", b"text/csv")
            return b"id,mail\n1,a@example.test\n"

        lines = await self.entries(self.page(table, form=Form.CSV, csv=CsvSettings(column="mail")))
        self.assertEqual(lines, ["a@example.test"])
        text = b'"a@example.test"\n{"address": "b", "flag": "trap"}\n'
        self.assertEqual(
            await self.entries(self.page(lambda _: text, form=Form.JSON_LINES)), ["a@example.test", "b\ttrap"]
        )

    async def test_other_sorts_are_refused(self) -> None:
        """A login page that says 200 is no list, nor is another charset."""

        def sort(content_type: bytes) -> SourceSettings:
            def answer(request: Request) -> bytes:
                request.setHeader(b"Content-Type", content_type)
                return b"alice\n"

            return self.page(answer)

        await self.fails(FaultKind.MALFORMED, '"text/html", not plain', sort(b"text/html"))
        await self.fails(FaultKind.MALFORMED, "UTF-8 is wanted", sort(b"text/plain; charset=latin-1"))

    async def test_unchanged_is_confirmed(self) -> None:
        """What the server gave as the document's version is offered the next time; not modified is enough then."""
        etag, seen = [b'"one"'], []

        def answer(request: Request) -> bytes:
            seen.append(request.getHeader(b"If-None-Match"))
            return b"" if request.setETag(etag[0]) else b"alice\n"

        source = self.page(answer)
        first = await self.imported(source)
        assert isinstance(first, Fetched), first
        second = await self.imported(source, validator=first.validator)
        self.assertIsInstance(second, Unchanged)
        etag[0] = b'"two"'
        third = await self.imported(source, validator=first.validator)
        self.assertIsInstance(third, Fetched)
        self.assertEqual(seen, [None, b'"one"', b'"one"'])

    async def test_modification_time_is_enough(self) -> None:
        """Without an ETag the modification time is compared."""
        source = self.page(lambda request: b"" if request.setLastModified(1e9) else b"alice\n")
        first = await self.imported(source)
        assert isinstance(first, Fetched), first
        self.assertIsInstance(await self.imported(source, validator=first.validator), Unchanged)

    async def test_same_entries_are_unchanged(self) -> None:
        """A server that compares nothing still costs no new version for the same entries."""
        source = self.page(lambda _: b"alice\n")
        first = await self.imported(source)
        assert isinstance(first, Fetched), first
        self.assertIsInstance(await self.imported(source, known_digest=first.digest), Unchanged)

    async def test_credentials(self) -> None:
        """User and password, or a token, come from files; wrong ones are told."""

        def answer(request: Request) -> bytes:
            good = (b"Bearer a token", b"Basic dXNlcjphIHRva2Vu")
            request.setResponseCode(200 if request.getHeader(b"Authorization") in good else 401)
            return b"alice\n"

        secret, wrong = str(self.written("secret", "a token\n")), str(self.written("wrong", "other"))
        self.assertEqual(await self.entries(self.page(answer, token_file=secret)), ["alice"])
        self.assertEqual(await self.entries(self.page(answer, user="user", password_file=secret)), ["alice"])
        await self.fails(FaultKind.DENIED, "the server answers 401", self.page(answer, token_file=wrong))

    async def test_errors_are_told(self) -> None:
        """A status other than 200 is no list."""
        for code, kind in ((404, FaultKind.INCOMPLETE), (500, FaultKind.UNREACHABLE), (206, FaultKind.INCOMPLETE)):

            def answer(request: Request, code: int = code) -> bytes:
                request.setResponseCode(code)
                return b"alice\n"

            await self.fails(kind, f"the server answers {code}", self.page(answer))

    async def test_compressed_document(self) -> None:
        """A compressed document is read."""

        def answer(request: Request) -> bytes:
            request.setHeader(b"Content-Encoding", b"gzip")
            return gzip.compress(b"alice\n" * 100_000)

        self.assertEqual(len(await self.entries(self.page(answer))), 100_000)


class TlsTests(_Case):
    def secure(self, **more: Any) -> tuple[SourceSettings, Authority]:
        authority = Authority(now=time.time())
        port = self.listen(Site(_Page(lambda _: b"alice\n")), authority.issue("127.0.0.1"))
        ca = str(authority.write(self.directory / "ca.pem"))
        https = HttpsSettings(**{"ca": ca, **more})
        return SourceSettings.parse(f"https://127.0.0.1:{port}/list", https=https), authority

    async def test_https(self) -> None:
        """A server whose certificate the declared authority has signed is read."""
        self.assertEqual(await self.entries(self.secure()[0]), ["alice"])

    async def test_unknown_authority_fails(self) -> None:
        """A server that another authority has certified is not, nor with the system's authorities."""
        other = str(Authority(now=time.time()).write(self.directory / "other.pem"))
        for ca in (other, None):
            await self.fails(FaultKind.CERTIFICATE, "certificate verify failed", self.secure(ca=ca)[0])

    async def test_bad_authority_file_is_told(self) -> None:
        """A file of authorities without any is told."""
        empty = str(self.written("empty.pem", "nothing"))
        await self.fails(FaultKind.UNREADABLE, "there is no certificate in it", self.secure(ca=empty)[0])


def _constant(value: bytes, _request: Request) -> bytes:
    return value


class RedirectTests(_Case):
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

        other = self.listen(Site(_Page(note)))
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


class HostileServerTests(_Case):
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
