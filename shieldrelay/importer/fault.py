"""`ImportFault`: why a list could not be had, in words for the operator."""

from __future__ import annotations

from enum import Enum

WORDS_LONGEST = 300
"""Characters of a fault that are told."""


class FaultKind(Enum):
    """What sort of trouble; its value goes into the journal. Each has an exit status of the child (``sysexits.h``)."""

    UNREACHABLE = "unreachable"
    """No connection, or it broke."""
    CERTIFICATE = "certificate"
    """TLS failed: the server did not prove who it is."""
    DENIED = "denied"
    """The server refuses the login, or the question."""
    INCOMPLETE = "incomplete"
    """There is more than was given: a limit of the server, a referral, a body that broke off. Half a list is none."""
    MALFORMED = "malformed"
    """What came is not what was declared."""
    EMPTY = "empty"
    """There is no address of the domain in it."""
    TOO_LARGE = "too large"
    TOO_SLOW = "too slow"
    UNREADABLE = "unreadable"
    """A file of this machine cannot be read or written."""
    REQUEST = "request"
    """The settings cannot work."""
    STOPPED = "stopped"
    """The import was cancelled."""
    BUG = "bug"
    """The child ended without an answer."""

    @property
    def exit_status(self) -> int:
        """What the child ends with."""
        return _EXIT_STATUS[self]


_EXIT_STATUS = {
    FaultKind.UNREACHABLE: 69,
    FaultKind.CERTIFICATE: 76,
    FaultKind.DENIED: 77,
    FaultKind.INCOMPLETE: 75,
    FaultKind.MALFORMED: 65,
    FaultKind.EMPTY: 65,
    FaultKind.TOO_LARGE: 65,
    FaultKind.TOO_SLOW: 75,
    FaultKind.UNREADABLE: 74,
    FaultKind.REQUEST: 78,
    FaultKind.STOPPED: 75,
    FaultKind.BUG: 70,
}


class ImportFault(Exception):
    """A list that cannot be had.

    :ivar words: for the operator; never a secret, and what a server said is escaped and clipped.
    """

    def __init__(self, kind: FaultKind, words: str) -> None:
        super().__init__(f"{kind.value}: {words}")
        self.kind = kind
        self.words = words[:WORDS_LONGEST]


def shown(text: bytes | str, longest: int = 120) -> str:
    """Make what a stranger said fit to be shown: printable ASCII, quoted, clipped."""
    octets = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    plain = octets[:longest].decode("ascii", "backslashreplace")
    printable = "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in plain)
    return f'"{printable}{"..." if len(octets) > longest else ""}"'


def system_words(error: OSError) -> str:
    """Give the system's words for an error, small."""
    return (error.strerror or str(error) or type(error).__name__).lower()
