"""The fenced blocks of a page: what it tells its reader to run, and what that is said to show.

=====================  ========================================================================================
first line             what it is
=====================  ========================================================================================
``sh``                 commands, run in the order of the page; each must succeed
``sh fails``           commands of which the last must fail
``sh untested: why``   commands that no test can run here, with the reason
``sh installs``        commands that install the package; run by packaging/clean-root.sh only
``text shown``         lines that the commands before show, among others; ``...`` stands for anything
anything else          no commands
=====================  ========================================================================================
"""

from __future__ import annotations

import re
from pathlib import Path

from attrs import frozen

_FENCE = re.compile(r"^```(.*)$")
_BEGINS = re.compile(r"<!-- begins: (\S+) (.+?) -->")
_STEP = re.compile(r"^#+ ([0-9]+)\. ")


@frozen
class Block:
    """One block.

    :ivar line: of the page, its first line's number.
    :ivar info: what stands behind the opening fence.
    :ivar step: the number of its section; ``""``: that has none.
    """

    page: Path
    line: int
    info: str
    text: str
    step: str = ""

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
    found, info, begin, step, lines = [], "", 0, "", list[str]()
    for number, line in enumerate(page.read_text().splitlines(), 1):
        fence = _FENCE.match(line)
        if fence is None:
            lines.append(line)
            heading = _STEP.match(line)
            step = heading[1] if heading is not None and not begin else step
        elif begin:
            found.append(Block(page, begin, info, "\n".join(lines) + "\n", step))
            begin = 0
        else:
            info, begin, lines = fence[1].strip(), number, []
    if begin:
        raise ValueError(f"{page.name}:{begin}: a block without an end")
    return found


def beginning_of(page: Path) -> list[Block]:
    """Give what was done before: steps of another page, by their numbers, as a comment of the page names them."""
    found = _BEGINS.search(page.read_text())
    if found is None:
        return []
    return [block for block in blocks_of(page.parent / found[1]) if block.step in found[2].split()]


def course_of(page: Path) -> list[Block]:
    """Give all blocks that lead through a page, with what was done before."""
    return [*beginning_of(page), *blocks_of(page)]


def shows(output: str, expected: str) -> str:
    """Give the first line that is not shown; ``""``: all are."""
    for line in expected.splitlines():
        pattern = ".*".join(re.escape(part.strip()) for part in line.split("..."))
        if line.strip() and not re.search(pattern, output):
            return line
    return ""
