"""A real Postfix as the customer's server, in a directory of its own; the machine's own is not touched.

Needs root and the package; delivers into one Maildir. `Postfix.close` stops it and removes the directory.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.capabilities import program
from tests.integration.node import free_port, wait_until

_NOBODY = 65534
_MAIN = """\
compatibility_level = 3.6
queue_directory = {directory}/queue
data_directory = {directory}/data
maillog_file = {directory}/log
maillog_file_prefixes = {directory}
myhostname = mail.example.test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = {clients}
relayhost = {relay}
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtp_helo_name = client.sender.test
smtpd_peername_lookup = no
local_header_rewrite_clients =
smtpd_tls_chain_files = {chain}
smtpd_tls_security_level = {tls}
smtpd_tls_received_header = yes
virtual_mailbox_domains = {domains}
virtual_mailbox_base = {directory}/mail
virtual_mailbox_maps = inline:{{ alice@example.test=all/ bob@example.test=all/ }}
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
alias_maps =
alias_database =
local_recipient_maps =
biff = no
"""
_MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
smtp unix - - n - - smtp
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """One Postfix for ``example.test`` (alice and bob exist), which takes mail over TLS only.

    :param chain: key and certificate in one PEM file.
    :param tls: its security level towards clients.
    :param extra: further lines of its main.cf.
    :param relay: a port on 127.0.0.1 to which it sends everything instead of taking it.
    :ivar port: on 127.0.0.1.
    """

    def __init__(self, chain: Path, *, tls: str = "encrypt", relay: int | None = None, extra: str = "") -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="shieldrelay-postfix-"))
        self.directory.chmod(0o755)
        self.port = free_port()
        self._etc = self.directory / "etc"
        for name in ("etc", "queue", "data", "mail"):
            (self.directory / name).mkdir(mode=0o755)
        shutil.chown(self.directory / "data", "postfix")
        os.chown(self.directory / "mail", _NOBODY, _NOBODY)
        main = _MAIN.format(
            directory=self.directory,
            chain=chain,
            tls=tls,
            clients="127.255.255.254/32" if relay is None else "127.0.0.0/8",
            relay="" if relay is None else f"[127.0.0.1]:{relay}",
            domains="example.test" if relay is None else "",
        )
        (self._etc / "main.cf").write_text(main + extra)
        (self._etc / "master.cf").write_text(_MASTER.format(port=self.port))

    def start(self) -> None:
        """Start it; returns when master runs.

        :raises AssertionError: it would not start.
        """
        ended = self._do("start")
        if ended.returncode:
            raise AssertionError(f"postfix start: {ended.stdout}{ended.stderr}{self.log()}")

    def stop(self) -> None:
        """Stop it, and wait until master is gone."""
        self._do("stop")
        pid = self.directory / "queue" / "pid" / "master.pid"
        wait_until(lambda: not _runs(pid), "the end of Postfix")

    def close(self) -> None:
        """Stop, and remove the directory."""
        self.stop()
        shutil.rmtree(self.directory)

    def delivered(self) -> list[bytes]:
        """Give the messages in its mailbox."""
        return [file.read_bytes() for file in sorted(self.directory.glob("mail/all/new/*"))]

    def log(self) -> str:
        """Give what it logged."""
        file = self.directory / "log"
        return file.read_text() if file.exists() else ""

    def _do(self, what: str) -> subprocess.CompletedProcess[str]:
        command = [program("postfix"), "-c", str(self._etc), what]
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


def _runs(pid: Path) -> bool:
    """Whether the process lives whose id stands in the file."""
    text = pid.read_text().strip() if pid.exists() else ""
    return text.isdigit() and Path("/proc", text).exists()
