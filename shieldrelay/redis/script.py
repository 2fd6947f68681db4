"""The script that the hub is: its text for the declared kinds, made once, and the name that Redis gives it.

One script does all, so that every step is atomic and an exchange is one call. The parts stand beside this file as Lua;
the kinds' merges and half-lives and the contract's limits are written before them as constants. Pure but for reading
these files. Members with other kinds have another script over the same keys: a row's key begins with what its kind is.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from importlib import resources

from attrs import frozen

from shieldrelay.cluster.change_log import LOG_MOST
from shieldrelay.cluster.hub import (
    CARDS_MOST,
    CLAIMS_MOST,
    LATELY_SECONDS,
    MEMBER_SECONDS,
    RECORDS_AT_ONCE,
    STATE_MOST,
)
from shieldrelay.cluster.kinds import Kind, Merge

PROTOCOL = "1"
"""Changes when members of this version and of another could not share keys."""
ROWS_MOST = 1_000_000
"""Rows that a hub keeps; of more, those that changed first are forgotten."""
TIDY_SECONDS = 20
KEPT_SECONDS = 8 * 86400
"""What nobody asks for is gone after this time; longer than what is revoked is remembered."""

_CONSTANTS = {
    "MEMBER_SECONDS": MEMBER_SECONDS,
    "LATELY_SECONDS": LATELY_SECONDS,
    "MEMBERS_MOST": CARDS_MOST,
    "RECORDS_AT_ONCE": RECORDS_AT_ONCE,
    "NEWS_MOST": 50_000,
    "PURGED_AT_ONCE": 500,
    "LOG_MOST": LOG_MOST,
    "STATE_MOST": STATE_MOST,
    "CLAIMS_MOST": CLAIMS_MOST,
    "TIDY_SECONDS": TIDY_SECONDS,
    "KEPT_SECONDS": KEPT_SECONDS,
}
_PARTS = ("begin", "rows", "changes", "claims", "answer")
_MERGES = {Merge.SUM: 0, Merge.MAX: 1, Merge.MIN: 2}
MARK_OCTETS = 6


@frozen
class Script:
    """A text and its name.

    :ivar text: Lua.
    :ivar sha: by which Redis knows it once it has seen it.
    """

    text: bytes
    sha: str


def mark_of(kind: Kind) -> bytes:
    """Give the octets with which all keys of a kind begin: unlike when kinds of one name do not mean the same."""
    meaning = [kind.name, kind.names, *((field.half_life, field.merge.value, field.moment) for field in kind.fields)]
    return hashlib.sha256(repr(meaning).encode()).hexdigest()[:MARK_OCTETS].encode("ascii")


def script_for(kinds: Iterable[Kind], rows_most: int = ROWS_MOST) -> Script:
    """Make the script of a hub of these kinds.

    :raises ValueError: two kinds have one mark.
    """
    kinds = tuple(kinds)
    declared = {mark_of(kind): kind for kind in kinds}
    if len(declared) < len(kinds):
        raise ValueError("two kinds of rows cannot be told apart")
    lines = [f"local PROTOCOL = '{PROTOCOL}'", f"local ROWS_MOST = {rows_most}"]
    lines += [f"local {name} = {value!r}" for name, value in _CONSTANTS.items()]
    lines += ["local K = {"]
    lines += [f"['{mark.decode()}'] = {_declaration(kind)}," for mark, kind in declared.items()]
    lines += ["}"]
    here = resources.files(__package__)
    parts = [here.joinpath(f"{part}.lua").read_text("utf-8") for part in _PARTS]
    text = "\n".join([*lines, *parts]).encode()
    return Script(text, hashlib.sha1(text, usedforsecurity=False).hexdigest())


def _declaration(kind: Kind) -> str:
    rates: dict[float, list[int]] = {}
    for index, field in enumerate(kind.fields, 1):
        if field.half_life is not None:
            rates.setdefault(-math.log(2.0) / field.half_life, []).append(index)
    width = len(kind.fields)
    return (
        f"{{width = {width}, lifetime = {kind.lifetime!r}, names = {kind.names}, format = '<{'d' * width}', "
        f"merges = {_list(_MERGES[field.merge] for field in kind.fields)}, "
        f"rates = {_list(_list([rate, *fields]) for rate, fields in rates.items())}, nobody = {_list([0] * width)}}}"
    )


def _list(items: Iterable[object]) -> str:
    return "{" + ", ".join(item if isinstance(item, str) else repr(item) for item in items) + "}"
