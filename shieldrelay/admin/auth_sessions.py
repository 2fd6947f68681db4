"""Who is logged in: sessions of browsers, in memory only. A restart ends them all.

What the browser keeps is a random cookie; what is kept here is its digest. Beside it goes a second secret that a script
of our own page sends along and a form of somebody else's cannot (CSRF).
"""

from __future__ import annotations

import hashlib
import hmac
import os
from base64 import urlsafe_b64encode
from collections.abc import Callable

from attrs import define, field

SESSIONS_MOST = 1000
SESSIONS_OF_USER = 20
SECRET_OCTETS = 32


@define
class Session:
    """One log-in.

    :ivar csrf: what must come with every request that changes something.
    :ivar begun: monotonic seconds; ``used``: when a request came last.
    """

    user: str
    csrf: str = field(repr=False)
    begun: float
    used: float


class Sessions:
    """All log-ins.

    :param seconds: gives monotonic time.
    :param terms: gives lifetime and idle time, in seconds, as configured now.
    """

    def __init__(
        self,
        seconds: Callable[[], float],
        terms: Callable[[], tuple[float, float]],
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._seconds = seconds
        self._terms = terms
        self._random = random
        self._by_digest: dict[bytes, Session] = {}

    def __len__(self) -> int:
        return len(self._by_digest)

    def begin(self, user: str) -> tuple[str, Session]:
        """Begin one; gives its cookie. The oldest of a user, or of all, makes room where there are too many."""
        self._expire()
        own = [digest for digest, session in self._by_digest.items() if session.user == user]
        if len(own) >= SESSIONS_OF_USER:
            del self._by_digest[own[0]]
        elif len(self._by_digest) >= SESSIONS_MOST:
            del self._by_digest[next(iter(self._by_digest))]
        cookie, now = self._secret(), self._seconds()
        session = Session(user, self._secret(), now, now)
        self._by_digest[_digest(cookie)] = session
        return cookie, session

    def find(self, cookie: str) -> Session | None:
        """Give the session of a cookie, which is used by that; ``None`` when it is over or never was."""
        session = self._by_digest.get(_digest(cookie))
        if session is None:
            return None
        if self._over(session):
            self.end(cookie)
            return None
        session.used = self._seconds()
        return session

    def end(self, cookie: str) -> None:
        """End one, if it is there."""
        self._by_digest.pop(_digest(cookie), None)

    def left(self, session: Session) -> float:
        """Give the seconds until it ends at the latest."""
        return max(0.0, session.begun + self._terms()[0] - self._seconds())

    def _over(self, session: Session) -> bool:
        lifetime, idle = self._terms()
        now = self._seconds()
        return now - session.begun >= lifetime or now - session.used >= idle

    def _expire(self) -> None:
        for digest in [digest for digest, session in self._by_digest.items() if self._over(session)]:
            del self._by_digest[digest]

    def _secret(self) -> str:
        return urlsafe_b64encode(self._random(SECRET_OCTETS)).decode("ascii").rstrip("=")


def same(given: str, wanted: str) -> bool:
    """Compare secrets in a time that tells nothing about them."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode("ascii"))


def _digest(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode("utf-8", "replace")).digest()
