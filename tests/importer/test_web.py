"""Claims about documents behind URLs, against a real server."""

from __future__ import annotations

import gzip
import time
from typing import Any

from twisted.web.server import Request, Site

from shieldrelay.importer.answer import Fetched, Unchanged
from shieldrelay.importer.fault import FaultKind
from shieldrelay.importer.settings import CsvSettings, Form, HttpsSettings, SourceSettings
from shieldrelay.testing.authority import Authority
from tests.importer.web_case import Page, WebCase


class DocumentTests(WebCase):
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


class TlsTests(WebCase):
    def secure(self, **more: Any) -> tuple[SourceSettings, Authority]:
        authority = Authority(now=time.time())
        port = self.listen(Site(Page(lambda _: b"alice\n")), authority.issue("127.0.0.1"))
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
