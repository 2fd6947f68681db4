"""How a setting is declared: one line in a section class carries its kind, default and help.

From this one declaration come the parsing and its bounds (`config.building`), the default file in ``etc/`` and the
reference page (`config.render`). A section is a frozen attrs class made by `section`; its fields are made by `setting`,
`subsection`, `keyed` and `optional_subsection`, so that types are checked as for any attrs class. A default
that its own kind would not take fails at import.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast, dataclass_transform

import attrs
from attrs import frozen

from shieldrelay.config.kinds import Kind

T = TypeVar("T")
K = TypeVar("K")
S = TypeVar("S")

_DECLARED = "shieldrelay.config"


class _Required:
    """The default of what has none."""


REQUIRED = _Required()


@frozen
class Setting:
    """One declared setting.

    :ivar default: as it would be written in the file; ``None`` for absent, `REQUIRED` when it must be written.
    :ivar example: a written value to show where the default shows nothing; every required setting has one.
    """

    kind: Kind[Any]
    default: object
    help: str
    example: object = None

    @property
    def required(self) -> bool:
        """Whether the file must have it."""
        return self.default is REQUIRED


@frozen
class Subsection:
    """A table within a table: always there, or (``optional``) absent unless written."""

    of: type[Any]
    help: str
    optional: bool = False


@frozen
class Keyed:
    """A table of tables, each under a key of one kind, such as ``[networks."192.0.2.0/24"]``."""

    kind: Kind[Any]
    of: type[Any]
    help: str
    example: str


Declared = Setting | Subsection | Keyed


def setting(kind: Kind[T], *, default: object = REQUIRED, help: str, example: object = None) -> T:
    """Declare a setting.

    :param default: in written form; it is parsed here, so that it cannot be invalid.
    :param help: one or two plain sentences, with the unit and the source of the default.
    """
    declared = Setting(kind, default, help, example)
    made: T = _field(declared) if declared.required else _field(declared, default=kind.parse(default))
    return made


def subsection(of: type[S], *, factory: Callable[[], S], help: str) -> S:
    """Declare a table within this one; ``factory`` is ``of`` itself, for the type checker's sake."""
    made: S = _field(Subsection(of, help), factory=factory)
    return made


def required_subsection(of: type[S], *, help: str) -> S:
    """Declare a table that has required settings."""
    made: S = _field(Subsection(of, help))
    return made


def optional_subsection(of: type[S], *, default: None, help: str) -> S | None:
    """Declare a table that may be absent."""
    made: S | None = _field(Subsection(of, help, optional=True), default=default)
    return made


def keyed(
    kind: Kind[K], of: type[S], *, factory: Callable[[], Mapping[K, S]], help: str, example: str
) -> Mapping[K, S]:
    """Declare a table of tables."""
    made: Mapping[K, S] = _field(Keyed(kind, of, help, example), factory=factory)
    return made


def _field(declared: Declared, **default: Any) -> Any:
    return attrs.field(metadata={_DECLARED: declared}, **default)


@dataclass_transform(
    kw_only_default=True,
    frozen_default=True,
    field_specifiers=(setting, subsection, required_subsection, optional_subsection, keyed, attrs.field),
)
def section(cls: type[T]) -> type[T]:
    """Make a class of settings a frozen attrs class with keyword arguments."""
    return frozen(kw_only=True, eq=True, hash=False)(cls)


def changed(instance: S, **changes: Any) -> S:
    """Give a section with some settings changed; ``attrs.evolve``, which the type checker does not see through."""
    return attrs.evolve(cast(Any, instance), **changes)  # type: ignore[no-any-return]


def declared_in(cls: type[Any]) -> dict[str, Declared]:
    """Give what a section declares, by name, in order."""
    return {
        attribute.name: attribute.metadata[_DECLARED]
        for attribute in attrs.fields(cls)
        if _DECLARED in attribute.metadata
    }
