"""Claims about the documents: what they name is there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from twisted.trial import unittest

from tests.structure import house
from tests.structure.source import PACKAGE, ROOT

_PATH = re.compile(r"(?<![\w/.-])((?:bench|docs|packaging|shieldrelay|tests)/[\w./-]*\w\.(?:md|py|sh|toml|txt|lock))\b")
_MODULE = re.compile(r"\b((?:tests|bench)(?:\.[a-z_][a-z0-9_]*)+)\b(?!\()")
_ROOM = re.compile(r"`+((?:" + "|".join(sorted(house.MAY_KNOW)) + r")(?:\.[a-z_][a-z0-9_]*)+)\b(?![/(*])")
_TARGET = re.compile(r"`make ([a-z-]+)")
_LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")
_PLACE = re.compile(r"\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)")


def documents() -> list[Path]:
    """All pages, those of the top directory included."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("bench/*.md")])


def named(pattern: re.Pattern[str]) -> Iterator[tuple[Path, str]]:
    """Give each document and what it names by the pattern."""
    for page in documents():
        for found in pattern.findall(page.read_text()):
            yield page, found


def is_module(name: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    parts = name.split(".")
    files = (ROOT.joinpath(*parts[:length]).with_suffix(".py") for length in range(2, len(parts) + 1))
    return ROOT.joinpath(*parts).is_dir() or any(file.exists() for file in files)


def places(page: Path) -> set[str]:
    """Give the names of a page's headings, as links lead to them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    headings = (re.sub(r"\]\([^)]*\)", "]", one) for one in re.findall(r"^#+ (.*)$", text, re.MULTILINE))
    return {re.sub(r"[^\w\- ]", "", one.strip().lower()).replace(" ", "-") for one in headings}


class DocumentTests(unittest.SynchronousTestCase):
    def _nothing(self, faults: Iterable[str]) -> None:
        """Fail with every fault on a line of its own."""
        found = sorted(set(faults))
        self.assertFalse(found, "\n" + "\n".join(found))

    def test_files_named_exist(self) -> None:
        """Each file of the project that a document names is there."""
        self._nothing(f"{page.name}: {path}" for page, path in named(_PATH) if not (ROOT / path).exists())

    def test_modules_named_exist(self) -> None:
        """Each test or bench module that a document names is there."""
        self._nothing(f"{page.name}: {name}" for page, name in named(_MODULE) if not is_module(name))

    def test_rooms_named_have_what_is_named(self) -> None:
        """Each module of a room that a document names as ``room.module`` is there."""
        endings = {"py", "js", "toml", "md"}
        self._nothing(
            f"{page.name}: {name}"
            for page, name in named(_ROOM)
            if name.rpartition(".")[2] not in endings and not is_module(f"{PACKAGE}.{name}")
        )

    def test_architecture_has_every_room(self) -> None:
        """The page of the architecture says of every room on which floor it is."""
        page = (ROOT / "docs" / "architecture.md").read_text()
        floors = page.partition("\n## ")[0]
        self._nothing(f"architecture.md: {room} is on no floor" for room in house.MAY_KNOW if f"`{room}`" not in floors)

    def test_make_targets_named_exist(self) -> None:
        """Each target of make that a document names is in the Makefile."""
        targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
        self._nothing(f"{page.name}: make {target}" for page, target in named(_TARGET) if target not in targets)

    def test_links_lead_somewhere(self) -> None:
        """Each relative link between documents leads to a file."""
        self._nothing(f"{page.name}: {link}" for page, link in named(_LINK) if not (page.parent / link).exists())

    def test_links_lead_to_a_heading(self) -> None:
        """Each link to a place within a document leads to a heading that is there."""
        self._nothing(
            f"{page.name}: {file}#{place}"
            for page in documents()
            for file, place in _PLACE.findall(page.read_text())
            if place not in places(page.parent / file if file else page)
        )
