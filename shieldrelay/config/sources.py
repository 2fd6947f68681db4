"""Kinds of the domain file that are neither quantity nor host: where recipients are listed, separators and pins.

Knows no file system. Used like every other kind (see ``config.kinds``).
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from enum import Enum
from urllib.parse import SplitResult, urlsplit

from attrs import frozen

from shieldrelay.config.kinds import FilePath, Kind, Unfit, shown, text_of


class SourceKind(Enum):
    """Which way a list of recipients comes."""

    ANY = "any"
    """None: everyone is taken."""
    FILE = "file"
    CSV = "csv"
    LDIF = "ldif"
    LDAP = "ldap"
    LDAPS = "ldaps"
    HTTPS = "https"
    PUSH = "push"
    """Only through the control API."""

    @property
    def is_file(self) -> bool:
        """Whether it is a file of this machine."""
        return self in (SourceKind.FILE, SourceKind.CSV, SourceKind.LDIF)

    @property
    def is_directory(self) -> bool:
        """Whether it is asked by LDAP."""
        return self in (SourceKind.LDAP, SourceKind.LDAPS)

    @property
    def is_remote(self) -> bool:
        """Whether a server is asked: the first list from one is observed for a while before it refuses (R27)."""
        return self.is_directory or self is SourceKind.HTTPS

    @property
    def is_fetched(self) -> bool:
        """Whether it is read again from time to time, by an import."""
        return self.is_remote or self in (SourceKind.CSV, SourceKind.LDIF)


@frozen
class RecipientSource:
    """Where the valid recipients of a domain come from.

    :ivar location: an absolute path, or a URL without user and password; ``""`` for ANY and PUSH.
    """

    kind: SourceKind
    location: str = ""

    @property
    def anyone(self) -> bool:
        """Whether every local-part is taken to exist."""
        return self.kind is SourceKind.ANY

    @property
    def path(self) -> str | None:
        """The file of this machine that lists them, ``None`` when there is none."""
        return self.location if self.kind.is_file else None

    @property
    def host(self) -> str:
        """The host of a URL, else ``""``."""
        return (urlsplit(self.location).hostname or "") if self.kind.is_remote else ""

    def __str__(self) -> str:
        return f"{self.kind.value}:{self.location}" if self.kind.is_file else self.location or self.kind.value


@frozen
class RecipientSourceText(Kind[RecipientSource]):
    """``any``, ``push``, a file with its form, or a URL."""

    def parse(self, written: object) -> RecipientSource:
        """Give the source."""
        text = text_of(written)
        if text in ("any", "push"):
            return RecipientSource(SourceKind(text))
        scheme, colon, rest = text.partition(":")
        if not colon or scheme not in ("file", "csv", "ldif", "ldap", "ldaps", "https", "http"):
            raise Unfit(f"{shown(written)} is not a source of recipients")
        kind = SourceKind.HTTPS if scheme == "http" else SourceKind(scheme)
        return RecipientSource(kind, FilePath().parse(rest) if kind.is_file else self._url(kind, text))

    def _url(self, kind: SourceKind, text: str) -> str:
        url = _split(text)
        if url.scheme == "http" and not is_loopback(url.hostname or ""):
            raise Unfit(f"{shown(text)}: http is for this machine alone, use https")
        if kind.is_directory and (url.path.strip("/") or url.query):
            raise Unfit(f"{shown(text)} has more than a host and a port; base and filter stand in [ldap]")
        return text

    @property
    def valid(self) -> str:
        """The forms."""
        return (
            '"file:/path", "csv:/path", "ldif:/path", "ldap://host", "ldaps://host", "https://host/path", "push", '
            'or "any" to take every recipient'
        )


def _split(text: str) -> SplitResult:
    try:
        url = urlsplit(text)
        named = bool(url.hostname) and url.port != 0
    except ValueError:
        named = False
    if not named or not text.isascii() or not text.isprintable() or " " in text or url.fragment:
        raise Unfit(f"{'this' if '@' in text else shown(text)} is not a URL with a host")
    if url.username is not None or url.password is not None:
        raise Unfit("user and password do not belong into the URL: the configuration may be shown")
    return url


def is_loopback(host: str) -> bool:
    """Whether a host, as written, is this machine and nothing else."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@frozen
class Separator(Kind[str]):
    """What parts a local-part from its tag (RFC 5233)."""

    def parse(self, written: object) -> str:
        """Take one character that a local-part may have and that is no letter and no digit."""
        text = text_of(written)
        if len(text) != 1 or text not in "+-_=.#~/&!$%'*^`{|}?":
            raise Unfit(f"{shown(written)} cannot separate")
        return text

    @property
    def valid(self) -> str:
        """The forms."""
        return 'one character such as "+" or "-"'


@frozen
class Delimiter(Kind[str]):
    """What stands between the columns of a table."""

    def parse(self, written: object) -> str:
        """Take one ASCII character that is no quote and no line end."""
        text = text_of(written)
        if len(text) != 1 or not text.isascii() or text in '"\r\n\0':
            raise Unfit(f"{shown(written)} cannot stand between columns")
        return text

    @property
    def valid(self) -> str:
        """The forms."""
        return 'one character such as "," or ";" or "\\t"'


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
