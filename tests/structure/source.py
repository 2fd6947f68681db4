"""The package's own source as the structure tests see it: parsed files and their imports.

Nothing of the package is imported here: files are read and parsed, so that a file that cannot even be imported is
still judged.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from attrs import field, frozen

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "shieldrelay"


@frozen
class Import:
    """One imported name.

    :ivar module: what is imported from, dotted; for ``from shieldrelay.mail import reply`` the full
        ``shieldrelay.mail.reply`` when that is a module, else the module that has the name.
    :ivar name: the name taken out of it, or ``""`` for the module itself.
    :ivar line: where it stands.
    :ivar deferred: it stands inside a function, so importing the file does not execute it.
    """

    module: str
    name: str
    line: int
    deferred: bool


@frozen(eq=False)
class Source:
    """One parsed file.

    :ivar path: from the top of the checkout, with slashes.
    :ivar module: its dotted name; a package's ``__init__`` has the package's.
    """

    path: str
    module: str
    text: str = field(repr=False)
    tree: ast.Module = field(repr=False)

    @property
    def lines(self) -> int:
        """How many lines it has."""
        return self.text.count("\n")

    def imports(self) -> list[Import]:
        """All imports, those for types only included: to know a type is to know its room."""
        return _imports(self)


@cache
def _imports(source: Source) -> list[Import]:
    """Read a file's imports, once."""
    found: list[Import] = []
    for node, deferred in _walk(source.tree, False):
        if isinstance(node, ast.Import):
            found += [Import(alias.name, "", node.lineno, deferred) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [_imported(node, alias.name, deferred) for alias in node.names]
    return found


def _walk(node: ast.AST, deferred: bool) -> Iterator[tuple[ast.AST, bool]]:
    """Go through a tree's statements, telling of each whether it is inside a function; no expression imports."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            continue
        yield child, deferred
        inside = deferred or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
        yield from _walk(child, inside)


def _imported(node: ast.ImportFrom, name: str, deferred: bool) -> Import:
    """Resolve ``from a import b`` to the module ``a.b`` where that is one."""
    module = node.module or ""
    below = ROOT.joinpath(*module.split("."), name)
    if below.with_suffix(".py").exists() or (below / "__init__.py").exists():
        return Import(f"{module}.{name}", "", node.lineno, deferred)
    return Import(module, name, node.lineno, deferred)


def parse(path: Path, root: Path = ROOT) -> Source:
    """Read and parse one file.

    :raises SyntaxError: it is not Python.
    """
    relative = path.relative_to(root)
    parts = relative.with_suffix("").parts
    module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    text = path.read_text()
    return Source(relative.as_posix(), module, text, ast.parse(text, str(path)))


@cache
def package() -> tuple[Source, ...]:
    """All files of the package, in order of their paths."""
    return tuple(parse(path) for path in sorted((ROOT / PACKAGE).rglob("*.py")))
