"""`Replica`: what of a domain's list the other nodes of a cluster are to have, and its JSON (R31).

A list that is pushed is replicated whole: the version and what was pushed on top of it. Of a list that each node reads
from a source of its own, only what operators did is: what they pushed on top, and a version that they chose themselves.
A value; knows no file and no network.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from shieldrelay.recipients import version as versions
from shieldrelay.recipients.standing import Standing
from shieldrelay.recipients.version import Version

FORMAT = 1


@frozen
class Replica:
    """One state of a list.

    :ivar version: in force; ``None`` when the version is each node's own affair, or there is none.
    :ivar pushed: what was pushed on top, by key; ``None`` takes a name off the list.
    :ivar observing_until: until when it is not enforced, seconds since the epoch.
    :ivar rejected: digests of versions that an operator went back from.
    """

    version: Version | None = None
    pushed: Mapping[bytes, Standing | None] = field(factory=dict)
    observing_until: float | None = None
    rejected: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Tell one state from another; equal on all nodes that have the same."""
        version = None if self.version is None else [self.version.digest, self.version.case_sensitive]
        pushed = sorted((_text(key), _word(standing)) for key, standing in self.pushed.items())
        octets = json.dumps([version, pushed, self.observing_until]).encode("ascii")
        return hashlib.blake2b(octets, digest_size=16).hexdigest()


def encode(replica: Replica) -> bytes:
    """Write it as JSON."""
    return json.dumps(
        {
            "format": FORMAT,
            "version": None if replica.version is None else versions.encode(replica.version).decode("ascii"),
            "pushed": {_text(key): _word(standing) or None for key, standing in replica.pushed.items()},
            "observing_until": replica.observing_until,
            "rejected": replica.rejected,
        }
    ).encode("ascii")


def decode(octets: bytes) -> Replica:
    """Read it.

    :raises ValueError: it is none, or of a later format.
    """
    try:
        document: dict[str, Any] = json.loads(octets)
        if document["format"] != FORMAT:
            raise ValueError("it has another format")
        version, until = document["version"], document["observing_until"]
        return Replica(
            None if version is None else versions.decode(version.encode("ascii")),
            {key.encode("utf-8"): None if word is None else Standing(word) for key, word in document["pushed"].items()},
            None if until is None else float(until),
            tuple(map(str, document["rejected"])),
        )
    except (KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise ValueError(f"it cannot be read: {error}") from None


def _text(key: bytes) -> str:
    return key.decode("utf-8")


def _word(standing: Standing | None) -> str:
    return "" if standing is None else str(standing.value)
