"""Hashes of passwords: made by ``shieldrelayctl password``, checked at log-in (scrypt, RFC 7914).

Standard library only. Each check costs 32 MiB and some 0.1 s, so whoever has an event loop asks in a thread.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re

LOG_COST, BLOCK, LANES = 15, 8, 1
"""What new hashes cost: N = 2**15, r = 8, p = 1."""
SALT_OCTETS, HASH_OCTETS = 16, 32
PASSWORD_OCTETS = 1024
"""The longest password."""
LEAST_CHARACTERS = 12
"""The shortest one that a hash is made of."""
_HASH = re.compile(r"scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/=]{4,100})\$([A-Za-z0-9+/=]{4,200})\Z")
_DEAREST_LOG_COST = 18


class HashFault(ValueError):
    """What stands in a user's file is no hash of ours; ``args[0]`` says so in a clause."""


def hash_of(password: str) -> str:
    """Make the line that goes into a user's file."""
    salt = os.urandom(SALT_OCTETS)
    made = _scrypt(password, salt, LOG_COST, BLOCK, LANES, HASH_OCTETS)
    salted, hashed = base64.b64encode(salt).decode("ascii"), base64.b64encode(made).decode("ascii")
    return f"scrypt$ln={LOG_COST},r={BLOCK},p={LANES}${salted}${hashed}"


def matches(password: str, line: str) -> bool:
    """Whether a password is the one that a hash was made of; takes as long for a wrong one.

    :raises HashFault: the line is no hash.
    """
    match = _HASH.match(line)
    if match is None or int(match[1]) > _DEAREST_LOG_COST:
        raise HashFault("it is no hash that `shieldrelayctl password` prints")
    try:
        salt, hashed = base64.b64decode(match[4], validate=True), base64.b64decode(match[5], validate=True)
        made = _scrypt(password, salt, int(match[1]), int(match[2]), int(match[3]), len(hashed))
    except (binascii.Error, ValueError) as fault:
        raise HashFault("it is no hash that can be computed") from fault
    return hmac.compare_digest(made, hashed)


def _scrypt(password: str, salt: bytes, log_cost: int, block: int, lanes: int, octets: int) -> bytes:
    memory = 128 * block * ((1 << log_cost) + lanes + 2)
    secret = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(secret, salt=salt, n=1 << log_cost, r=block, p=lanes, dklen=octets, maxmem=2 * memory)
