"""Claims about running imports in children: one for a domain, few at once, none beyond its time."""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater

from shieldrelay.importer.answer import Failed, Fetched, Progress, Stage, Unchanged
from shieldrelay.importer.fault import FaultKind
from shieldrelay.importer.importer import Importer
from shieldrelay.importer.request import ImportRequest
from shieldrelay.importer.settings import CsvSettings, Limits, SourceSettings
from shieldrelay.recipients.settings import ListKind, ListSettings
from tests.importer.case import DOMAIN, ImportCase, asking

_HANGS = "import sys, time; sys.stdin.readline(); sys.stdout.flush(); __import__('select').select([], [], [])"


class ImporterTests(ImportCase):
    def file(self, content: str = "alice\nbob\n") -> SourceSettings:
        return SourceSettings.parse(f"file:{self.written('list', content)}")

    def program(self, text: str) -> Importer:
        """Give an importer whose children run a program of the test."""
        path = self.written("child", f"#!{sys.executable}\n{text}\n")
        path.chmod(0o700)
        importer = Importer(reactor, str(path), self.directory)
        self.addCleanup(importer.stop)
        return importer

    async def test_unchanged_file_costs_no_child(self) -> None:
        """A file whose stamp is known is unchanged at once; once written to, it is read."""
        source = self.file()
        first: Any = await self.imported(source)
        again = self.imported(source, validator=first.validator)
        self.assertIsInstance(self.successResultOf(again), Unchanged)
        self.assertIsInstance(await self.imported(self.file("carol\n"), validator=first.validator), Fetched)

    async def test_another_reading_is_no_known_one(self) -> None:
        """A file that is read otherwise than before (another column) is new, although nobody wrote to it."""
        path = self.written("list", "a,b\n")
        first: Any = await self.imported(SourceSettings.parse(f"csv:{path}"))
        other = SourceSettings.parse(f"csv:{path}", csv=CsvSettings(column="2"))
        second = await self.imported(other, validator=first.validator, known_digest=first.digest)
        self.assertIsInstance(second, Fetched)

    async def test_imports_of_a_domain_are_joined(self) -> None:
        """Who wants what is under way gets the same result."""
        source = self.file()
        first, second = self.imported(source), self.imported(source)
        self.assertIs(await first, await second)

    async def test_another_import_of_the_domain_follows(self) -> None:
        """A child that is on its way out is not joined: the next import of the domain runs after it, alone."""
        first = self.imported(self.file())
        self.importer.cancel(DOMAIN)
        second = self.imported(self.file())
        self.assertIs(self.importer.progress(DOMAIN) and self.importer.progress(DOMAIN).stage, Stage.FETCHING)  # type: ignore[union-attr]
        self.assertNoResult(second)
        self.assertIs((await first).kind, FaultKind.STOPPED)  # type: ignore[union-attr]
        self.assertIsInstance(await second, Fetched)

    async def test_others_wait(self) -> None:
        """No more than two children run; the third waits, and says so."""
        source = self.file()
        waits = [self.importer.start(asking(source, domain=f"d{each}.test")) for each in range(3)]
        stages = [self.importer.progress(f"d{each}.test") for each in range(3)]
        self.assertEqual([each and each.stage for each in stages], [Stage.FETCHING, Stage.FETCHING, Stage.QUEUED])
        for each in waits:
            self.assertIsInstance(await each, Fetched)
        self.assertIsNone(self.importer.progress("d2.test"))

    async def test_a_hanging_child_is_killed(self) -> None:
        """A child that ignores its time limit is ended by force."""
        limits = Limits(total_seconds=-9.5)  # the grace of 10 s leaves half a second
        result = await self.program(_HANGS).start(asking(SourceSettings.parse("file:/list", limits=limits)))
        assert isinstance(result, Failed)
        self.assertIs(result.kind, FaultKind.TOO_SLOW)

    async def test_a_crash_is_told(self) -> None:
        """A child that ends without an answer is a fault with its last words."""
        result = await self.program("raise SystemExit('no such thing')").start(asking(SourceSettings.parse("file:/x")))
        assert isinstance(result, Failed)
        self.assertEqual(
            (result.kind, result.words), (FaultKind.BUG, 'the import ended without an answer: "no such thing"')
        )

    async def test_endless_words_are_cut(self) -> None:
        """A child that says too much, or what cannot be read, is ended."""
        for text, words in (
            ("print('x' * 10**8)", "said too much"),
            ('while True: print(\'{"progress": 1, "stage": "fetching"}\')', "said too much"),
            ("print('[[]]')", "cannot be read"),
            ("print('{\"fetched\": {}}')", "cannot be read"),
        ):
            result = await self.program(text).start(asking(SourceSettings.parse("file:/x")))
            assert isinstance(result, Failed)
            self.assertIn(words, result.words)

    async def test_stop_ends_all(self) -> None:
        """When the node stops, running imports are killed, waiting ones given up, and new ones refused."""
        importer = self.program(_HANGS)
        source = SourceSettings.parse("file:/x")
        waits = [importer.start(asking(source, domain=f"d{each}.test")) for each in range(4)]
        await importer.stop()
        kinds = [self.successResultOf(each).kind for each in waits]  # type: ignore[union-attr]
        self.assertEqual(kinds, [FaultKind.STOPPED] * 4)
        self.assertIsInstance(self.successResultOf(importer.start(asking(source))), Failed)

    async def test_cancel_ends_one(self) -> None:
        """An import can be given up; the next of the domain runs."""
        importer = self.program(_HANGS)
        wait = importer.start(asking(SourceSettings.parse("file:/x")))
        importer.cancel(DOMAIN)
        self.assertIs((await wait).kind, FaultKind.STOPPED)  # type: ignore[union-attr]
        self.assertIsNone(importer.progress(DOMAIN))

    async def test_no_secret_is_told_to_the_child(self) -> None:
        """The child's arguments and environment have nothing of the source in them."""
        text = "import os, sys; sys.stdin.readline(); raise SystemExit(repr((sys.argv, sorted(os.environ))))"
        result = await self.program(text).start(asking(SourceSettings.parse("https://hidden.test/token")))
        assert isinstance(result, Failed)
        self.assertIn("shieldrelay.importer", result.words)
        self.assertNotIn("hidden", result.words)

    async def test_progress_is_told(self) -> None:
        """What the child says of its progress can be read."""
        text = 'import sys; sys.stdin.readline(); print(\'{"progress": 7, "stage": "building"}\', flush=True);' + _HANGS
        importer = self.program(text)
        importer.start(asking(SourceSettings.parse("file:/x")))
        while importer.progress(DOMAIN) != Progress(Stage.BUILDING, 7):
            await _turn()

    async def test_leftovers_are_removed(self) -> None:
        """What a crash left aside is gone after the start."""
        left = self.written("x.test.entries", "half")
        self.importer.prepare()
        self.assertFalse(left.exists())


class BuildingTests(ImportCase):
    def asking(self, source: SourceSettings, **more: Any) -> ImportRequest:
        listing = ListSettings(domain=DOMAIN, kind=ListKind.FETCHED, aliases=("alias.test",), **more)
        return asking(source, listing=listing, state=str(self.directory))

    async def test_a_version_is_built(self) -> None:
        """With the list's settings the child builds a version; former recipients come along, the entries go."""
        source = SourceSettings.parse(f"csv:{self.written('list.csv', 'a@example.test' + chr(10) + 'b')}")
        former = str(self.written("former", "gone\n"))
        result = await self.importer.start(self.asking(source, former_file=former))
        assert isinstance(result, Fetched), result
        assert result.built is not None
        version = result.built.version
        self.assertEqual((version.listed, version.former, version.origin.source), (2, 1, str(source)))
        self.assertEqual((version.origin.validator, version.origin.source_digest), (result.validator, result.digest))
        self.assertEqual((result.path, list(self.directory.glob("*.entries"))), (None, []))
        self.assertEqual(len(list(self.directory.rglob(result.built.file.name))), 1)

    async def test_files_beside_count_as_the_source(self) -> None:
        """A list of former recipients that changes makes the list new, though its source is as before."""
        source = SourceSettings.parse(f"csv:{self.written('list.csv', 'a')}")
        former = str(self.written("former", "gone\n"))
        asked = self.asking(source, former_file=former)
        first: Any = await self.importer.start(asked)
        known = {"validator": first.validator, "known_digest": first.digest}
        self.assertIsInstance(await self._again(asked, known), Unchanged)
        self.written("former", "gone\nleft\n")
        self.assertIsInstance(await self._again(asked, known), Fetched)

    def _again(self, asked: ImportRequest, known: dict[str, str]) -> Any:
        return self.importer.start(asking(asked.source, listing=asked.listing, state=asked.state, **known))

    async def test_a_full_disk_is_told(self) -> None:
        """A version that cannot be written fails, and leaves nothing in force changed."""
        source = SourceSettings.parse(f"csv:{self.written('list.csv', 'a')}")
        asked = asking(source, listing=ListSettings(domain=DOMAIN, kind=ListKind.FETCHED), state="/proc/nowhere")
        result = await self.importer.start(asked)
        assert isinstance(result, Failed), result
        self.assertIs(result.kind, FaultKind.UNREADABLE)


def _turn() -> Any:
    """Give a Deferred of one of the reactor's next turns."""
    net: Any = reactor
    return deferLater(net, 0.01)
