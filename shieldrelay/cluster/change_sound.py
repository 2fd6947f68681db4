"""Whether a change of the log can be: what its realm is about, and what its times may say.

Pure; the time is an argument. Asked by `cluster.decisions` of everything that others say and that is decided here.
"""

from __future__ import annotations

import math

from shieldrelay.cluster.change import REALMS, Change, ChangeKind, Realm
from shieldrelay.cluster.entry import network_of
from shieldrelay.cluster.hub import KEY_OCTETS, TEXT_OCTETS

AHEAD_SECONDS = 86400.0
"""A change of the future is nonsense: it would hold against everything said until then."""
LONGEST_STRESS_SECONDS = 600.0
"""A member says often enough that it is under stress; its last word does not outlive it for long."""


def is_sound(change: Change, now_wall: float) -> bool:
    """Whether times are numbers, words of bounded length, and the subject something of the change's realm."""
    if not 0.0 <= change.at <= now_wall + AHEAD_SECONDS:
        return False
    if change.until is not None and not 0.0 <= change.until < math.inf:
        return False
    if max(len(change.id), len(change.reason), len(change.by)) > TEXT_OCTETS:
        return False
    if change.kind is ChangeKind.STRESS and (
        change.until is None or change.until > change.at + LONGEST_STRESS_SECONDS
    ):
        return False
    return _is_subject(REALMS[change.kind], change.subject)


def _is_subject(realm: Realm, subject: bytes) -> bool:
    if realm is Realm.SOURCE:
        return len(subject) in (4, 8)
    if realm is Realm.NETWORK:
        return _is_network(subject)
    return 0 < len(subject) <= KEY_OCTETS and all(0x21 <= octet <= 0x7E for octet in subject)


def _is_network(subject: bytes) -> bool:
    try:
        return str(network_of(subject.decode("ascii"))).encode("ascii") == subject
    except ValueError:
        return False
