"""`Sealer`: the seal on each request and each answer between nodes: HMAC-SHA256 with keys from the cluster's key.

A request's seal covers method, target, body, time and a nonce; an answer's the status, the body and the request's
nonce, so an answer belongs to one request. Pure but for the stretching of the key, which takes some 50 ms once. Times
are passed in. What does not fit is a `SealFault`, whose words may be told to whoever has the key and to nobody else.
"""

from __future__ import annotations

import hashlib
import hmac
import re

from attrs import frozen

KEY_OCTETS_LEAST = 32
"""A shorter key could be guessed from what it makes; 16 random octets in hexadecimal are as long."""
SKEW_SECONDS = 300.0
"""How far a request's time may be from ours, either way."""
NONCE_OCTETS = 16
HEADER = b"x-shieldrelay-seal"

_FORM = re.compile(rb"1 ([0-9]{1,12}) ([0-9a-f]{32}) ([0-9a-f]{64})\Z")
_ANSWER_FORM = re.compile(rb"1 ([0-9a-f]{64})\Z")
_REQUEST = b"shieldrelay peers 1 request"
_ANSWER = b"shieldrelay peers 1 answer"
_TLS = b"shieldrelay peers 1 tls"


class KeyFault(ValueError):
    """The cluster's key cannot be used; ``args[0]`` says why."""


class SealFault(Exception):
    """A request or an answer is not what a node of this cluster sends now.

    :ivar known: whether it was made with our key all the same: then the other may be told why.
    """

    def __init__(self, words: str, *, known: bool = False) -> None:
        super().__init__(words)
        self.known = known


@frozen
class Sealed:
    """A request that fits.

    :ivar at: when it was made, by the asker's clock, seconds since the epoch.
    :ivar nonce: never used before by anybody who has the key.
    """

    at: float
    nonce: bytes


class Sealer:
    """Makes seals and looks at them.

    :param key: the cluster's, at least `KEY_OCTETS_LEAST` long.
    :param cluster: its name: clusters of other names never fit, whatever their key.
    :ivar tls: what both sides make the key of their TLS from.
    :raises KeyFault: it is too short.
    """

    def __init__(self, key: bytes, cluster: str) -> None:
        if len(key) < KEY_OCTETS_LEAST:
            raise KeyFault(
                f"the cluster's key is shorter than {KEY_OCTETS_LEAST} characters: make one with 'openssl rand -hex 32'"
            )
        salt = b"shieldrelay peers 1 " + cluster.encode("utf-8")
        stretched = hashlib.scrypt(key, salt=salt, n=1 << 14, r=8, p=1, dklen=32)
        self._request = hmac.digest(stretched, _REQUEST, "sha256")
        self._answer = hmac.digest(stretched, _ANSWER, "sha256")
        self.tls = hmac.digest(stretched, _TLS, "sha256")

    def request(self, method: bytes, target: bytes, body: bytes, at: float, nonce: bytes) -> bytes:
        """Give the value of `HEADER` for a request.

        :param nonce: `NONCE_OCTETS` random octets.
        """
        stamp, drawn = b"%d" % at, nonce.hex().encode("ascii")
        return b"1 %b %b %b" % (stamp, drawn, self._of_request(method, target, body, stamp, drawn))

    def open_request(self, value: bytes, method: bytes, target: bytes, body: bytes, now: float) -> Sealed:
        """Look at a request.

        :raises SealFault: it has no seal of ours, or its time is too far from ours.
        """
        match = _FORM.match(value)
        if match is None:
            raise SealFault("the request is not sealed")
        stamp, nonce, seal = match.groups()
        if not hmac.compare_digest(seal, self._of_request(method, target, body, stamp, nonce)):
            raise SealFault("the request is sealed with another key")
        at = float(stamp)
        if abs(at - now) > SKEW_SECONDS:
            ahead = "ahead of" if at > now else "behind"
            raise SealFault(f"the asker's clock is {abs(at - now):.0f} s {ahead} ours", known=True)
        return Sealed(at, bytes.fromhex(nonce.decode("ascii")))

    def answer(self, status: int, body: bytes, nonce: bytes) -> bytes:
        """Give the value of `HEADER` for the answer to the request with this nonce."""
        return b"1 " + self._of_answer(status, body, nonce)

    def open_answer(self, value: bytes, status: int, body: bytes, nonce: bytes) -> None:
        """Look at an answer.

        :raises SealFault: it is no answer to this request by anybody who has the key.
        """
        match = _ANSWER_FORM.match(value)
        if match is None or not hmac.compare_digest(match[1], self._of_answer(status, body, nonce)):
            raise SealFault("its answer is not sealed with our key")

    def _of_request(self, method: bytes, target: bytes, body: bytes, stamp: bytes, nonce: bytes) -> bytes:
        parts = (_REQUEST, method, target, stamp, nonce, hashlib.sha256(body).hexdigest().encode("ascii"))
        return hmac.digest(self._request, b"\n".join(parts), "sha256").hex().encode("ascii")

    def _of_answer(self, status: int, body: bytes, nonce: bytes) -> bytes:
        parts = (_ANSWER, b"%d" % status, nonce.hex().encode("ascii"), hashlib.sha256(body).hexdigest().encode("ascii"))
        return hmac.digest(self._answer, b"\n".join(parts), "sha256").hex().encode("ascii")
