"""The fenced blocks of a page: what it tells its reader to run, and what that is said to show.

=====================  ========================================================================================
first line             what it is
=====================  ========================================================================================
``sh``                 commands, run in the order of the page; each must succeed
``sh fails``           commands of which the last must fail
``sh untested: why``   commands that no test can run here, with the reason
``text shown``         lines that the commands before show, among others; ``...`` stands for anything
anything else          no commands
=====================  ========================================================================================
"""

from __future__ import annotations

import re
from pathlib import Path

from attrs import frozen

_FENCE = re.compile(r"^```(.*)$")
_BEGINS = re.compile(r"<!-- begins: (.+?) -->")


@frozen
class Block:
    """One block.

    :ivar line: of the page, its first line's number.
    :ivar info: what stands behind the opening fence.
    """

    page: Path
    line: int
    info: str
    text: str

    @property
    def is_run(self) -> bool:
        """Whether these are commands that can be run here."""
        return self.info in ("sh", "sh fails")

    @property
    def where(self) -> str:
        """The place, for a message."""
        return f"{self.page.name}:{self.line}"


def blocks_of(page: Path) -> list[Block]:
    """Give all blocks of a page.

    :raises ValueError: one has no end.
    """
    found, info, begin, lines = [], "", 0, list[str]()
    for number, line in enumerate(page.read_text().splitlines(), 1):
        fence = _FENCE.match(line)
        if fence is None:
            lines.append(line)
        elif begin:
            found.append(Block(page, begin, info, "\n".join(lines) + "\n"))
            begin = 0
        else:
            info, begin, lines = fence[1].strip(), number, []
    if begin:
        raise ValueError(f"{page.name}:{begin}: a block without an end")
    return found


def beginning_of(page: Path) -> Path | None:
    """Give the page whose commands were run before; ``None``: nothing was done yet."""
    found = _BEGINS.search(page.read_text())
    return None if found is None else page.parent / found[1]


def course_of(page: Path) -> list[Block]:
    """Give all blocks that lead through a page, those of the pages before it first."""
    before = beginning_of(page)
    return [*(course_of(before) if before is not None else []), *blocks_of(page)]


def shows(output: str, expected: str) -> str:
    """Give the first line that is not shown; ``""``: all are."""
    for line in expected.splitlines():
        pattern = ".*".join(re.escape(part.strip()) for part in line.split("..."))
        if line.strip() and not re.search(pattern, output):
            return line
    return ""
