"""A kind for a small table of values that belong together: ``{ sessions = 10, connections = "30/min" }``.

What a table leaves out keeps its default. Knows no file. Used like every other kind (see ``config.kinds``).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, TypeVar, cast

import attrs
from attrs import frozen

from shieldrelay.config.kinds import Kind, Unfit, shown

T = TypeVar("T")


@frozen(eq=False)
class Record(Kind[T]):
    """A table of values.

    :ivar base: an instance of a frozen attrs class, with the values of what is left out.
    :ivar kinds: by the names of its attributes.
    """

    base: T
    kinds: Mapping[str, Kind[Any]]

    def parse(self, written: object) -> T:
        """Give the base with what is written put over it; the first value that is wrong is named."""
        if not isinstance(written, dict):
            raise Unfit(f"{shown(written)} is not a table")
        values = {name: self._value(name, value) for name, value in written.items()}
        return cast(T, attrs.evolve(cast(Any, self.base), **values))

    def _value(self, name: str, value: object) -> Any:
        kind = self.kinds.get(name)
        if kind is None:
            near = difflib.get_close_matches(name, self.kinds, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(self.kinds)}"
            raise Unfit(f"there is no {shown(name)} in it, {hint}")
        try:
            return kind.parse(value)
        except Unfit as unfit:
            raise Unfit(f"{name}: {unfit}") from None

    @property
    def valid(self) -> str:
        """The names with their kinds; a kind that several have is said once."""
        by_kind: dict[str, list[str]] = {}
        for name, kind in self.kinds.items():
            by_kind.setdefault(kind.valid, []).append(name)
        parts = [f"{', '.join(names)} ({valid})" for valid, names in by_kind.items()]
        return f"a table of any of {'; '.join(parts)}"


@frozen(eq=False)
class AnyTable(Kind[Mapping[str, object]]):
    """A table of whatever somebody else understands."""

    def parse(self, written: object) -> Mapping[str, object]:
        """Take any table."""
        if not isinstance(written, dict):
            raise Unfit(f"{shown(written)} is not a table")
        return dict(written)

    @property
    def valid(self) -> str:
        """The form."""
        return "a table of settings"
