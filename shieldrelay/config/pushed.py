"""Domains that were given at run time: files under the node's state directory, read after the operator's own (R31).

Each is what would stand in ``domains.d/``, under a first line that says which decision it is of. A name that stands in
the configuration's own files wins: then the pushed one is not in force, and is named as such. Whoever pushes has the
whole read with it first (`Beside`), and writes afterwards. Blocking, like `config.reader`, which calls this.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from attrs import field, frozen

from shieldrelay.config.domain import Domain
from shieldrelay.config.hosts import DomainName
from shieldrelay.config.kinds import Unfit

DIRECTORY = "domains.d"
SUFFIX = ".toml"
OCTETS_MOST = 256 << 10
"""The longest settings of a domain."""

Texts = Mapping[str, str | None]
"""By domain its settings, TOML; ``None``: without them."""


@frozen
class Beside:
    """What is to be taken for pushed, in the place of what the files say.

    :ivar texts: by domain; of others the files count.
    """

    texts: Texts = field(factory=dict)


NOTHING = Beside()


@frozen
class Pushed:
    """One domain that was pushed.

    :ivar name: of its file, without the suffix.
    :ivar domain: as its settings say.
    """

    name: str
    domain: Domain


def directory_of(state: str) -> Path:
    """Give where they lie."""
    return Path(state) / DIRECTORY


def files_of(state: str) -> list[Path]:
    """Give the files, by name.

    :raises OSError: the directory is there, and cannot be listed.
    """
    try:
        found = [file for file in directory_of(state).iterdir() if file.suffix == SUFFIX]
    except FileNotFoundError:
        return []
    return sorted(file for file in found if not file.name.startswith("."))


def in_force(pushed: Iterable[Pushed], own: Iterable[str]) -> tuple[set[str], list[str]]:
    """Name those that are in force, and those that are not because a name of theirs is protected already.

    :param own: names that the configuration's own files protect.
    """
    taken, kept, hidden = set(own), set[str](), list[str]()
    for each in pushed:
        if taken.isdisjoint(each.domain.names):
            taken.update(each.domain.names)
            kept.add(each.name)
        else:
            hidden.append(each.name)
    return kept, hidden


def domain_of(text: str) -> str:
    """Give the comparison form of the domain that settings are of.

    :raises ValueError: they are no settings of a domain.
    """
    try:
        name = tomllib.loads(text).get("domain")
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ValueError(f"it is not valid TOML: {error}") from None
    try:
        return DomainName().parse(name)
    except Unfit as unfit:
        raise ValueError(f"domain: {unfit}") from None
