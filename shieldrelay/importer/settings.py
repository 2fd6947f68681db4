"""`SourceSettings`: where the recipients of one domain come from, and what reading them may cost.

Pure values; ``assembly`` makes them from the configuration, `request` carries them into the child. Valid or not
built: what cannot work is refused here with a ``ValueError`` in operator's words. Holds no secret, only the files that
have them.
"""

from __future__ import annotations

import ipaddress
import re
from enum import Enum
from urllib.parse import SplitResult, urlsplit

from attrs import Factory, field, frozen

_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]*")


class SourceKind(Enum):
    """Which way a list comes."""

    FILE = "file"
    """A file in the line form."""
    CSV = "csv"
    """A file of comma-separated values (RFC 4180)."""
    LDIF = "ldif"
    """A file of directory entries (RFC 2849)."""
    LDAP = "ldap"
    """A directory (RFC 4511), in the clear or with StartTLS."""
    LDAPS = "ldaps"
    """A directory, TLS from the first octet on."""
    HTTPS = "https"
    """A document behind a URL; plain ``http`` only on the loopback device."""

    @property
    def is_local(self) -> bool:
        """Whether it is a file of this machine."""
        return self in (SourceKind.FILE, SourceKind.CSV, SourceKind.LDIF)


class Preset(Enum):
    """Directories whose attributes and filters are known."""

    NONE = "none"
    ACTIVE_DIRECTORY = "active-directory"
    OPENLDAP = "openldap"
    DIRECTORY_389 = "389"


class Form(Enum):
    """In which form a document behind a URL is written."""

    PLAIN = "plain"
    CSV = "csv"
    LDIF = "ldif"
    JSON_LINES = "json-lines"


@frozen(kw_only=True)
class CsvSettings:
    """How a table is read. UTF-8, quotes as in RFC 4180.

    :ivar column: the one with the addresses: its number, counted from 1, or its name in the header.
    :ivar flag_column: the one that says ``listed``, ``former`` or ``trap``, likewise; ``None``: all are listed.
    :ivar delimiter: one ASCII character.
    :ivar header: whether the first record has names; ``None``: yes when a column is given by name.
    """

    column: str = "1"
    flag_column: str | None = None
    delimiter: str = ","
    header: bool | None = None

    def __attrs_post_init__(self) -> None:
        if len(self.delimiter) != 1 or not self.delimiter.isascii() or self.delimiter in '"\r\n':
            raise ValueError("the delimiter is one ASCII character, and no quote")
        if self.header is False and self.has_names:
            raise ValueError("a column can only be named where there is a header")
        if "0" in (self.column, self.flag_column):
            raise ValueError("columns are counted from 1")

    @property
    def has_names(self) -> bool:
        """Whether a column is given by its name."""
        return not all(each is None or each.isdecimal() for each in (self.column, self.flag_column))

    @property
    def skips_first(self) -> bool:
        """Whether the first record is a header."""
        return self.has_names if self.header is None else self.header


@frozen(kw_only=True)
class LdapSettings:
    """What is asked of a directory.

    :ivar base: the DN below which everything is searched.
    :ivar filter: RFC 4515; ``None``: the preset's.
    :ivar attributes: which hold addresses; empty: the preset's.
    :ivar preset: fills in what is not given.
    :ivar bind_dn: who asks; empty: anonymous.
    :ivar password_file: its first line is the password of ``bind_dn``.
    :ivar start_tls: TLS before anything else is said (``ldap://`` only).
    :ivar ca: PEM file of the authorities that may have signed; ``None``: the system's.
    :ivar verify: whether the certificate must prove the name asked for.
    :ivar without_tls: whether the password may go over a connection without TLS that leaves this machine.
    :ivar page_size: entries a page (RFC 2696), below the limits of servers (Active Directory: 1000).
    """

    base: str = ""
    filter: str | None = None
    attributes: tuple[str, ...] = ()
    preset: Preset = Preset.NONE
    bind_dn: str = ""
    password_file: str | None = None
    start_tls: bool = False
    ca: str | None = None
    verify: bool = True
    without_tls: bool = False
    page_size: int = 500

    def __attrs_post_init__(self) -> None:
        if bool(self.bind_dn) != (self.password_file is not None):
            raise ValueError("bind_dn and password_file are given together")
        if not all(_ATTRIBUTE.fullmatch(each) for each in self.attributes):
            raise ValueError("an attribute is a name of letters, digits and hyphens")
        if not 1 <= self.page_size <= 1000:
            raise ValueError("page_size is between 1 and 1000")


@frozen(kw_only=True)
class HttpsSettings:
    """How a document is asked for.

    :ivar form: how it is written; `CsvSettings` say more of a table.
    :ivar user: of basic authentication (RFC 7617), with ``password_file``.
    :ivar token_file: its first line is a bearer token (RFC 6750).
    :ivar ca: as in `LdapSettings`.
    """

    form: Form = Form.PLAIN
    user: str | None = None
    password_file: str | None = None
    token_file: str | None = None
    ca: str | None = None

    def __attrs_post_init__(self) -> None:
        if (self.user is None) != (self.password_file is None):
            raise ValueError("user and password_file are given together")
        if self.user is not None and self.token_file is not None:
            raise ValueError("either user and password_file, or token_file")
        if self.user is not None and ":" in self.user:
            raise ValueError("a user's name has no colon (RFC 7617)")


@frozen(kw_only=True)
class Limits:
    """What one import may cost.

    :ivar octets: of what is fetched, after decompression, and of the entries made from it.
    :ivar entries: records, entries or lines.
    :ivar total_seconds: for all of it, building included; then the child is killed.
    :ivar idle_seconds: for the connection, and for each time that the server says nothing.
    :ivar faults: values that may be no addresses, and are left out; ``fault_share``: the same, as a share of all.
        Beyond either the import fails.
    :ivar memory_octets: of the child.
    """

    octets: int = 512 << 20
    entries: int = 5_000_000
    total_seconds: float = 900.0
    idle_seconds: float = 60.0
    faults: int = 20
    fault_share: float = 0.01
    memory_octets: int = 512 << 20


@frozen(kw_only=True)
class SourceSettings:
    """One source.

    :ivar kind: which way.
    :ivar location: a path, or a URL without user and password.
    """

    kind: SourceKind
    location: str
    csv: CsvSettings = Factory(CsvSettings)
    ldap: LdapSettings = Factory(LdapSettings)
    https: HttpsSettings = Factory(HttpsSettings)
    limits: Limits = field(factory=Limits)

    def __attrs_post_init__(self) -> None:
        if self.kind.is_local:
            if not self.location.startswith("/"):
                raise ValueError("the path begins with /")
            return
        url = _split(self.location)
        if self.kind is SourceKind.HTTPS:
            _check_web(url)
        else:
            _check_directory(self.kind, url, self.ldap)

    @classmethod
    def parse(
        cls,
        text: str,
        *,
        csv: CsvSettings | None = None,
        ldap: LdapSettings | None = None,
        https: HttpsSettings | None = None,
        limits: Limits | None = None,
    ) -> SourceSettings:
        """Read ``file:/path``, ``csv:/path``, ``ldif:/path``, ``ldap://host``, ``ldaps://host`` or ``https://...``.

        :raises ValueError: in operator's words.
        """
        scheme, _, rest = text.partition(":")
        kind = SourceKind.HTTPS if scheme == "http" else _kind(scheme)
        return cls(
            kind=kind,
            location=rest if kind.is_local else text,
            csv=csv or CsvSettings(),
            ldap=ldap or LdapSettings(),
            https=https or HttpsSettings(),
            limits=limits or Limits(),
        )

    def __str__(self) -> str:
        return f"{self.kind.value}:{self.location}" if self.kind.is_local else self.location


def _kind(scheme: str) -> SourceKind:
    try:
        return SourceKind(scheme)
    except ValueError:
        raise ValueError("a source begins with file: csv: ldif: ldap:// ldaps:// or https://") from None


def _split(location: str) -> SplitResult:
    """Take a URL apart.

    :raises ValueError: when it has no host, a port that is none, or carries a password.
    """
    try:
        url = urlsplit(location)
        port = url.port
    except ValueError:
        raise ValueError("the URL is malformed") from None
    if not url.hostname or port == 0:
        raise ValueError("the URL has no host")
    if url.username is not None or url.password is not None:
        raise ValueError("user and password do not belong into the URL, but into settings and a file")
    if not location.isascii() or not location.isprintable() or " " in location:
        raise ValueError("the URL has characters that must be escaped")
    return url


def _check_web(url: SplitResult) -> None:
    if url.scheme == "http" and not is_loopback(url.hostname or ""):
        raise ValueError("http:// is for the loopback device only; use https://")
    if url.scheme not in ("http", "https"):
        raise ValueError("the URL begins with https://")


def _check_directory(kind: SourceKind, url: SplitResult, ldap: LdapSettings) -> None:
    if url.scheme != kind.value or url.path not in ("", "/") or url.query or url.fragment:
        raise ValueError(f"a directory is written {kind.value}://host or {kind.value}://host:port; see base and filter")
    if kind is SourceKind.LDAPS and ldap.start_tls:
        raise ValueError("start_tls is for ldap:// only; ldaps:// has TLS from the first octet on")
    if not ldap.base:
        raise ValueError("a directory needs a base")
    if ldap.preset is Preset.NONE and not ldap.attributes:
        raise ValueError("a directory needs attributes, or a preset that has them")
    clear = kind is SourceKind.LDAP and not ldap.start_tls and not is_loopback(url.hostname or "")
    if clear and ldap.bind_dn and not ldap.without_tls:
        raise ValueError("the password would go in the clear: use ldaps://, start_tls = true, or without_tls = true")


def is_loopback(host: str) -> bool:
    """Whether a host, as written, is this machine and nothing else."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
