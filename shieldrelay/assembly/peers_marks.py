"""`Mark`: which decision of the cluster a list stands for, kept beside it; and what of a list is told to others.

Blocking; called in threads by `assembly.peers_lists`. A mark that cannot be read is none: the list is compared anew.
"""

from __future__ import annotations

import json

from attrs import frozen

from shieldrelay.recipients.domain_list import DomainList
from shieldrelay.recipients.replica import Replica
from shieldrelay.recipients.settings import ListKind
from shieldrelay.recipients.shelf import replace
from shieldrelay.recipients.version import Who

_FILE = "decided"
_CHOSEN = (Who.PUSH, Who.ROLLBACK)


@frozen
class Mark:
    """A decision.

    :ivar digest: of the list as it was decided.
    :ivar chosen: the digest of a version that an operator chose, of a list with a source of its own.
    """

    at: float
    id: str
    digest: str
    chosen: str = ""

    @property
    def age(self) -> tuple[float, str]:
        """As `Change.age`."""
        return self.at, self.id


def mark_of(one: DomainList) -> Mark | None:
    """Read a list's mark."""
    try:
        document = json.loads((one.shelf.directory / _FILE).read_bytes())
        return Mark(float(document["at"]), *(str(document[name]) for name in ("id", "digest", "chosen")))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def put_mark(one: DomainList, mark: Mark) -> None:
    """Keep a list's mark.

    :raises OSError: the disk refuses; the list is compared anew at the next start.
    """
    one.shelf.prepare()
    document = {"at": mark.at, "id": mark.id, "digest": mark.digest, "chosen": mark.chosen}
    replace(one.shelf.directory / _FILE, json.dumps(document).encode("ascii"))


def replica_of(one: DomainList, chosen: str | None = None) -> Replica:
    """Give what other nodes are to have of a list.

    :param chosen: the version that an operator chose; ``None``: as the mark says.
    """
    version = one.version
    if version is not None and one.settings.kind is not ListKind.PUSH and version.origin.who not in _CHOSEN:
        mark = mark_of(one) if chosen is None else None
        name = mark.chosen if mark is not None else chosen
        version = version if version.digest == name else None
    pushed = {key: each.standing for key, each in one.overlay.entries.items()}
    return Replica(version, pushed, one.pointer.observing_until, one.pointer.rejected)
