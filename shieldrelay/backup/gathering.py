"""Which files belong to a node: its configuration, whatever that names, and its state directory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from shieldrelay.config.schema import Configuration

_PASSING = ("lock",)
_UNFINISHED = ("built-", "aside-", ".")
_UNDER_WAY = ("imports", "trace")
"""What is under way, and means nothing to another process; and the index of the journal, which is made anew."""


def configured(configuration: Configuration) -> list[Path]:
    """Give the files of the configuration: those beside the main file, and those that settings name, wherever they are.

    :raises OSError: a directory cannot be read.
    """
    main = Path(configuration.path)
    found = {main, *_below(main.parent)} if main.parent.name == "shieldrelay" else {main}
    found |= set((main.parent / "domains.d").glob("*.toml"))
    own = (configuration.node.state, configuration.node.spool)
    passing = {configuration.node.journal, configuration.node.control}
    for text in _texts(configuration):
        if text.startswith("/") and text not in passing and not text.startswith(tuple(f"{each}/" for each in own)):
            found.add(Path(text))
    return sorted(file for file in found if file.is_file())


def learned(state: Path) -> list[Path]:
    """Give the files of the state directory, the lists of recipients apart.

    :raises OSError: a directory cannot be read.
    """
    lists = state / "recipients"
    return sorted(file for file in _below(state) if not file.is_relative_to(lists) and not is_passing(file, state))


def lists(state: Path) -> list[Path]:
    """Give the directories of the lists of recipients, one for each domain.

    :raises OSError: the directory cannot be read.
    """
    room = state / "recipients"
    return sorted(each for each in room.iterdir() if each.is_dir()) if room.is_dir() else []


def list_files(directory: Path) -> list[Path]:
    """Give the files of one list; whoever calls holds its lock."""
    return sorted(file for file in directory.iterdir() if file.is_file() and not is_passing(file, directory))


def is_passing(file: Path, root: Path) -> bool:
    """Whether a file is of use to a running process only."""
    return (
        file.name in _PASSING
        or file.name.startswith(_UNFINISHED)
        or file.relative_to(root).parts[0] in _UNDER_WAY
    )


def _below(directory: Path) -> Iterator[Path]:
    for root, directories, files in os.walk(directory, onerror=_refuse):
        directories.sort()
        yield from (Path(root, file) for file in files if not Path(root, file).is_symlink())


def _refuse(error: OSError) -> None:
    """Go on without a directory that is gone, or was never made; any other fault counts."""
    if not isinstance(error, FileNotFoundError):
        raise error


def _texts(value: object) -> Iterator[str]:
    """Give every text within a configuration, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, (tuple, list, frozenset)):
        for each in value:
            yield from _texts(each)
    elif attrs.has(type(value)):
        instance: Any = value
        for field in attrs.fields(type(instance)):
            if field.name not in ("origins", "path"):
                yield from _texts(getattr(instance, field.name))
