"""Imports in real children, as the tests want them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial import unittest

from shieldrelay.importer.answer import Failed, Fetched, ImportResult
from shieldrelay.importer.fault import FaultKind
from shieldrelay.importer.importer import Importer
from shieldrelay.importer.request import ImportRequest
from shieldrelay.importer.settings import SourceSettings

DOMAIN = "example.test"


def asking(source: SourceSettings, **more: Any) -> ImportRequest:
    """Give a request for the recipients of `DOMAIN`."""
    return ImportRequest(**{"domain": DOMAIN, "names": (DOMAIN, "alias.test"), "source": source, **more})


def lines_of(result: ImportResult) -> list[str]:
    """Give the entries that came."""
    assert isinstance(result, Fetched), result
    assert result.path is not None
    return Path(result.path).read_text("utf-8").splitlines()


class ImportCase(unittest.TestCase):
    """A test that imports."""

    timeout = 60

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).resolve()
        self.importer = Importer(reactor, sys.executable, self.directory)
        self.importer.prepare()
        self.addCleanup(self.importer.stop)

    def written(self, name: str, content: str | bytes) -> Path:
        """Write a file for a test."""
        path = self.directory / name
        path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        return path

    def imported(self, source: SourceSettings, **more: Any) -> Deferred[ImportResult]:
        """Import in a child."""
        return self.importer.start(asking(source, **more))

    async def entries(self, source: SourceSettings, **more: Any) -> list[str]:
        """Import what must come, and give its lines."""
        result = await self.imported(source, **more)
        return lines_of(result)

    async def fails(self, kind: FaultKind, words: str, source: SourceSettings, **more: Any) -> None:
        """Import what must fail, in these words, and leave nothing behind."""
        result = await self.imported(source, **more)
        assert isinstance(result, Failed), result
        self.assertIn(words, result.words)
        self.assertIs(result.kind, kind, result.words)
        self.assertEqual(list(self.directory.glob("*.entries")), [])
