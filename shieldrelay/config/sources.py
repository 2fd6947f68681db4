"""Kinds of the domain file that are neither quantity nor host: where recipients are listed, and pins.

Knows no file system. Used like every other kind (see ``config.kinds``).
"""

from __future__ import annotations

import base64
import binascii

from attrs import frozen

from shieldrelay.config.kinds import FilePath, Kind, Unfit, shown, text_of


@frozen
class RecipientSource:
    """Where the valid recipients of a domain come from.

    :ivar path: the plain file that lists them; ``None``: anyone is taken (`anyone`).
    """

    path: str | None

    @property
    def anyone(self) -> bool:
        """Whether every local-part is taken to exist."""
        return self.path is None


@frozen
class RecipientSourceText(Kind[RecipientSource]):
    """``any``, or ``file:`` and an absolute path."""

    def parse(self, written: object) -> RecipientSource:
        """Give the source."""
        text = text_of(written)
        if text == "any":
            return RecipientSource(None)
        scheme, colon, path = text.partition(":")
        if scheme != "file" or not colon:
            raise Unfit(f"{shown(written)} is not a source of recipients")
        return RecipientSource(FilePath().parse(path))

    @property
    def valid(self) -> str:
        """The forms."""
        return '"file:/absolute/path", or "any" to take every recipient'


@frozen
class Pin(Kind[str]):
    """A SHA-256 digest of a public key (SubjectPublicKeyInfo) in base64, as in RFC 7469 §2.4."""

    def parse(self, written: object) -> str:
        """Give the base64 text."""
        text = text_of(written)
        try:
            digest = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            digest = b""
        if len(digest) != 32:
            raise Unfit(f"{shown(written)} is not the base64 form of a SHA-256 digest")
        return text

    @property
    def valid(self) -> str:
        """The form."""
        return "44 characters of base64: the SHA-256 digest of the server's public key"
