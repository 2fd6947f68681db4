"""From parsed TOML to sections: every value through its kind, every fault noted, nothing stopped by the first.

Knows the declarations and no file system: the tables come from `config.reader`. A value that does not fit is noted
and its default (or, where it must be written, its example) stands in for it, so that the rest can be looked at too;
whoever builds looks at the faults before it uses anything.
"""

from __future__ import annotations

import difflib
from typing import Any, TypeVar

from attrs import define, field, frozen

from shieldrelay.config.faults import Fault, Path
from shieldrelay.config.kinds import Kind, Unfit, shown
from shieldrelay.config.setting import Declared, Keyed, Setting, Subsection, declared_in

S = TypeVar("S")


@frozen
class Source:
    """One TOML file, parsed.

    :ivar lines: where its tables and keys stand (`config.lines`).
    """

    file: str
    table: dict[str, Any]
    lines: dict[Path, int] = field(factory=dict)

    def line(self, path: Path) -> int | None:
        """Give the line of what stands at ``path``, or of the nearest table or key around it that has one."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return None


@define
class Faults:
    """The faults found so far, and which places of which files are known to be faulty."""

    found: list[Fault] = field(factory=list)

    def add(self, source: Source, path: Path, wrong: str, valid: str = "", line: int | None = None) -> None:
        """Note a fault; ``line`` when the path does not show it."""
        self.found.append(Fault(source.file, line or source.line(path), path, wrong, valid))

    def touch(self, source: Source, path: Path) -> bool:
        """Tell whether something is wrong at ``path`` or below."""
        return any(fault.file == source.file and fault.path[: len(path)] == path for fault in self.found)


class Builder:
    """Builds sections from the tables of one source.

    :ivar origins: where each setting that was written comes from, by dotted name.
    """

    def __init__(self, source: Source, faults: Faults, origins: dict[str, str], prefix: str = "") -> None:
        self._source = source
        self._faults = faults
        self._origins = origins
        self._prefix = prefix

    def build(self, cls: type[S], table: object, path: Path, elsewhere: frozenset[str] = frozenset()) -> S:
        """Build one section.

        :param path: where ``table`` stands.
        :param elsewhere: names that are valid here and built by somebody else.
        """
        if not isinstance(table, dict):
            self._faults.add(self._source, path, f"{shown(table)} is not a table", "valid is a table of settings")
            table = {}
        declared = declared_in(cls)
        self._refuse_unknown(table, declared, path, elsewhere)
        values: dict[str, Any] = {}
        for name, declaration in declared.items():
            if name in table:
                self._take(values, name, declaration, table[name], (*path, name))
            elif _must(declaration):
                self._miss(values, name, declaration, (*path, name))
        return cls(**values)

    def _miss(self, values: dict[str, Any], name: str, declaration: Declared, path: Path) -> None:
        """Note what is missing and put what stands in for it into ``values``."""
        if isinstance(declaration, Setting):
            self._faults.add(self._source, path, "it is missing", f"valid is {declaration.kind.valid}")
            values[name] = declaration.kind.parse(declaration.example)
        elif isinstance(declaration, Subsection):
            values[name] = self.build(declaration.of, {}, path)

    def _take(self, values: dict[str, Any], name: str, declaration: Declared, written: object, path: Path) -> None:
        """Put the value of one declared name into ``values``, unless it is faulty."""
        if isinstance(declaration, Setting):
            self._origins[self._dotted(path)] = f"{self._source.file}:{self._source.line(path)}"
            fitting = self._parse(declaration.kind, written, path)
            if fitting is not None:
                values[name] = fitting[0]
            elif declaration.required:
                values[name] = declaration.kind.parse(declaration.example)
        elif isinstance(declaration, Subsection):
            values[name] = self.build(declaration.of, written, path)
        else:
            values[name] = self._build_keyed(declaration, written, path)

    def _parse(self, kind: Kind[Any], written: object, path: Path) -> tuple[Any] | None:
        try:
            return (kind.parse(written),)
        except Unfit as unfit:
            self._faults.add(self._source, path, str(unfit), f"valid is {kind.valid}")
            return None

    def _build_keyed(self, declaration: Keyed, written: object, path: Path) -> dict[Any, Any]:
        if not isinstance(written, dict):
            self._faults.add(self._source, path, f"{shown(written)} is not a table", "valid is a table for each key")
            return {}
        built: dict[Any, Any] = {}
        for key, table in written.items():
            fitting = self._parse(declaration.kind, key, (*path, key))
            value = self.build(declaration.of, table, (*path, key))
            if fitting is not None and fitting[0] in built:
                self._faults.add(self._source, (*path, key), "it is there twice in different spellings")
            elif fitting is not None:
                built[fitting[0]] = value
        return built

    def _refuse_unknown(
        self, table: dict[str, Any], declared: dict[str, Declared], path: Path, elsewhere: frozenset[str]
    ) -> None:
        names = sorted({*declared, *elsewhere})
        for name in table:
            if name not in names:
                self._faults.add(self._source, (*path, name), "there is no such setting here", suggestion(name, names))

    def _dotted(self, path: Path) -> str:
        return self._prefix + ".".join(str(word) for word in path)


def suggestion(name: str, names: list[str]) -> str:
    """Name the valid name that is nearest to a wrong one, or all of them."""
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]}?" if near else f"valid are {', '.join(names)}"


def _must(declaration: Declared) -> bool:
    return (isinstance(declaration, Setting) and declaration.required) or (
        isinstance(declaration, Subsection) and _has_required(declaration)
    )


def _has_required(declaration: Subsection) -> bool:
    """Tell whether a table must be written because something in it must."""
    return not declaration.optional and any(_must(inner) for inner in declared_in(declaration.of).values())
