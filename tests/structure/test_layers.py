"""Claims about who knows whom: imports go down, never up, never sideways; one door per library."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from twisted.trial import unittest

from tests.structure import house
from tests.structure.source import PACKAGE, Import, Source, package


def _ours(source: Source) -> Iterator[Import]:
    """Give the imports of our own package."""
    return (each for each in source.imports() if each.module.split(".")[0] == PACKAGE)


def _full(taken: Import) -> str:
    """Name what an import takes, ``time.gmtime`` for ``from time import gmtime``."""
    return f"{taken.module}.{taken.name}" if taken.name else taken.module


def may_know(source: Source, taken: Import) -> bool:
    """Whether a file of ours may import this name of ours."""
    own, other = house.room_of(source.module), house.room_of(taken.module)
    if other in (own, "") or other in house.MAY_KNOW.get(own, ()):
        return True
    if own == "smtp" and taken.module == "shieldrelay.ports":
        return house.PROTOCOL_MAY_TAKE_FROM_PORTS(taken.name)
    lent = house.LENT.get(source.module, ()) + house.LENT.get(f"{PACKAGE}.{own}", ())
    return house.begins(taken.module, lent) if lent else False


def impurities(source: Source) -> Iterator[str]:
    """Name what a pure file imports or calls that brings a clock, randomness, input or output into it."""
    allowed = [names for prefix, names in house.PURE_MAY_ALSO.items() if house.begins(source.module, (prefix,))]
    also = tuple(name for names in allowed for name in names)
    for taken in source.imports():
        if house.begins(taken.module, house.IMPURE_LIBRARIES) and not house.begins(_full(taken), also):
            yield f"{source.path}:{taken.line}: imports {_full(taken)}"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.AsyncFunctionDef | ast.Await):
            yield f"{source.path}:{node.lineno}: is asynchronous"
        elif isinstance(node, ast.Call) and _called(node) in house.IMPURE_CALLS:
            yield f"{source.path}:{node.lineno}: calls {_called(node)}"


def _called(node: ast.Call) -> str:
    """Give the last word of what is called."""
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


class LayerTests(unittest.SynchronousTestCase):
    def _nothing(self, faults: Iterable[str]) -> None:
        """Fail with every fault on a line of its own."""
        found = sorted(set(faults))
        self.assertFalse(found, "\n" + "\n".join(found))

    def test_every_file_has_a_floor(self) -> None:
        """Each file of the package belongs to a room that the house declares."""
        self._nothing(
            f"{each.path}: no floor is declared for {house.room_of(each.module)!r}"
            for each in package()
            if house.room_of(each.module) not in ("", *house.MAY_KNOW)
        )

    def test_imports_go_down(self) -> None:
        """No file imports from a floor above its own, nor from a room beside it but for declared values."""
        self._nothing(
            f"{source.path}:{taken.line}: {house.room_of(source.module)} may not know {_full(taken)}"
            for source in package()
            for taken in _ours(source)
            if not may_know(source, taken)
        )

    def test_product_does_not_know_its_fakes(self) -> None:
        """Nothing but the demo imports what is shipped for tests."""
        self._nothing(
            f"{source.path}:{taken.line}: imports {taken.module}"
            for source in package()
            for taken in _ours(source)
            if house.room_of(taken.module) == "testing" and house.room_of(source.module) not in ("testing", "demo")
        )

    def test_pure_floors_are_pure(self) -> None:
        """The pure floors have no clock, no randomness, no socket, no file and no asynchrony."""
        self._nothing(
            fault for source in package() if house.begins(source.module, house.PURE) for fault in impurities(source)
        )

    def test_judgement_has_no_sockets(self) -> None:
        """No room of floor 2 imports sockets, DNS, HTTP or the event loop."""
        self._nothing(
            f"{source.path}:{taken.line}: imports {_full(taken)}"
            for source in package()
            if house.room_of(source.module) in house.JUDGEMENT
            for taken in source.imports()
            if house.begins(_full(taken), house.JUDGEMENT_FORBIDS) and not house.begins(taken.module, house.PORTS_WORDS)
        )

    def test_one_door_per_library(self) -> None:
        """A library with a door is imported there only."""
        self._nothing(
            f"{source.path}:{taken.line}: {library} has its door elsewhere"
            for source in package()
            for taken in source.imports()
            for library, doors in house.DOORS.items()
            if house.begins(_full(taken), (library,))
            and not house.begins(source.module, doors)
            and not house.begins(taken.module, house.PORTS_WORDS)
        )

    def test_global_reactor_is_passed_in(self) -> None:
        """The global reactor is imported inside functions of the composition root only."""
        self._nothing(
            f"{source.path}:{taken.line}: imports the global reactor"
            for source in package()
            for taken in source.imports()
            if house.begins(_full(taken), ("twisted.internet.reactor",))
            and not (taken.deferred and house.begins(source.module, house.REACTOR_SEEN_BY))
        )

    def test_what_is_allowed_is_used(self) -> None:
        """Each value that is lent, each door and each exemption has a file that needs it; else it is taken away."""
        taken = [(source.module, each) for source in package() for each in source.imports()]
        allowed = [
            *((room, module, "is lent") for room, lent in house.LENT.items() for module in lent),
            *((door, library, "is a door") for library, doors in house.DOORS.items() for door in doors),
            *((pure, name, "is pure all the same") for pure, names in house.PURE_MAY_ALSO.items() for name in names),
            *((room, "twisted.internet.reactor", "sees") for room in house.REACTOR_SEEN_BY),
            *((PACKAGE, words, "is open to all") for words in house.PORTS_WORDS),
        ]
        self._nothing(
            f"{room}: {name}: {why}, and not needed"
            for room, name, why in allowed
            if not any(house.begins(module, (room,)) and house.begins(_full(each), (name,)) for module, each in taken)
        )
        self._nothing(
            f"{each}: is to be pure, and is not there"
            for each in house.PURE
            if not any(house.begins(source.module, (each,)) for source in package())
        )

    def test_no_relative_imports(self) -> None:
        """Imports name the room they come from in full."""
        self._nothing(
            f"{source.path}:{node.lineno}: relative import"
            for source in package()
            for node in ast.walk(source.tree)
            if isinstance(node, ast.ImportFrom) and node.level
        )
