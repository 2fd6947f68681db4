"""What a check of the content may answer: values, validated when they are made.

Known to plugins, which make them, and to `content.stage`, which acts on them. What cannot be said on the wire or put
into a header cannot be built: ValueError.
"""

from __future__ import annotations

import re
from enum import Enum

from attrs import field, frozen

LONGEST_TEXT = 200
"""Characters of a text for the peer: with code and enhanced code it fits into a reply line (RFC 5321 §4.5.3.1.5)."""
LONGEST_FIELD = 990
"""Characters of a header field, its name and colon included (RFC 5322 §2.1.1 has 998)."""
MOST_FIELDS = 16
"""Fields that one check may add to one message."""

_NAME = re.compile(r"[!-9;-~]{1,76}")
_VALUE = re.compile(r"[!-~](?:[ \t!-~]*[!-~])?")
_TEXT = re.compile(r"[ -~]+")


def _is_text(_refuse: object, _attribute: object, text: str) -> None:
    if not _TEXT.fullmatch(text) or len(text) > LONGEST_TEXT:
        raise ValueError(f"a reply has 1 to {LONGEST_TEXT} characters of printable ASCII, not {text!r}")


class Lasting(Enum):
    """Whether the sender may come again with the same message."""

    PERMANENT = "permanent"
    """554 5.7.1."""
    TEMPORARY = "temporary"
    """451 4.7.1."""


@frozen
class Accept:
    """Nothing against it."""


ACCEPT = Accept()
"""The one `Accept` that anybody needs."""


@frozen
class Refuse:
    """The message is not to be taken.

    :ivar reason: why, for the journal: exact, one clause.
    :ivar text: what the client is told: generic, printable ASCII.
    """

    reason: str
    lasting: Lasting = Lasting.PERMANENT
    text: str = field(default="Message refused by policy", validator=_is_text)


@frozen
class HeaderField:
    """One header field (RFC 5322 §2.2): printable ASCII on one line.

    :ivar name: without its colon.
    :ivar value: not empty, no blanks at its ends.
    """

    name: str = field()
    value: str = field()

    @name.validator
    def _named(self, _attribute: object, name: str) -> None:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a header field")

    @value.validator
    def _lawful(self, _attribute: object, value: str) -> None:
        if not _VALUE.fullmatch(value) or len(self.name) + 2 + len(value) > LONGEST_FIELD:
            raise ValueError(f"{value[:80]!r} is no value of a header field on one line of printable ASCII")

    def encode(self) -> bytes:
        """Give its octets, CRLF included."""
        return f"{self.name}: {self.value}\r\n".encode("ascii")


def _are_few(_annotate: object, _attribute: object, fields: tuple[HeaderField, ...]) -> None:
    if not 1 <= len(fields) <= MOST_FIELDS:
        raise ValueError(f"a check adds 1 to {MOST_FIELDS} header fields, not {len(fields)}")


@frozen
class Annotate:
    """The message goes on with these header fields on top."""

    fields: tuple[HeaderField, ...] = field(validator=_are_few)


Answer = Accept | Refuse | Annotate
