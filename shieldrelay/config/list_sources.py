"""Settings of a domain file that say how its list of recipients is read: ``[csv]``, ``[ldap]``, ``[https]``.

Declarations only.
"""

from __future__ import annotations

import re
from enum import Enum

from attrs import frozen

from shieldrelay.config.kinds import Choice, Count, FilePath, Flag, FreeText, Kind, ListOf, Maybe, Unfit, shown, text_of
from shieldrelay.config.setting import section, setting
from shieldrelay.config.sources import Delimiter


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


_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9\-]{0,63}\Z")


@frozen
class AttributeName(Kind[str]):
    """The name of an attribute in a directory (RFC 4512 §2.5)."""

    def parse(self, written: object) -> str:
        """Take a name without options."""
        text = text_of(written)
        if not _ATTRIBUTE.match(text):
            raise Unfit(f"{shown(written)} is not the name of an attribute")
        return text

    @property
    def valid(self) -> str:
        """The form."""
        return 'a name of letters, digits and hyphens, such as "mail"'


@section
class Csv:
    """How a table is read: UTF-8, quotes as in RFC 4180."""

    column: str = setting(
        FreeText(200), default="1", help="The column with the addresses: its number, from 1, or its name in the header."
    )
    flag_column: str | None = setting(
        Maybe(FreeText(200)),
        default=None,
        example="status",
        help="The column that says listed, former or trap. Without it all are listed.",
    )
    delimiter: str = setting(Delimiter(), default=",", help="What stands between columns.")
    header: bool | None = setting(
        Maybe(Flag()),
        default=None,
        example=True,
        help="Whether the first line has names. Without it: yes when a column is given by its name.",
    )

    @property
    def has_names(self) -> bool:
        """Whether a column is given by its name."""
        return not all(each is None or each.isdecimal() for each in (self.column, self.flag_column))


@section
class Ldap:
    """What is asked of a directory. Results are always paged; what is not complete is not taken."""

    base: str | None = setting(
        Maybe(FreeText()),
        default=None,
        example="ou=people,dc=example,dc=com",
        help="The entry below which everything is searched; a directory needs it.",
    )
    preset: Preset = setting(
        Choice(Preset),
        default="none",
        help="Fills in filter and attributes for a known directory where they are not given.",
    )
    filter: str | None = setting(
        Maybe(FreeText(4000)),
        default=None,
        example="(&(objectClass=person)(mail=*))",
        help="Which entries (RFC 4515). Without it: the preset's.",
    )
    attributes: tuple[str, ...] = setting(
        ListOf(AttributeName()),
        default=[],
        example=["mail", "mailAlternateAddress"],
        help="Which attributes hold addresses; also for LDIF. Without them: the preset's.",
    )
    bind_dn: str | None = setting(
        Maybe(FreeText()),
        default=None,
        example="cn=shieldrelay,dc=example,dc=com",
        help="Who asks. Without it: nobody in particular.",
    )
    password_file: str | None = setting(
        Maybe(FilePath()),
        default=None,
        example="/etc/shieldrelay/secrets/example.com.ldap",
        help="A file whose first line is the password of bind_dn.",
    )
    start_tls: bool = setting(Flag(), default=False, help="Whether to begin TLS on ldap:// before anything is said.")
    ca: str | None = setting(
        Maybe(FilePath()),
        default=None,
        example="/etc/shieldrelay/tls/directory-ca.pem",
        help="Certificates in PEM that may have signed the directory's. Without it: the system's.",
    )
    verify: bool = setting(Flag(), default=True, help="Whether the certificate must prove the name asked for.")
    without_tls: bool = setting(
        Flag(), default=False, help="Whether the password may leave this machine without TLS."
    )
    page_size: int = setting(
        Count(1, 1000), default=500, help="Entries of a page (RFC 2696), below the directory's own limit."
    )


@section
class Https:
    """How a document behind a URL is asked for. Redirections are followed within its host only."""

    form: Form = setting(
        Choice(Form), default="plain", help="How it is written; [csv] says more of a table, [ldap] attributes of LDIF."
    )
    user: str | None = setting(
        Maybe(FreeText(200)), default=None, example="shieldrelay", help="The user, for a server that wants one."
    )
    password_file: str | None = setting(
        Maybe(FilePath()),
        default=None,
        example="/etc/shieldrelay/secrets/example.com.https",
        help="A file whose first line is the user's password.",
    )
    token_file: str | None = setting(
        Maybe(FilePath()),
        default=None,
        example="/etc/shieldrelay/secrets/example.com.token",
        help="A file whose first line is a bearer token (RFC 6750), instead of user and password.",
    )
    ca: str | None = setting(
        Maybe(FilePath()),
        default=None,
        example="/etc/shieldrelay/tls/list-ca.pem",
        help="Certificates in PEM that may have signed the server's. Without it: the system's.",
    )
