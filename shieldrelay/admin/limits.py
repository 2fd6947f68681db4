"""How often somebody may fail to say who they are: by source, and by the user that they name.

Counts failures that fade away. Arithmetic with a clock passed in; bounded: what was counted longest ago is forgotten
when there is no room.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from shieldrelay.mail.client import client_of

SOURCE_FAILURES = 10
"""Failures of a source in a `PERIOD_SECONDS`; from then on it is not heard."""
USER_FAILURES = 20
"""Failures in a user's name; from then on only sources that it has come in from are heard in it."""
PERIOD_SECONDS = 600.0
KEYS_MOST = 10_000
KNOWN_MOST = 1000


def source_of(address: str) -> str:
    """Give what counts as one source: an IPv4 address, a /64 of IPv6 (R16); what is no address as it is."""
    try:
        client = client_of(address)
    except ValueError:
        return address
    return client.address if not client.ipv6 else client.source.hex(":", 2)


class Failures:
    """Failures by a key, fading evenly: one is forgiven each ``PERIOD_SECONDS / most``."""

    def __init__(self, most: int, seconds: Callable[[], float]) -> None:
        self._most = most
        self._seconds = seconds
        self._counts: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, key: str) -> float:
        """Give the seconds until it is heard again; 0: now."""
        over = self._count(key) + 1.0 - self._most
        return max(0.0, over * PERIOD_SECONDS / self._most)

    def add(self, key: str) -> None:
        """Count one more."""
        self._counts[key] = (self._count(key) + 1.0, self._seconds())
        self._counts.move_to_end(key)
        if len(self._counts) > KEYS_MOST:
            self._counts.popitem(last=False)

    def forgive(self, key: str) -> None:
        """Take the last one back."""
        self._counts[key] = (max(0.0, self._count(key) - 1.0), self._seconds())

    def forget(self, key: str) -> None:
        """Forgive all."""
        self._counts.pop(key, None)

    def _count(self, key: str) -> float:
        count, at = self._counts.get(key, (0.0, 0.0))
        return max(0.0, count - (self._seconds() - at) * self._most / PERIOD_SECONDS)


class Attempts:
    """Attempts to log in, and tokens that are none.

    :param seconds: gives monotonic time.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._sources = Failures(SOURCE_FAILURES, seconds)
        self._users = Failures(USER_FAILURES, seconds)
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    def wait(self, source: str, user: str = "") -> float:
        """Give the seconds until this source is heard again, in this user's name; 0: now.

        Strangers cannot lock a user out: a source from which the user came in before is held to its own failures only.
        """
        wait = self._sources.wait(source)
        if user and (source, user) not in self._known:
            wait = max(wait, self._users.wait(user))
        return wait

    def failed(self, source: str, user: str = "") -> None:
        """Count a failure."""
        self._sources.add(source)
        if user:
            self._users.add(user)

    def came_in(self, source: str, user: str) -> None:
        """Note that a user came in from a source."""
        self._sources.forget(source)
        self._users.forgive(user)
        self._known[source, user] = None
        self._known.move_to_end((source, user))
        if len(self._known) > KNOWN_MOST:
            self._known.popitem(last=False)
