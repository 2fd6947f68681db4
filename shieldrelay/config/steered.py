"""Modes of defences that were set at run time: one small file of the state directory, read after the operator's own.

What stands there wins over the files, and its origin says who set it. `SteeredModes` reads and writes it; blocking, as
`config.reader` is, which calls this. A file that makes no sense is a fault of the configuration.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from attrs import frozen

from shieldrelay.config.mode import Mode
from shieldrelay.config.setting import changed
from shieldrelay.config.shield import Shield

FILE = "modes.json"
STEERABLE = ("connections", "greeting", "analysis", "harvest", "lawful", "reputation")
"""Sections of ``[shield]`` whose ``mode`` can be set."""


@frozen
class Steered:
    """One mode that was set.

    :ivar by: who set it.
    """

    mode: Mode
    by: str

    @property
    def origin(self) -> str:
        """Say where the value comes from."""
        return f"set at run time by {self.by}"


class SteeredModes:
    """The file."""

    def __init__(self, state: str) -> None:
        self._file = Path(state) / FILE

    @property
    def path(self) -> str:
        """Where it lies."""
        return str(self._file)

    def octets(self) -> bytes:
        """Give what stands in it; nothing when it is not there.

        :raises OSError: it cannot be read.
        """
        try:
            return self._file.read_bytes()
        except FileNotFoundError:
            return b""

    def set(self, defence: str, steered: Steered | None) -> Callable[[], None]:
        """Set a mode, or give it back to the configuration; gives what takes that back.

        :raises OSError: the disk refuses.
        """
        before = self.octets()
        kept = dict(parsed(before))
        kept.pop(defence, None)
        if steered is not None:
            kept[defence] = steered
        after = {name: {"mode": each.mode.value, "by": each.by} for name, each in sorted(kept.items())}
        self._write(json.dumps(after, indent=1).encode("ascii") + b"\n" if after else b"")
        return lambda: self._write(before)

    def _write(self, octets: bytes) -> None:
        if not octets:
            self._file.unlink(missing_ok=True)
            return
        aside = self._file.with_name(f".{FILE}.{os.getpid()}")
        with aside.open("wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(self._file)


def parsed(octets: bytes) -> Mapping[str, Steered]:
    """Read what stands in the file.

    :raises ValueError: it makes no sense.
    """
    if not octets:
        return {}
    read = json.loads(octets)
    try:
        return {name: Steered(Mode(each["mode"]), str(each["by"])) for name, each in read.items() if name in STEERABLE}
    except (AttributeError, KeyError, TypeError) as fault:
        raise ValueError(f"it is not as it was written: {fault!r}") from fault


def with_modes(shield: Shield, steered: Mapping[str, Steered]) -> Shield:
    """Give the defences with these modes."""
    changes = {name: changed(getattr(shield, name), mode=each.mode) for name, each in steered.items()}
    return changed(shield, **changes)
