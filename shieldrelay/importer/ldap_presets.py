"""What is known of directories: which attributes hold addresses, and which objects receive mail.

Active Directory disables the accounts behind shared, room, equipment and linked mailboxes, all of which take mail; they
are told by Exchange's ``msExchRecipientTypeDetails``. Where the schema lacks it the comparison is undefined, and the
rest of the filter decides (RFC 4511 §4.5.1.7).
"""

from __future__ import annotations

from attrs import frozen

from shieldrelay.importer.settings import LdapSettings, Preset

_DISABLED = "(userAccountControl:1.2.840.113556.1.4.803:=2)"
_MAILBOXES_WITHOUT_ACCOUNT = (2, 4, 16, 32, 8589934592, 17179869184, 34359738368)
"""Linked, shared, room, equipment; then remote room, remote equipment, remote shared."""


@frozen
class Question:
    """What is asked of a directory."""

    filter: str
    attributes: tuple[str, ...]


_PRESETS = {
    Preset.NONE: Question("(objectClass=*)", ()),
    Preset.ACTIVE_DIRECTORY: Question(
        "(&(|(proxyAddresses=*)(mail=*))(|(!%s)%s))"
        % (_DISABLED, "".join(f"(msExchRecipientTypeDetails={each})" for each in _MAILBOXES_WITHOUT_ACCOUNT)),
        ("proxyAddresses", "mail"),
    ),
    Preset.OPENLDAP: Question(
        "(|(mail=*)(mailAlternateAddress=*)(mailLocalAddress=*))", ("mail", "mailAlternateAddress", "mailLocalAddress")
    ),
    Preset.DIRECTORY_389: Question(
        "(&(|(mail=*)(mailAlternateAddress=*))(!(nsAccountLock=true)))", ("mail", "mailAlternateAddress")
    ),
}


def question(settings: LdapSettings) -> Question:
    """Give what to ask: the settings', and the preset's where they say nothing."""
    preset = _PRESETS[settings.preset]
    attributes = settings.attributes or preset.attributes
    if settings.filter is not None:
        return Question(settings.filter, attributes)
    if settings.preset is Preset.NONE:
        return Question("(|%s)" % "".join(f"({each}=*)" for each in attributes), attributes)
    return Question(preset.filter, attributes)


LDIF_ATTRIBUTES = ("mail", "mailAlternateAddress", "mailLocalAddress", "proxyAddresses")
"""What is read out of LDIF when nothing is said."""
