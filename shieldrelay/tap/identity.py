"""Whom the process becomes when it is started as root, and when.

The service is built *as* that user (certificates made, files opened, secrets read), so that what works at the start
works at every reload; only the ports are taken as root; then the process becomes the user for good. twistd's own
``--uid`` would come too late for the first and is not needed. Without root nothing of this happens.
"""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

from shieldrelay.config.faults import ConfigurationFaults, Fault
from shieldrelay.config.schema import Configuration


@frozen
class Identity:
    """A user with its group."""

    name: str
    uid: int
    gid: int


def identity_for(configuration: Configuration) -> Identity | None:
    """Give whom to become; ``None`` when this is not root, or root is wanted.

    :raises ConfigurationFaults: when there is no such user or group.
    """
    node = configuration.node
    if os.geteuid() != 0 or node.user == "root":
        return None
    faults = []
    uid = gid = 0
    try:
        uid = pwd.getpwnam(node.user).pw_uid
    except KeyError:
        faults.append(_fault(configuration, "user", f"there is no user {node.user} on this machine"))
    try:
        gid = grp.getgrnam(node.group).gr_gid
    except KeyError:
        faults.append(_fault(configuration, "group", f"there is no group {node.group} on this machine"))
    if faults:
        raise ConfigurationFaults(faults)
    return Identity(node.user, uid, gid)


def _fault(configuration: Configuration, key: str, wrong: str) -> Fault:
    file, _, line = configuration.origins.get(f"node.{key}", configuration.path).rpartition(":")
    where, number = (file, int(line)) if file and line.isdigit() else (configuration.path, None)
    valid = 'make it, name another one, set user to "root" to stay root, or start as somebody else'
    return Fault(where, number, ("node", key), wrong, valid)


def prepare(configuration: Configuration, identity: Identity) -> None:
    """As root, make the directories that are not there yet, and give them to the user.

    :raises OSError: when that fails.
    """
    node = configuration.node
    wanted = [(Path(node.spool), 0o700), (Path(node.state), 0o700), (Path(node.control).parent, 0o755)]
    if node.journal != "-":
        wanted.append((Path(node.journal).parent, 0o755))
    for directory, mode in wanted:
        if not directory.exists():
            directory.mkdir(mode=mode, parents=True)
            os.chown(directory, identity.uid, identity.gid)


@contextmanager
def acting_as(identity: Identity | None) -> Iterator[None]:
    """Be the user for a while; afterwards root again."""
    if identity is None:
        yield
        return
    groups, gid = os.getgroups(), os.getegid()
    os.initgroups(identity.name, identity.gid)
    os.setegid(identity.gid)
    os.seteuid(identity.uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(gid)
        os.setgroups(groups)


def become(identity: Identity) -> None:
    """Be the user from now on; there is no way back.

    :raises OSError: when the system does not allow it; then nothing may go on.
    """
    os.initgroups(identity.name, identity.gid)
    os.setresgid(identity.gid, identity.gid, identity.gid)
    os.setresuid(identity.uid, identity.uid, identity.uid)
