"""Claims about what is written: something of the product asks for it. What only tests call is not bound to anything."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from twisted.trial import unittest

from tests.structure import house
from tests.structure.source import Source, package

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def defined(source: Source) -> Iterator[tuple[str, int]]:
    """Give name and line of each public function, method and property; but for Twisted's hooks and what attrs calls."""
    for node in ast.walk(source.tree):
        if isinstance(node, _FUNCTIONS) and not node.name.startswith("_") and node.name == node.name.lower():
            yield node.name, node.lineno


def named(source: Source) -> set[str]:
    """Give every name that a file uses, as a name, an attribute, an import or a word."""
    names: set[str] = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute):
            names.add(node.attr)
        elif isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.alias):
            names.add(node.name)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names.add(node.value)
    return names


def unbound(sources: Sequence[Source]) -> list[tuple[Source, str, int]]:
    """Give what is defined and named nowhere."""
    used = set().union(*map(named, sources))
    return [(source, name, line) for source in sources for name, line in defined(source) if name not in used]


class BoundTests(unittest.SynchronousTestCase):
    def test_what_is_written_is_asked_for(self) -> None:
        """Every public function of the product is named by the product, but for those that say why not."""
        product = [source for source in package() if house.room_of(source.module) != "testing"]
        found = unbound(product)
        faults = [
            f"{source.path}:{line}: {name} is named nowhere else"
            for source, name, line in found
            if name not in house.FOR_TESTS
        ]
        self.assertFalse(faults, "\n" + "\n".join(sorted(faults)))
        self.assertEqual(set(house.FOR_TESTS) - {name for _, name, _ in found}, set())

    def test_what_is_asked_for_by_nobody_is_seen(self) -> None:
        """A method that nobody names is found, one that is a word of a table is not."""
        text = "def one(): ...\nclass A:\n    def two(self): ...\n    def three(self): ...\nTABLE = {'two': one}"
        source = Source("x.py", "shieldrelay.x", text, ast.parse(text))
        self.assertEqual([name for _, name, _ in unbound([source])], ["three"])
