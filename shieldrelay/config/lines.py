"""On which line of a TOML text each key stands, which ``tomllib`` does not tell.

A scanner, not a parser: it follows strings, brackets and comments just far enough to see where statements begin. It
is only asked about texts that ``tomllib`` has accepted; whatever it does not recognise has the line of its table.
"""

from __future__ import annotations

import re

from shieldrelay.config.faults import Path

_SKIPPED = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}'
    r"|'''(?:[^']|'(?!''))*'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*",
    re.DOTALL,
)
_KEY_PART = r"""(?:[A-Za-z0-9_\-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_KEY = rf"{_KEY_PART}(?:[ \t]*\.[ \t]*{_KEY_PART})*"
_STATEMENT = re.compile(rf"[ \t]*(?:\[\[[ \t]*(?P<array>{_KEY})|\[[ \t]*(?P<table>{_KEY})|(?P<key>{_KEY})[ \t]*=)")
_PART = re.compile(_KEY_PART)


def lines_of(text: str) -> dict[Path, int]:
    """Give the line of every table and key that is written out, counted from 1."""
    lines: dict[Path, int] = {}
    arrays: dict[Path, int] = {}
    table: Path = ()
    for number, statement in _statements(text):
        match = _STATEMENT.match(statement)
        if match is None:
            continue
        if match["array"]:
            base = _placed(_split(match["array"]), arrays)
            arrays[base] = arrays.get(base, -1) + 1
            table = (*base, arrays[base])
            lines.setdefault(table, number)
        elif match["table"]:
            table = _placed(_split(match["table"]), arrays)
            lines.setdefault(table, number)
        else:
            path = table
            for word in _split(match["key"]):
                path = (*path, word)
                lines.setdefault(path, number)
    return lines


def _statements(text: str) -> list[tuple[int, str]]:
    """Give every logical line with its number: line ends within strings, arrays and inline tables do not count."""
    found: list[tuple[int, str]] = []
    position = 0
    number = 1
    while position < len(text):
        end = _statement_end(text, position)
        found.append((number, text[position:end]))
        number += text.count("\n", position, end + 1)
        position = end + 1
    return found


def _statement_end(text: str, position: int) -> int:
    """Give the index of the line end that closes the statement at ``position``."""
    depth = 0
    while position < len(text):
        character = text[position]
        if character in "\"'#":
            match = _SKIPPED.match(text, position)
            position = match.end() if match is not None else position + 1
            continue
        if character in "[{":
            depth += 1
        elif character in "]}":
            depth -= 1
        elif character == "\n" and depth <= 0:
            return position
        position += 1
    return len(text)


def _split(key: str) -> tuple[str, ...]:
    """Split a dotted key into its words; escapes within quotes are left as they are."""
    return tuple(word[1:-1] if word[0] in "\"'" else word for word in _PART.findall(key))


def _placed(words: tuple[str, ...], arrays: dict[Path, int]) -> Path:
    """Put in the index of the current element wherever a word names an array of tables (TOML 1.0, array of tables)."""
    path: Path = ()
    for position, word in enumerate(words):
        path = (*path, word)
        if path in arrays and position < len(words) - 1:
            path = (*path, arrays[path])
    return path
