"""Secrets that stand in files of their own, so that the configuration can be shown to anyone.

A `Secret` never shows itself in a log, an error or a traceback's values. Called by `config.checks` (can it be read?)
and by whoever logs in to a next hop, at each start and reload.
"""

from __future__ import annotations

from pathlib import Path

SECRET_OCTETS = 1024
"""The longest secret."""


class SecretFault(Exception):
    """A secret that cannot be had. ``args[0]`` says why, without any of its octets."""


class Secret:
    """Octets that are only given on purpose."""

    __slots__ = ("_octets",)

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def reveal(self) -> bytes:
        """Give the octets."""
        return self._octets

    def __repr__(self) -> str:
        return "Secret(...)"


def read_secret(file: str) -> Secret:
    """Read the first line of a file.

    :raises SecretFault: when it cannot be read, is empty, too long, or has control characters.
    """
    try:
        with Path(file).open("rb") as opened:
            line = opened.readline(SECRET_OCTETS + 2)
    except OSError as error:
        raise SecretFault(f"{file}: {(error.strerror or 'it cannot be read').lower()}") from None
    octets = line.rstrip(b"\r\n")
    if not 0 < len(octets) <= SECRET_OCTETS:
        raise SecretFault(f"{file}: its first line is empty or longer than {SECRET_OCTETS} octets")
    if any(octet < 32 or octet == 127 for octet in octets):
        raise SecretFault(f"{file}: its first line has control characters")
    return Secret(octets)
