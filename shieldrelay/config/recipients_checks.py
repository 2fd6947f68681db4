"""What single values cannot show about where a domain's recipients are listed.

Looks at the file system only to ask whether a named file can be read. Called by `config.checks`, for each domain.
"""

from __future__ import annotations

from collections.abc import Iterator

from shieldrelay.config.domain import Domain
from shieldrelay.config.finding import Finding, readable, secret, together
from shieldrelay.config.list_sources import Csv, Form, Https, Ldap, Preset
from shieldrelay.config.schema import Configuration
from shieldrelay.config.sources import SourceKind, is_loopback


def check_list(configuration: Configuration, domain: Domain) -> Iterator[Finding]:
    """Look at one domain's list; paths are relative to the domain's table."""
    source = domain.recipients
    yield from readable(
        [
            (("recipients",), source.path),
            (("former_recipients",), domain.former_recipients),
            (("traps",), domain.traps),
        ]
    )
    if source.kind.is_directory:
        yield from _check_ldap(domain, domain.ldap or Ldap())
    if source.kind is SourceKind.HTTPS:
        yield from _check_https(domain.https or Https())
    if uses_csv(domain):
        yield from _check_csv(domain.csv or Csv())
    yield from _check_ages(configuration, domain)


def uses_csv(domain: Domain) -> bool:
    """Whether the domain's list is a table."""
    if domain.recipients.kind is SourceKind.HTTPS:
        return (domain.https or Https()).form is Form.CSV
    return domain.recipients.kind is SourceKind.CSV


def _check_ldap(domain: Domain, ldap: Ldap) -> Iterator[Finding]:
    source = domain.recipients
    if ldap.base is None:
        yield Finding((("ldap", "base"), ("recipients",)), "a directory needs a base", "valid is [ldap] base")
    if ldap.preset is Preset.NONE and not ldap.attributes:
        yield Finding(
            (("ldap", "attributes"), ("recipients",)),
            "it is not said which attributes hold addresses",
            "give [ldap] attributes, or a preset that knows them",
        )
    yield from together(("ldap",), "bind_dn", ldap.bind_dn, "password_file", ldap.password_file)
    yield from secret(("ldap", "password_file"), ldap.password_file)
    yield from readable([(("ldap", "ca"), ldap.ca)])
    if source.kind is SourceKind.LDAPS and ldap.start_tls:
        yield Finding(
            (("ldap", "start_tls"),), "ldaps has TLS from the first octet on", "leave it out, or use ldap://"
        )
    clear = source.kind is SourceKind.LDAP and not ldap.start_tls and not is_loopback(source.host)
    if clear and ldap.bind_dn is not None and not ldap.without_tls:
        yield Finding(
            (("ldap", "password_file"), ("recipients",)),
            "the password would leave this machine without TLS",
            "use ldaps://, or start_tls, or set without_tls",
        )


def _check_https(https: Https) -> Iterator[Finding]:
    yield from together(("https",), "user", https.user, "password_file", https.password_file)
    yield from secret(("https", "password_file"), https.password_file)
    yield from secret(("https", "token_file"), https.token_file)
    yield from readable([(("https", "ca"), https.ca)])
    if https.user is not None and https.token_file is not None:
        yield Finding(
            (("https", "token_file"), ("https", "user")),
            "there is a user as well",
            "give user and password_file, or token_file",
        )
    if https.user is not None and ":" in https.user:
        yield Finding((("https", "user"),), "it has a colon", "a user without a colon (RFC 7617 section 2)")


def _check_csv(csv: Csv) -> Iterator[Finding]:
    for name, column in (("column", csv.column), ("flag_column", csv.flag_column)):
        if column is not None and column.isdecimal() and int(column) == 0:
            yield Finding((("csv", name),), "there is no column 0", "columns are counted from 1")
    if csv.header is False and csv.has_names:
        yield Finding(
            (("csv", "header"), ("csv", "column")),
            "a column is given by its name, and there is no header",
            "give the column by its number, or leave header out",
        )


def _check_ages(configuration: Configuration, domain: Domain) -> Iterator[Finding]:
    node = configuration.recipients
    stale = node.stale_after if domain.stale_after is None else domain.stale_after
    old = node.old_after if domain.old_after is None else domain.old_after
    given = domain.stale_after is not None or domain.old_after is not None
    if given and stale > old:
        yield Finding(
            (("stale_after",), ("old_after",)),
            "stale_after is longer than old_after",
            "a list is stale first, and then old",
        )
