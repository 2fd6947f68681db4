"""The names of spool files: ``<arrival seconds>.<message id>,S=<octets>``, and of the directories that hold them.

The id is in the name so that a message is found without opening files; the size shows a torn file without opening it.
``,P=1`` behind it marks known-good mail (R4), so that a look at a backlog of any length finds what goes first.
Pure; whatever is not exactly of this form is somebody else's file, and its owner says what happens to it.
"""

from __future__ import annotations

import re

from attrs import frozen

from shieldrelay.mail.envelope import Precedence

NOTICES = "_notices"
"""The part of the spool that holds our own notices. No domain can be called so: names begin with a letter or digit."""

_KNOWN_GOOD = ",P=1"
_NAME = re.compile(r"([0-9]{1,12})\.([0-9A-Za-z]{1,40}),S=([0-9]{1,15})(,P=1)?\Z")
_ID = re.compile(r"[0-9A-Za-z]{1,40}\Z")
_PART = re.compile(r"(?:[a-z0-9](?:[a-z0-9.\-]{0,251}[a-z0-9])?|\[[a-z0-9.:\-]{1,250}\])\Z")


@frozen
class Name:
    """A file name taken apart.

    :ivar arrived: whole seconds since the epoch.
    :ivar size: octets that the whole file must have.
    """

    arrived: int
    id: str
    size: int
    precedence: Precedence = Precedence.ORDINARY

    def __str__(self) -> str:
        mark = _KNOWN_GOOD if self.precedence is Precedence.KNOWN_GOOD else ""
        return f"{self.arrived}.{self.id},S={self.size}{mark}"


def parse_name(text: str) -> Name | None:
    """Take a file name apart; ``None`` when we did not give it."""
    match = _NAME.match(text)
    if match is None:
        return None
    return Name(int(match[1]), match[2], int(match[3]), Precedence.KNOWN_GOOD if match[4] else Precedence.ORDINARY)


def precedence_of(text: str) -> Precedence:
    """Read the precedence from a file name of ours, without taking it apart."""
    return Precedence.KNOWN_GOOD if text.endswith(_KNOWN_GOOD) else Precedence.ORDINARY


def belongs_to(text: str, id: str) -> bool:
    """Whether a file name carries this message id."""
    return f".{id},S=" in text


def checked_id(id: str) -> str:
    """Give the id back.

    :raises ValueError: when it is not 1 to 40 characters of ``[0-9A-Za-z]`` and so no part of a file name.
    """
    if not _ID.match(id):
        raise ValueError(f"{id!r} is no message id")
    return id


def is_part(text: str) -> bool:
    """Whether a directory's name can be that of a protected domain or of the notices."""
    return text == NOTICES or (".." not in text and _PART.match(text) is not None)


def checked_part(domain: str) -> str:
    """Give the domain back.

    :raises ValueError: when it cannot be a directory's name: only comparison forms are (lower case, A-labels), and
        address literals of the kinds that RFC 5321 §4.1.3 defines itself.
    """
    if not is_part(domain):
        raise ValueError(f"{domain!r} is no comparison form of a domain")
    return domain
