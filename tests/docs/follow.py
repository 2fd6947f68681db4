"""Follows a page: makes the script that runs its commands in order, and judges what that showed.

``follow.py script PAGE`` and ``follow.py judge PAGE OUTPUT`` do the same for packaging/clean-root.sh, which plays the
quick start in a bare Debian. Wants attrs only, so that it runs in the environment that the package carries.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.docs.blocks import Block, course_of, shows

_MARK = re.compile(r"^@@ (\d+) ended with (\d+)$", re.MULTILINE)


def script(blocks: Sequence[Block]) -> str:
    """Give what runs the blocks one after the other, each in a shell of its own, up to the first that fails."""
    parts = []
    for number, block in enumerate(blocks):
        wanted = "-ne" if block.info == "sh fails" else "-eq"
        parts.append(
            f"cat >/run/block <<'@@END'\n{block.text}@@END\n"
            f"status=0; bash -e /run/block </dev/null || status=$?\n"
            f'echo; echo "@@ {number} ended with $status"\n'
            f"[ $status {wanted} 0 ] || exit 0\nsleep 1\n"  # nobody types faster, and the journal is written in strokes
        )
    return "".join(parts)


def outputs(shown: str) -> list[tuple[str, int]]:
    """Give what each block showed and its status, as far as the script went."""
    parts = _MARK.split(shown)
    texts = [part.strip("\n") for part in parts[0::3]]
    return list(zip(texts, [int(status) for status in parts[2::3]], strict=False))


def fault(course: Sequence[Block], seen: Sequence[tuple[str, int]]) -> str:
    """Give the first place where the page says something else than what was seen; ``""``: there is none."""
    left, last = list(seen), ""
    for block in course:
        if block.is_run:
            if not left:
                return f"{block.where}: it was not come to"
            last, status = left.pop(0)
            if (status != 0) != (block.info == "sh fails"):
                return f"{block.where}: status {status}\n{last}"
        elif block.info == "text shown" and (missing := shows(last, block.text)):
            return f"{block.where}: {missing!r} is not in\n{last}"
    return ""


def main(action: str, page: str, shown: str = "") -> int:
    """Do one of the two; give the exit status."""
    course = course_of(Path(page))
    if action == "script":
        sys.stdout.write(script([block for block in course if block.is_run]))
    elif wrong := fault(course, outputs(Path(shown).read_text())):
        sys.stderr.write(f"FAILED: {wrong}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
