"""Kinds of settings: how a value is written in TOML, what is valid, and the typed value that comes out.

A `Kind` knows one form of value and nothing of files, sections or other settings. `config.schema` declares settings
with kinds, `config.building` parses with them and `config.render` describes them. What does not fit raises `Unfit`,
which says what is wrong; `Kind.valid` says what would be right.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from enum import Enum
from typing import Generic, TypeVar

from attrs import frozen

T = TypeVar("T")
E = TypeVar("E", bound=Enum)

SHOWN_CHARACTERS = 60
"""How much of a wrong value an error repeats."""


class Unfit(ValueError):
    """A written value that its kind cannot take. ``args[0]`` says what is wrong, in one clause."""


class Kind(ABC, Generic[T]):
    """One form of value."""

    @abstractmethod
    def parse(self, written: object) -> T:
        """Give the typed value.

        :param written: what TOML holds: ``str``, ``int``, ``float``, ``bool``, ``list`` or ``dict``.
        :raises Unfit: when it is not valid.
        """

    @property
    @abstractmethod
    def valid(self) -> str:
        """What is valid, as a noun phrase with bounds and an example."""


def shown(written: object) -> str:
    """Show a wrong value as it would stand in the file, clipped, on one line."""
    text = f'"{written}"' if isinstance(written, str) else str(written)
    text = text.encode("unicode_escape").decode("ascii")
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "..."


def text_of(written: object) -> str:
    """Take a string, or raise `Unfit`."""
    if not isinstance(written, str):
        raise Unfit(f"{shown(written)} is not a string")
    return written


@frozen
class Flag(Kind[bool]):
    """``true`` or ``false``."""

    def parse(self, written: object) -> bool:
        """Take a TOML boolean and nothing that merely looks like one."""
        if not isinstance(written, bool):
            raise Unfit(f"{shown(written)} is neither true nor false")
        return written

    @property
    def valid(self) -> str:
        """Both words."""
        return "true or false"


@frozen
class Count(Kind[int]):
    """A whole number within bounds, both included."""

    least: int
    most: int

    def parse(self, written: object) -> int:
        """Take a TOML integer."""
        if isinstance(written, bool) or not isinstance(written, int):
            raise Unfit(f"{shown(written)} is not a whole number")
        if not self.least <= written <= self.most:
            raise Unfit(f"{written} is out of bounds")
        return written

    @property
    def valid(self) -> str:
        """The bounds."""
        if self.least == self.most:
            return f"the number {self.least}"
        return f"a whole number from {self.least} to {self.most}"


@frozen
class Choice(Kind[E]):
    """One of the words that are the values of an enum."""

    words: type[E]

    def parse(self, written: object) -> E:
        """Take one of the words, as it is written in the enum."""
        try:
            return self.words(written)
        except ValueError:
            raise Unfit(f"{shown(written)} is not one of the choices") from None

    @property
    def valid(self) -> str:
        """All the words."""
        words = [f'"{word.value}"' for word in self.words]
        return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


@frozen
class Text(Kind[str]):
    """Printable ASCII, ``least`` to ``most`` characters."""

    least: int = 0
    most: int = 200

    def parse(self, written: object) -> str:
        """Take a string without control characters: it may be written to a peer."""
        text = text_of(written)
        if not text.isascii() or not text.isprintable():
            raise Unfit(f"{shown(written)} has characters that are not printable ASCII")
        if not self.least <= len(text) <= self.most:
            raise Unfit(f"{shown(written)} has {len(text)} characters")
        return text

    @property
    def valid(self) -> str:
        """The length."""
        return f"printable ASCII of {self.least} to {self.most} characters"


@frozen
class FreeText(Kind[str]):
    """Text of any script in one line, for those who are no peers of ours by SMTP."""

    most: int = 1000

    def parse(self, written: object) -> str:
        """Take a string without control characters that is not empty."""
        text = text_of(written)
        if not text.isprintable() or not 0 < len(text) <= self.most:
            raise Unfit(f"{shown(written)} is empty, too long, or has characters that cannot be printed")
        return text

    @property
    def valid(self) -> str:
        """The length."""
        return f"text of 1 to {self.most} characters in one line"


_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,63}\Z")


@frozen
class Word(Kind[str]):
    """A name that is safe as a file name and in a command line: a member's, a user's, a group's."""

    def parse(self, written: object) -> str:
        """Take a name."""
        text = text_of(written)
        if not _WORD.match(text):
            raise Unfit(f"{shown(written)} is not a plain name")
        return text

    @property
    def valid(self) -> str:
        """The characters."""
        return "a name of 1 to 64 letters, digits, dots, underscores and hyphens, not beginning with a sign"


@frozen
class FilePath(Kind[str]):
    """An absolute path: what a relative one means would depend on where the program was started."""

    def parse(self, written: object) -> str:
        """Take an absolute path; whether it exists is asked later, by ``config.checks``."""
        text = text_of(written)
        if not text.startswith("/") or "\0" in text:
            raise Unfit(f"{shown(written)} is not an absolute path")
        return text

    @property
    def valid(self) -> str:
        """The form."""
        return "an absolute path"


@frozen
class FilePathOrStdout(Kind[str]):
    """An absolute path, or ``-`` for standard output."""

    def parse(self, written: object) -> str:
        """Take a path or the hyphen."""
        return "-" if written == "-" else FilePath().parse(written)

    @property
    def valid(self) -> str:
        """Both forms."""
        return 'an absolute path, or "-" for standard output'


@frozen
class ListOf(Kind[tuple[T, ...]]):
    """A list of values of one kind, at least ``least`` of them."""

    kind: Kind[T]
    least: int = 0

    def parse(self, written: object) -> tuple[T, ...]:
        """Take a TOML array; the first item that is wrong is named."""
        items = _items(written)
        if len(items) < self.least:
            raise Unfit(f"the list has {len(items)} items")
        return tuple(self._item(index, item) for index, item in enumerate(items, 1))

    def _item(self, index: int, item: object) -> T:
        try:
            return self.kind.parse(item)
        except Unfit as unfit:
            raise Unfit(f"item {index}: {unfit}") from None

    @property
    def valid(self) -> str:
        """The items' kind."""
        return f"a list, each item {self.kind.valid}"


def _items(written: object) -> Sequence[object]:
    if not isinstance(written, list):
        raise Unfit(f"{shown(written)} is not a list")
    return written


@frozen
class Maybe(Kind[T | None]):
    """A setting that may be absent, which its help explains; it has no written form for that but leaving it out."""

    kind: Kind[T]

    def parse(self, written: object) -> T | None:
        """Take what the inner kind takes."""
        return None if written is None else self.kind.parse(written)

    @property
    def valid(self) -> str:
        """What the inner kind takes."""
        return self.kind.valid
