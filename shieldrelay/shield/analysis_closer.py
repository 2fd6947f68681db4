"""What is behind a violation: the receiver says "syntax error", the evidence says which.

Pure functions of the kind and of the evidence, which is what the client said, clipped by the receiver to 200 octets
and hostile. Asked by `shield.analysis`. Cannot fail.
"""

from __future__ import annotations

import re

from shieldrelay.mail.address import LOCAL_PART_OCTETS
from shieldrelay.mail.violation import ViolationKind
from shieldrelay.shield import analysis_exploits
from shieldrelay.shield.analysis_exploits import Signature
from shieldrelay.smtp.content_fault import ContentFault

_CLIPPED = 190
"""A path that has not ended within so many octets is too long."""
_CONTROL = re.compile(rb"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LOCAL_PART = re.compile(rb"<(?:@[^:>]*:)?([^@>]*)@")
_PATHS = (b"MAIL", b"RCPT")

EXAMINED = frozenset(
    (
        ViolationKind.SYNTAX,
        ViolationKind.UNKNOWN_COMMAND,
        ViolationKind.NOT_OFFERED,
        ViolationKind.SEQUENCE,
        ViolationKind.COMMAND_TOO_LONG,
        ViolationKind.BARE_NEWLINE_IN_COMMAND,
        ViolationKind.NUL_IN_COMMAND,
        ViolationKind.RECONNAISSANCE,
    )
)
"""Kinds whose evidence is a command line in which an exploit string may be."""

OF_CONTENT: dict[ContentFault, ViolationKind] = {
    ContentFault.ENDLESS: ViolationKind.ENDLESS_CONTENT,
    ContentFault.NUL: ViolationKind.NUL_IN_CONTENT,
    ContentFault.BARE_LF: ViolationKind.BARE_NEWLINE_IN_CONTENT,
    ContentFault.BARE_CR: ViolationKind.BARE_NEWLINE_IN_CONTENT,
    ContentFault.LINE: ViolationKind.CONTENT_LIMIT,
    ContentFault.HEADER_BLOCK: ViolationKind.CONTENT_LIMIT,
    ContentFault.HEADER_FIELDS: ViolationKind.CONTENT_LIMIT,
    ContentFault.HEADER_FIELD: ViolationKind.CONTENT_LIMIT,
    ContentFault.MIME_DEPTH: ViolationKind.CONTENT_LIMIT,
    ContentFault.MIME_PARTS: ViolationKind.CONTENT_LIMIT,
}
"""What a fault of the content is. A loop and a message that is too big are nobody's ill will, and not here."""


def closer(kind: ViolationKind, evidence: bytes) -> tuple[ViolationKind, Signature | None]:
    """Give the kind as the evidence shows it, and the exploit string that was found."""
    if kind in EXAMINED:
        signature = analysis_exploits.find_in_line(evidence)
        if signature is not None:
            in_path = evidence[:4].upper() in _PATHS
            return ViolationKind.EXPLOIT_IN_PATH if in_path else ViolationKind.EXPLOIT_IN_COMMAND, signature
    verb = evidence[:4].upper()
    match kind:
        case ViolationKind.SYNTAX:
            return _of_syntax(verb, evidence), None
        case ViolationKind.NOT_OFFERED if verb == b"AUTH":
            return ViolationKind.AUTH_NOT_OFFERED, None
        case ViolationKind.BUDGET if verb == b"MAIL":
            return ViolationKind.MESSAGE_BUDGET, None
        case ViolationKind.BUDGET if verb == b"BDAT":
            return ViolationKind.CHUNK_ABUSE, None
    return kind, None


def _of_syntax(verb: bytes, line: bytes) -> ViolationKind:
    """Say what is wrong with a line that breaks the grammar."""
    if verb == b"BDAT":
        return ViolationKind.CHUNK_ABUSE
    if _CONTROL.search(line):
        return ViolationKind.CONTROL_IN_COMMAND
    if not line.isascii():
        return ViolationKind.EIGHT_BIT_IN_COMMAND
    if verb in _PATHS and _is_long(line):
        return ViolationKind.PATH_TOO_LONG
    return ViolationKind.HELLO_MALFORMED if verb in (b"HELO", b"EHLO") else ViolationKind.SYNTAX


def _is_long(line: bytes) -> bool:
    if len(line) >= _CLIPPED and b">" not in line:
        return True
    found = _LOCAL_PART.search(line)
    return found is not None and len(found[1]) > LOCAL_PART_OCTETS
