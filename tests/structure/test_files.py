"""Claims about single files: documented, of a readable length, without mutable state at module level."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from twisted.trial import unittest

from tests.structure import house
from tests.structure.source import ROOT, Source, package

_MUTABLE_NODES = (ast.Dict, ast.List, ast.Set, ast.DictComp, ast.ListComp, ast.SetComp)
_MUTABLE_CALLS = ("dict", "list", "set", "bytearray", "deque", "defaultdict", "OrderedDict", "Counter")
_DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def undocumented(source: Source) -> Iterator[tuple[str, int]]:
    """Give name and line of each public module, class, function and method that has no docstring."""
    if not ast.get_docstring(source.tree):
        yield source.module, 1
    yield from _undocumented_in(source.tree, source.module)


def _undocumented_in(node: ast.Module | ast.ClassDef, prefix: str) -> Iterator[tuple[str, int]]:
    for child in node.body:
        if not isinstance(child, _DEFINITIONS) or child.name.startswith("_") or _is_framework_hook(child):
            continue
        name = f"{prefix}.{child.name}"
        if not ast.get_docstring(child):
            yield name, child.lineno
        if isinstance(child, ast.ClassDef):
            yield from _undocumented_in(child, name)


def _is_framework_hook(node: ast.AST) -> bool:
    """Whether a method is one that Twisted calls (camelCase), documented by the framework, or a property's setter."""
    if isinstance(node, ast.ClassDef) or not hasattr(node, "name"):
        return False
    decorators = {getattr(each, "attr", getattr(each, "id", "")) for each in getattr(node, "decorator_list", ())}
    return node.name != node.name.lower() or bool(decorators & {"setter", "overload"})


def mutable_state(source: Source) -> Iterator[tuple[str, int]]:
    """Give name and line of each module-level container that is not a table (ALL_CAPS, or a dunder)."""
    for node in source.tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and _is_mutable(node.value):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                name = getattr(target, "id", "?")
                if not name.isupper() and not name.startswith("__"):
                    yield f"{source.module}.{name}", node.lineno
        elif isinstance(node, ast.Global):
            yield f"{source.module}.global", node.lineno


def _is_mutable(value: ast.expr) -> bool:
    called = getattr(value, "func", None)
    name = getattr(called, "attr", getattr(called, "id", ""))
    return isinstance(value, _MUTABLE_NODES) or name in _MUTABLE_CALLS


class FileTests(unittest.SynchronousTestCase):
    def _nothing(self, faults: Iterable[str]) -> None:
        """Fail with every fault on a line of its own."""
        found = sorted(set(faults))
        self.assertFalse(found, "\n" + "\n".join(found))

    def test_public_things_are_documented(self) -> None:
        """Every public module, class, function and method says what it is for."""
        self._nothing(
            f"{source.path}:{line}: {name} has no docstring"
            for source in package()
            for name, line in undocumented(source)
            if name not in house.UNDOCUMENTED
        )

    def test_files_are_short(self) -> None:
        """No file is longer than the house allows, unless it says why."""
        self._nothing(
            f"{source.path}: {source.lines} lines"
            for source in package()
            if source.lines > house.LINES_MOST and source.path not in house.LONG_FILES
        )

    def test_modules_hold_no_state(self) -> None:
        """No module holds a mutable container but for tables in ALL_CAPS, which nobody changes."""
        self._nothing(
            f"{source.path}:{line}: {name} is mutable module-level state"
            for source in package()
            for name, line in mutable_state(source)
            if name not in house.MUTABLE_AT_MODULE_LEVEL
        )

    def test_no_function_rebinds_module_state(self) -> None:
        """No function uses ``global``: what changes belongs to an object that somebody owns."""
        self._nothing(
            f"{source.path}:{node.lineno}: global {', '.join(node.names)}"
            for source in package()
            for node in ast.walk(source.tree)
            if isinstance(node, ast.Global)
        )

    def test_annotations_are_lazy(self) -> None:
        """Every file that defines something begins with the annotations import, so types cost nothing."""
        self._nothing(
            f"{source.path}: no 'from __future__ import annotations'"
            for source in package()
            if any(isinstance(node, _DEFINITIONS) for node in source.tree.body)
            and "annotations" not in [taken.name for taken in source.imports()]
        )

    def test_nothing_sleeps(self) -> None:
        """No file of the product blocks its thread with a sleep."""
        self._nothing(
            f"{source.path}:{node.lineno}: sleeps"
            for source in package()
            for node in ast.walk(source.tree)
            if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "sleep"
        )

    def test_exemptions_are_needed(self) -> None:
        """Each exemption from a house rule names a file that is there, and gives its reason."""
        for path, reason in house.LONG_FILES.items():
            self.assertTrue((ROOT / path).exists() and reason, path)
        for name, reason in {**house.MUTABLE_AT_MODULE_LEVEL, **house.UNDOCUMENTED}.items():
            self.assertTrue(any(name.startswith(source.module) for source in package()) and reason, name)
