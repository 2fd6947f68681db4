"""Which sessions are open on this node: exact counts by source and by network.

No cap makes them forget: there are at most as many as slots. The counts by network are what the share of slots is
held against (R16: /24, /56 and /48). Pure; cannot fail. Used by `shield.connections` alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from shieldrelay.mail.client import Client


class OpenSessions:
    """Open sessions. Keys of sources and networks differ in length, so one dictionary holds all."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[bytes, int] = {}

    def count(self, key: bytes) -> int:
        """Give the sessions of a source or a network."""
        return self._counts.get(key, 0)

    def fullest_network(self, client: Client) -> int:
        """Give the sessions of that network of a client which has the most."""
        counts = self._counts
        most = counts.get(client.network, 0)
        return max(most, counts.get(client.source[:6], 0)) if client.ipv6 else most

    def enter(self, client: Client) -> int:
        """Count a session; give how many its source has now."""
        counts = self._counts
        count = counts[client.source] = counts.get(client.source, 0) + 1
        counts[client.network] = counts.get(client.network, 0) + 1
        if len(client.source) == 8:
            counts[client.source[:6]] = counts.get(client.source[:6], 0) + 1
        return count

    def leave(self, client: Client) -> int:
        """Count one less; give how many its source has now. One that never entered changes nothing."""
        if client.source not in self._counts:
            return 0
        self._less(client.network)
        if client.ipv6:
            self._less(client.source[:6])
        return self._less(client.source)

    def sources(self) -> Iterator[tuple[bytes, int]]:
        """Give every source that has open sessions."""
        return ((key, count) for key, count in self._counts.items() if len(key) in (4, 8))

    def _less(self, key: bytes) -> int:
        count = self._counts[key] - 1
        if count:
            self._counts[key] = count
        else:
            del self._counts[key]
        return count
