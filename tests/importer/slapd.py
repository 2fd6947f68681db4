"""`Slapd`: a directory of its own for a test: OpenLDAP's server, unprivileged, in a directory of the test."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from shieldrelay.testing.authority import Authority
from tests.capabilities import program

_CONFIGURATION = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/misc.schema
include /etc/ldap/schema/msuser.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {directory}/pid
argsfile {directory}/args
TLSCACertificateFile {directory}/ca.pem
TLSCertificateFile {directory}/server.pem
TLSCertificateKeyFile {directory}/server.key
sizelimit 500
referral ldap://elsewhere.test
{extra}

database mdb
maxsize 268435456
dbnosync
suffix "{suffix}"
directory {directory}/entries
limits dn.exact="cn=reader,{suffix}" size.soft=unlimited size.hard=unlimited size.pr=500 size.prtotal=unlimited
access to attrs=userPassword by anonymous auth by * none
access to dn.subtree="ou=closed,{suffix}" by * none
access to * by * read
"""

SUFFIX = "dc=example,dc=test"
READER = f"cn=reader,{SUFFIX}"
PASSWORD = "a reader's secret"

_TREE = f"""
dn: {SUFFIX}
objectClass: dcObject
objectClass: organization
o: example
dc: example

dn: {READER}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: {PASSWORD}
"""


def person(number: int, unit: str = "") -> str:
    """Give an entry with two addresses."""
    return (
        f"dn: uid=u{number},{unit}{SUFFIX}\nobjectClass: inetOrgPerson\nobjectClass: inetLocalMailRecipient\n"
        f"uid: u{number}\ncn: User {number}\nsn: {number}\nmail: u{number}@example.test\n"
        f"mailLocalAddress: alias{number}@example.test\n"
    )


class Slapd:
    """A directory with its entries, which can be started and stopped again and again; starting takes some 30 ms.

    :param directory: empty, of this server alone.
    :param entries: LDIF records, separated by blank lines, beside the suffix and its reader.
    :ivar ca: the file with the authority that certified it, for ``127.0.0.1``.
    """

    def __init__(self, directory: Path, entries: str, *, extra: str = "") -> None:
        self.port, self.secure_port = _free_port(), _free_port()
        directory.joinpath("entries").mkdir(parents=True)
        authority = Authority(now=time.time())
        self.ca = authority.write(directory / "ca.pem")
        authority.issue("127.0.0.1").write(directory / "server.pem", directory / "server.key")
        self.password_file = directory / "password"
        self.password_file.write_text(PASSWORD + "\n")
        self._directory = directory
        self._configuration = directory / "slapd.conf"
        self._configuration.write_text(_CONFIGURATION.format(directory=directory, suffix=SUFFIX, extra=extra))
        tree = directory / "tree.ldif"
        tree.write_text(f"{_TREE}\n{entries}")
        _run("slapadd", "-q", "-f", str(self._configuration), "-l", str(tree))

    @property
    def url(self) -> str:
        """Where it listens without TLS."""
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def secure_url(self) -> str:
        """Where it listens with TLS."""
        return f"ldaps://127.0.0.1:{self.secure_port}"

    def start(self) -> None:
        """Start it; it listens when this returns."""
        _run("slapd", "-f", str(self._configuration), "-h", f"{self.url} {self.secure_url}")

    def stop(self) -> None:
        """End it."""
        os.kill(int(self._directory.joinpath("pid").read_text()), signal.SIGKILL)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _run(*words: str) -> None:
    command = [program(words[0]), *words[1:]]
    ended = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr.decode("utf-8", "replace")
