"""How ``shieldrelayctl`` shows things: sizes, ages, tables, strangers' text made harmless.

Also how it reads what is typed. Pure.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_PERIODS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def size(octets: float) -> str:
    """Give octets as people read them: ``512 B``, ``4.2 KiB``."""
    amount = float(octets)
    for unit in _UNITS:
        if amount < 1023.95 or unit == _UNITS[-1]:
            break
        amount /= 1024
    return f"{octets:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"


def duration(seconds: float) -> str:
    """Give a duration in its two largest units: ``42s``, ``3m 12s``, ``2d 4h``; less than nothing is ``0s``."""
    left = max(0, int(seconds))
    for position, (letter, length) in enumerate(_PERIODS):
        if left >= length:
            text = f"{left // length}{letter}"
            if position + 1 < len(_PERIODS):
                smaller, smaller_length = _PERIODS[position + 1]
                rest = left % length // smaller_length
                text += f" {rest}{smaller}" if rest else ""
            return text
    return "0s"


def age(moment: float | None, now: float) -> str:
    """Give how long ago a moment was, ``-`` without one."""
    return "-" if moment is None else duration(now - moment)


def until(moment: float | None, now: float) -> str:
    """Give how long it is to a moment: ``now`` when it has come, ``-`` without one."""
    if moment is None:
        return "-"
    return "now" if moment <= now else duration(moment - now)


def clock_time(moment: float | None) -> str:
    """Give a moment with its distance from UTC, ``-`` without one."""
    return "-" if moment is None else time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(moment))


def harmless(text: str, width: int | None = None) -> str:
    """Give strangers' text for a terminal: nothing that is not printable, clipped to a width."""
    shown = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    return shown if width is None or len(shown) <= width else shown[: width - 1] + "…"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], right: frozenset[int] = frozenset()) -> str:
    """Give aligned columns.

    :param right: indexes of columns that are aligned to the right, for numbers.
    """
    lines = [tuple(heads), *(tuple(harmless(cell) for cell in row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def with_nodes(
    heads: Sequence[str], rows: Sequence[Sequence[str]], right: frozenset[int], told: Sequence[Mapping[str, Any]]
) -> str:
    """Give a table of what was told, with a first column for the node where rows name theirs."""
    if not any("node" in each for each in told):
        return table(heads, rows, right)
    named = [(str(each.get("node", "")), *row) for each, row in zip(told, rows, strict=True)]
    return table(("NODE", *heads), named, frozenset(each + 1 for each in right))


_SPAN = re.compile(r"([1-9][0-9]{0,8})([smhd])\Z", re.ASCII)


def span(text: str) -> int:
    """Read a time such as ``30m`` or ``7d``, in seconds; for the command line's parser."""
    match = _SPAN.match(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"a time such as 30s, 15m, 12h or 7d, not {text!r}")
    return int(match[1]) * dict(_PERIODS)[match[2]]


def whole(least: int, most: int) -> Callable[[str], int]:
    """Give what reads a whole number between bounds; for the command line's parser."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"a whole number from {least} to {most}, not {text!r}")
        return int(text)

    return parse
