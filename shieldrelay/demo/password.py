"""The password of a demo's dashboard: a new one at each start, for the source is known to everybody."""

from __future__ import annotations

import secrets
from pathlib import Path

from shieldrelay.admin.auth_password import hash_of

OCTETS = 9


def write_password(path: Path) -> str:
    """Make a password, write its hash as a user's file wants it, and give the password itself.

    :raises OSError: it cannot be written.
    """
    password = secrets.token_urlsafe(OCTETS)
    path.write_text(hash_of(password) + "\n", encoding="ascii")
    path.chmod(0o600)
    return password
