"""Names as 64-bit hashes, and which of them a domain was asked for within the hour.

Hashes are keyed with a secret of the cluster, so that nobody can choose names that collide, and what members exchange
is no list of addresses. Pure; bounded.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b

REMEMBERED = 4096
"""Names that one domain remembers at most; the oldest is forgotten first, and counts as new again."""
SECONDS = 3600.0
"""A name that was asked for longer ago is new again: else a second wave of one list would be free."""


def keyed_hash(secret: bytes) -> Callable[[str, bytes], int]:
    """Give the function from a domain and a local-part's key to its hash.

    The null reverse-path, ``("", b"")``, is 0; nothing else is.

    :param secret: 16 to 64 octets, the same on every member.
    """
    if not 16 <= len(secret) <= 64:
        raise ValueError("the secret has 16 to 64 octets")

    def hashed(domain: str, local_key: bytes) -> int:
        if not domain and not local_key:
            return 0
        content = b"%d@%b%b" % (len(local_key), local_key, domain.encode())
        return int.from_bytes(blake2b(content, digest_size=8, key=secret).digest(), "big") or 1

    return hashed


class RecentNames:
    """The names that one domain was asked for lately, by sources without a good name."""

    __slots__ = ("_asked",)

    def __init__(self) -> None:
        self._asked: OrderedDict[int, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._asked)

    def note(self, name: int, now: float) -> bool:
        """Note a name; true when it was not asked for within `SECONDS`. Asking again does not keep it remembered."""
        asked = self._asked.get(name)
        if asked is not None and now - asked <= SECONDS:
            return False
        self._asked.pop(name, None)
        self._asked[name] = now
        if len(self._asked) > REMEMBERED:
            self._asked.popitem(last=False)
        return True
