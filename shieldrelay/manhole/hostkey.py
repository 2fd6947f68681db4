"""The node's SSH host key: made once, kept in the state directory with mode 0600."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from twisted.conch.ssh.keys import BadKeyError, Key

FILE = "ssh_host_ed25519_key"


class HostKeyFault(Exception):
    """The key cannot be read or made; ``args[0]`` names the file and says why."""


def host_key(directory: Path) -> Key:
    """Give the key; make it when there is none. One that makes no sense is not replaced: somebody trusts it.

    :param directory: made with mode 0700 when it is not there.
    :raises HostKeyFault: when that fails.
    """
    path = directory / FILE
    try:
        try:
            octets = path.read_bytes()
        except FileNotFoundError:
            octets = _made(path)
        key: Key = Key.fromString(octets)
        return key
    except OSError as error:
        raise HostKeyFault(f"{path}: {error.strerror}") from error
    except (BadKeyError, ValueError, IndexError) as error:
        raise HostKeyFault(f"{path}: there is no private key in it") from error


def _made(path: Path) -> bytes:
    """Make a key and store it whole or not at all; of several processes the first one's holds."""
    octets = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.unlink(missing_ok=True)
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(octets)
            stream.flush()
            os.fsync(stream.fileno())
        os.link(aside, path)
    except FileExistsError:
        return path.read_bytes()
    finally:
        aside.unlink()
    return octets
