"""Looking for octets in a content, whether it is in memory or on the disk, and across the seams of its blocks.

For plugins. In memory it answers at once; from the disk it reads block by block and holds two blocks at most.
"""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.defer import Deferred

from shieldrelay.ports import Content


def contains(content: Content, sought: bytes) -> bool | Deferred[bool]:
    """Say whether these octets stand in a content.

    :param sought: at least one octet.
    :returns: the Deferred fails with OSError when the content cannot be read; cancelling it ends the reading.
    """
    if content.blocks is None:
        return Deferred.fromCoroutine(_read_for(content, sought))
    return _in_blocks(content.blocks, sought)


def _in_blocks(blocks: Iterable[bytes], sought: bytes) -> bool:
    seam = _Seam(sought)
    return any(seam.completes(block) for block in blocks)


async def _read_for(content: Content, sought: bytes) -> bool:
    seam = _Seam(sought)
    reader = content.open()
    try:
        while True:
            coming = reader.read()
            block = await _uncancelled(coming) if isinstance(coming, Deferred) else coming
            if not block:
                return False
            if seam.completes(block):
                return True
    finally:
        reader.close()


def _uncancelled(coming: Deferred[bytes]) -> Deferred[bytes]:
    """Give what a read gives, while the read itself goes on when the search is cancelled: its file is open."""
    block: Deferred[bytes] = Deferred()
    coming.chainDeferred(block)
    return block


class _Seam:
    """What may still become the sought octets: the end of what was seen, one octet short of them."""

    __slots__ = ("_end", "_sought")

    def __init__(self, sought: bytes) -> None:
        if not sought:
            raise ValueError("nothing is sought")
        self._sought = sought
        self._end = b""

    def completes(self, block: bytes) -> bool:
        """Whether the sought octets end in this block."""
        short = len(self._sought) - 1
        if self._sought in block or self._sought in self._end + block[:short]:
            return True
        self._end = (self._end + block)[-short:] if len(block) < short else block[len(block) - short :]
        return False
