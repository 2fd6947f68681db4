"""`Veil`: what stands for words and local-parts in the index, so that only who knows them finds them.

Keyed BLAKE2b with a secret of the node's own, ``key`` in the index's directory. Whoever has index and key can try
addresses that they guess; whoever has the index alone cannot.
"""

from __future__ import annotations

import os
import re
from base64 import b32encode
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any

KEY_OCTETS = 32
CACHE_MOST = 60_000
MARK = "~"
"""Begins what stands for a local-part."""

_ADDRESS = re.compile(r"[^\s<>()\[\]\",;:\\@]+@[A-Za-z0-9.\[\]:-]+")


class Veil:
    """The hashes.

    :param secret: `KEY_OCTETS` of randomness.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._keys: dict[str, int] = {}

    def key(self, word: str) -> int:
        """Give the number that the index has for a word, 64 bits, signed."""
        found = self._keys.get(word)
        if found is None:
            if len(self._keys) >= CACHE_MOST:
                self._keys.clear()
            digest = blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8, key=self._secret).digest()
            found = self._keys[word] = int.from_bytes(digest, "big", signed=True)
        return found

    def veiled(self, address: str) -> str:
        """Give what stands for an address: its domain stays, its local-part is a hash of both."""
        local, at, domain = address.rpartition("@")
        if not at or not local or local.startswith(MARK):
            return address
        digest = blake2b(address.lower().encode("utf-8", "surrogatepass"), digest_size=10, key=self._secret).digest()
        return f"{MARK}{b32encode(digest).decode('ascii').lower()}@{domain}"

    def veil(self, value: Any, wanted: Callable[[str], bool]) -> Any:
        """Replace addresses wherever they stand in a value of JSON, as far as they are wanted so."""
        if isinstance(value, str):
            return _ADDRESS.sub(lambda found: self._one(found[0], wanted), value) if "@" in value else value
        if isinstance(value, list):
            return [self.veil(each, wanted) for each in value]
        return value

    def _one(self, address: str, wanted: Callable[[str], bool]) -> str:
        return self.veiled(address) if wanted(address) else address


def secret_of(directory: Path) -> bytes:
    """Give the node's secret; made when there is none.

    :raises OSError: it can be neither read nor made.
    """
    file = directory / "key"
    try:
        kept = file.read_bytes()
        if len(kept) == KEY_OCTETS:
            return kept
    except FileNotFoundError:
        kept = b""
    made = os.urandom(KEY_OCTETS)
    fresh = directory / "key.new"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(made)
        opened.flush()
        os.fsync(opened.fileno())
    fresh.replace(file)
    return made
