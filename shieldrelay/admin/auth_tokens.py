"""Tokens of programs: named, with a role and domains; what is kept is the digest of each.

A token is 256 random bits, so a plain SHA-256 of it says nothing about it. Kept in one small file under the node's
state directory, replaced as a whole. A file that cannot be read is set aside, and nobody comes in with a token until
new ones are made. Changed by the control API only.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
from collections.abc import Callable
from pathlib import Path

from attrs import asdict, frozen

from shieldrelay.admin.roles import Caller, Role
from shieldrelay.ports import Journal

PREFIX = "srt_"
"""What every token begins with, so that a leaked one can be searched for."""
TOKEN_OCTETS = 32
TOKENS_MOST = 1000
TOKEN_CHARACTERS = 200
"""The longest thing that is looked at."""


@frozen
class Token:
    """What is kept of a token.

    :ivar digest: SHA-256, hexadecimal.
    :ivar domains: that it is limited to; none: all.
    :ivar made: seconds since the epoch; ``by`` whom.
    """

    name: str
    digest: str
    role: str
    domains: tuple[str, ...]
    made: float
    by: str


class TokenFault(Exception):
    """A token cannot be made; ``args[0]`` says why, a sentence."""


class Tokens:
    """All tokens of a node.

    :param file: where they are kept; its directory is made when the first one is.
    :param random: gives so many random octets.
    """

    def __init__(self, file: Path, journal: Journal, random: Callable[[int], bytes] = os.urandom) -> None:
        self._file = file
        self._journal = journal
        self._random = random
        self._by_name: dict[str, Token] = {}
        self._by_digest: dict[str, Token] = {}

    def load(self) -> None:
        """Read the file; one that makes no sense is set aside, and the journal told."""
        try:
            entries = json.loads(self._file.read_bytes())["tokens"]
            self._take({one["name"]: _token(one) for one in entries})
        except FileNotFoundError:
            return
        except (ValueError, KeyError, TypeError, AttributeError) as fault:
            aside = self._file.with_suffix(".damaged")
            self._file.replace(aside)
            self._journal.event("tokens_unreadable", file=str(self._file), aside=str(aside), reason=repr(fault))

    def all(self) -> tuple[Token, ...]:
        """Give all, by name."""
        return tuple(self._by_name[name] for name in sorted(self._by_name))

    def create(self, name: str, role: Role, domains: tuple[str, ...], by: str, now: float) -> str:
        """Make one and give it; it cannot be had again.

        :raises TokenFault: the name is taken, or there are too many.
        :raises OSError: it cannot be written; then there is none.
        """
        if name in self._by_name:
            raise TokenFault(f"There is a token {name} already: revoke it first, or name this one otherwise.")
        if len(self._by_name) >= TOKENS_MOST:
            raise TokenFault(f"There are {TOKENS_MOST} tokens already.")
        secret = PREFIX + base64.urlsafe_b64encode(self._random(TOKEN_OCTETS)).decode("ascii").rstrip("=")
        self._keep({**self._by_name, name: Token(name, _digest(secret), role.value, domains, now, by)})
        return secret

    def revoke(self, name: str) -> bool:
        """Take one back; false when there was none.

        :raises OSError: that cannot be written; then it holds on.
        """
        if name not in self._by_name:
            return False
        self._keep({each: token for each, token in self._by_name.items() if each != name})
        return True

    def caller(self, secret: str, source: str) -> Caller | None:
        """Say whose a token is; ``None``: nobody's."""
        if len(secret) > TOKEN_CHARACTERS or not secret.isascii():
            return None
        digest = _digest(secret)
        token = self._by_digest.get(digest)
        if token is None or not hmac.compare_digest(token.digest, digest):
            return None
        return Caller(token.name, Role(token.role), frozenset(token.domains) or None, way="token", source=source)

    def _keep(self, tokens: dict[str, Token]) -> None:
        """Write them, and only then go by them."""
        octets = json.dumps({"tokens": [asdict(each) for each in tokens.values()]}, indent=1).encode("ascii")
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside = self._file.with_name(f".{self._file.name}.{os.getpid()}")
        aside.unlink(missing_ok=True)
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(octets)
            stream.flush()
            os.fsync(stream.fileno())
        aside.replace(self._file)
        self._take(tokens)

    def _take(self, tokens: dict[str, Token]) -> None:
        self._by_name = tokens
        self._by_digest = {token.digest: token for token in tokens.values()}


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("ascii")).hexdigest()


def _token(read: dict[str, object]) -> Token:
    """Build a token from the file; raises ValueError, KeyError or TypeError for what is none."""
    role = Role(read["role"]).value
    domains = read["domains"]
    if not isinstance(domains, list) or not all(isinstance(each, str) for each in domains):
        raise TypeError("domains")
    made = float(str(read["made"]))
    return Token(str(read["name"]), str(read["digest"]), role, tuple(domains), made, str(read["by"]))
