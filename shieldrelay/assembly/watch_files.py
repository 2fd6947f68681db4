"""Small files of JSON under the state directory, for `assembly.watch`: read in threads, replaced whole.

What cannot be read, or makes no sense, is nothing; what cannot be written is told to the journal and stays in memory.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from shieldrelay.assembly.house import House
from shieldrelay.recipients.shelf import replace

FILE_OCTETS = 64 << 20


class StateFile:
    """One file."""

    def __init__(self, house: House, name: str) -> None:
        self._house = house
        self._path = Path(house.configuration.node.state) / name

    async def read(self) -> Any:
        """Give what it holds, ``None`` for nothing."""
        return await self._house.threads.run(_read, self._path)

    async def write(self, value: Any) -> bool:
        """Replace it; say whether that went well."""
        try:
            await self._house.threads.run(_write, self._path, value)
        except OSError as fault:
            self._house.journal.event("state_unwritten", file=str(self._path), reason=str(fault))
            return False
        return True


def _read(file: Path) -> Any:
    try:
        with file.open("rb") as opened:
            return json.loads(opened.read(FILE_OCTETS))
    except (OSError, ValueError, RecursionError):
        return None


def _write(file: Path, value: Any) -> None:
    replace(file, json.dumps(value, separators=(",", ":")).encode("ascii"))
