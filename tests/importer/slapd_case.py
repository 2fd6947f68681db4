"""A directory for a test: OpenLDAP's server with some entries, and the settings that read it."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from shieldrelay.importer.settings import LdapSettings, Limits, Preset, SourceSettings
from tests.importer.case import ImportCase
from tests.importer.slapd import READER, SUFFIX, Slapd, person

PEOPLE = 1700

_UNITS = "\n".join(
    f"dn: ou={name},{SUFFIX}\nobjectClass: organizationalUnit\nou: {name}\n"
    for name in ("people", "closed", "referring", "exchange", "strange", "none")
)
_REFERRAL = (
    f"dn: ou=more,ou=referring,{SUFFIX}\nobjectClass: referral\nobjectClass: extensibleObject\nou: more\n"
    f"ref: ldap://other.test/ou=more,{SUFFIX}\n"
)

_ODD = (
    f"dn: uid=odd,ou=strange,{SUFFIX}\nobjectClass: inetOrgPerson\nuid: odd\ncn: o\nsn: o\n"
    "mail: a*@example.test\nmail: smtp:b@example.test\n"
)


def _account(name: str, control: int, *addresses: str) -> str:
    proxies = "".join(f"proxyAddresses: {each}\n" for each in addresses)
    return (
        f"dn: cn={name},ou=exchange,{SUFFIX}\nobjectClass: user\ncn: {name}\nsn: {name}\n"
        f"userAccountControl: {control}\ninstanceType: 4\nobjectCategory: cn=person\nnTSecurityDescriptor: x\n{proxies}"
    )


_TREE = "\n".join(
    [
        _UNITS,
        *(person(number, "ou=people,") for number in range(PEOPLE)),
        person(1, "ou=closed,"),
        person(2, "ou=referring,"),
        _REFERRAL,
        _account(
            "enabled", 512, "SMTP:First.Last@example.test", "smtp:fl@alias.test", "X400:c=de", "sip:fl@example.test"
        ),
        _account("disabled", 514, "SMTP:gone@example.test"),
        _account("elsewhere", 512, "SMTP:fl@other.test"),
        _ODD,
    ]
)


@cache
def _slapd() -> Slapd:
    """Fill a directory once for all tests of a run."""
    return Slapd(Path(tempfile.mkdtemp(dir=".")).resolve(), _TREE)


class SlapdCase(ImportCase):
    """A test with a directory."""

    def setUp(self) -> None:
        super().setUp()
        self.slapd = _slapd()
        self.slapd.start()
        self.addCleanup(self.slapd.stop)

    def source(self, url: str | None = None, limits: Limits | None = None, **more: Any) -> SourceSettings:
        """Give the directory's settings: its reader, everything under ou=people."""
        settings = {
            "base": f"ou=people,{SUFFIX}",
            "preset": Preset.OPENLDAP,
            "bind_dn": READER,
            "password_file": str(self.slapd.password_file),
            **more,
        }
        return SourceSettings.parse(url or self.slapd.url, ldap=LdapSettings(**settings), limits=limits)

    def anonymous(self, **more: Any) -> SourceSettings:
        return self.source(bind_dn="", password_file=None, **more)
