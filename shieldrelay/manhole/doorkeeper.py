"""`Doorkeeper`: who may come in: whoever has the private key to a public one in the operator's file.

The file is read at each log-in, so that a key taken out is out. The name that a client gives is only written down.
"""
# ruff: noqa: N802 - what Twisted calls by name keeps Twisted's spelling

from __future__ import annotations

import os
import stat
import struct
from pathlib import Path
from typing import Any

from twisted.conch.checkers import IAuthorizedKeysDB, SSHPublicKeyChecker
from twisted.conch.error import ValidPublicKey
from twisted.conch.ssh.keys import BadKeyError, Key
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from zope.interface import implementer

from shieldrelay.ports import Journal

KEYS_OCTETS = 1 << 20
"""The largest file of keys that is read."""
NAME_CHARACTERS = 80
NO_KEY = (BadKeyError, ValueError, IndexError, KeyError, struct.error)
"""What the library raises for octets that are no key."""


@implementer(IAuthorizedKeysDB)
class KeyFile:
    """The operator's file of public keys."""

    def __init__(self, path: Path, journal: Journal) -> None:
        self._path = path
        self._journal = journal

    def getAuthorizedKeys(self, username: bytes) -> list[Key]:
        """Give the keys, whoever asks; none when the file cannot be trusted or read, and the journal has why."""
        return [key for key, _comment in self.entries()]

    def comment(self, blob: bytes) -> str:
        """Give the comment of a key, ``""`` when it has none or is not there."""
        return next((comment for key, comment in self.entries() if key.blob() == blob), "")

    def entries(self) -> list[tuple[Key, str]]:
        """Give every key with its comment; lines that are no keys are told and left out."""
        try:
            with self._path.open("rb") as stream:
                if os.fstat(stream.fileno()).st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                    raise PermissionError(0, "others than its owner may write it")
                lines = stream.read(KEYS_OCTETS).splitlines()
        except OSError as error:
            self._journal.event("manhole_keys", file=str(self._path), reason=error.strerror or str(error))
            return []
        return [entry for number, line in enumerate(lines, 1) if (entry := self._entry(number, line)) is not None]

    def _entry(self, number: int, line: bytes) -> tuple[Key, str] | None:
        words = line.split(None, 2)
        if not words or words[0].startswith(b"#"):
            return None
        try:
            key = Key.fromString(b" ".join(words[:2]))
            if not key.isPublic():
                raise BadKeyError("it is private")
        except NO_KEY as error:
            reason = f"line {number} is no public key: {error}"
            self._journal.event("manhole_keys", file=str(self._path), reason=reason[:200])
            return None
        return key, words[2].decode("utf-8", "replace") if len(words) > 2 else ""


class Doorkeeper(SSHPublicKeyChecker):
    """Lets in who proves to have a key, and tells whom it did not let in.

    What it gives as the avatar's id is who came in, for the journal.
    """

    def __init__(self, keys: KeyFile, journal: Journal) -> None:
        super().__init__(keys)
        self._keys, self._journal = keys, journal

    def requestAvatarId(self, credentials: Any) -> Deferred[bytes]:
        """Judge."""
        asked: Deferred[bytes] = super().requestAvatarId(credentials)
        asked.addCallbacks(self._let_in, self._refused, callbackArgs=(credentials,), errbackArgs=(credentials,))
        return asked

    def _let_in(self, username: bytes, credentials: Any) -> bytes:
        comment = self._keys.comment(credentials.blob)
        key = comment[:NAME_CHARACTERS] or _print_of(credentials.blob)
        return f"{_text(username)} ({key})".encode()

    def _refused(self, failure: Failure, credentials: Any) -> Failure:
        if failure.check(ValidPublicKey):
            return failure  # it only asked whether the key would do
        who, key = _text(credentials.username), _print_of(credentials.blob)
        self._journal.event("manhole_refused", who=who, key=key, reason=failure.getErrorMessage())
        return Failure(UnauthorizedLogin("not authorized"))


def _text(username: bytes) -> str:
    return username.decode("utf-8", "replace")[:NAME_CHARACTERS]


def _print_of(blob: bytes) -> str:
    try:
        return str(Key.fromString(blob).fingerprint())
    except NO_KEY:
        return "no key"
