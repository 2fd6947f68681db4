"""Postfix from Debian's package as an inbound relay, in a directory of its own; the machine's own is not touched.

Needs root: Postfix's master changes users. What is not in `_MAIN` is the compiled default.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from attrs import define, field

from bench import peer
from bench.accounting import Account
from bench.load import BenchFault, free_port, program, wait_until

_MAIN = """\
compatibility_level = 3.6
queue_directory = {directory}/queue
data_directory = {directory}/data
maillog_file = {directory}/log
maillog_file_prefixes = {directory}
myhostname = relay.test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.255.255.254/32
relay_domains = example.com
relay_recipient_maps = {maps}:{directory}/etc/relay_recipients
transport_maps = {maps}:{directory}/etc/transport
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_peername_lookup = no
smtp_host_lookup = native
smtp_dns_support_level = disabled
alias_maps =
alias_database =
local_recipient_maps =
biff = no
append_dot_mydomain = no
relay_destination_concurrency_limit = 20
"""
_NO_ERROR_LIMITS = """\
# for the row of unknown recipients only: no sleep, no hang-up after errors
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 1000000
smtpd_hard_error_limit = 1000000
"""
_POSTSCREEN = """\
# for the row of a denied source only: postscreen in front, which refuses it at once
postscreen_access_list = cidr:{directory}/etc/postscreen_access
postscreen_denylist_action = drop
postscreen_blacklist_action = drop
"""
_SCREENED = """\
127.0.0.1:{port} inet n - y - 1 postscreen
smtpd pass - - y - - smtpd
dnsblog unix - - y - 0 dnsblog
tlsproxy unix - - y - 0 tlsproxy
"""
_MASTERS = ("/usr/share/postfix/master.cf.dist", "/etc/postfix/master.cf.proto", "/etc/postfix/master.cf")


@define
class Postfix:
    """The peer. A fresh directory has an empty queue."""

    directory: Path
    error_limits: bool = True
    postscreen: bool = False
    name: str = "Postfix"
    port: int = field(factory=free_port)
    next_hop: int = field(factory=free_port)
    account: Account = field(factory=lambda: peer.open_account("postfix"))
    _starts: int = 0

    def __attrs_post_init__(self) -> None:
        """Lay out the directory.

        :raises BenchFault: not root, or Postfix is not installed.
        """
        if os.geteuid() != 0:
            raise BenchFault("Postfix can be measured by root only")
        program("postfix")
        etc = self.directory / "etc"
        for each in (self.directory, etc, self.directory / "queue", self.directory / "data"):
            each.mkdir(mode=0o755, parents=True, exist_ok=True)
        shutil.chown(self.directory / "data", "postfix")
        (etc / "main.cf").write_text(self.configuration())
        (etc / "master.cf").write_text(self._services())
        (etc / "postscreen_access").write_text("127.0.0.9/32 reject\n")
        (etc / "relay_recipients").write_text("user1@example.com x\n")
        (etc / "transport").write_text(f"example.com relay:[127.0.0.1]:{self.next_hop}\n")
        if Path("/etc/postfix/dynamicmaps.cf").exists():
            shutil.copy("/etc/postfix/dynamicmaps.cf", etc)
        tables = [str(etc / "relay_recipients"), str(etc / "transport")]
        peer.run([program("postmap"), "-c", str(etc), *tables], self.account)

    def version(self) -> str:
        """Give the package's version."""
        said = subprocess.run([program("postconf"), "-d", "-h", "mail_version"], capture_output=True, text=True)
        return f"Postfix {said.stdout.strip()}"

    def configuration(self) -> str:
        """Give main.cf; master.cf is the packaged one but for the port."""
        text = _MAIN.format(directory=self.directory, maps=_map_type())
        text += _POSTSCREEN.format(directory=self.directory) if self.postscreen else ""
        return text if self.error_limits else text + _NO_ERROR_LIMITS

    def _services(self) -> str:
        packaged = next((Path(each).read_text() for each in _MASTERS if Path(each).exists()), None)
        if packaged is None:
            raise BenchFault("Postfix's packaged master.cf was not found")
        listening = _SCREENED if self.postscreen else "127.0.0.1:{port} inet n - y - - smtpd\n"
        lines = [line for line in packaged.splitlines() if line.split()[:2] != ["smtp", "inet"]]
        return listening.format(port=self.port) + "\n".join(lines) + "\n"

    def start(self) -> None:
        """Start master. The first start also lays out the queue and is not one to be timed."""
        self._starts += 1
        peer.run([program("postfix"), "-c", str(self.directory / "etc"), "start"], self.account)

    def flush(self) -> None:
        """Have the queue manager take up all deferred mail."""
        peer.run([program("postqueue"), "-c", str(self.directory / "etc"), "-f"], self.account)

    def stop(self) -> None:
        """Stop master and wait for its children."""
        if not self.account.pids():
            return
        command = [program("postfix"), "-c", str(self.directory / "etc"), "stop"]
        subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=30)
        try:
            wait_until(lambda: not self.account.pids(), 10, "the end of Postfix")
        except BenchFault:
            subprocess.run([*command[:-1], "abort"], capture_output=True, stdin=subprocess.DEVNULL, timeout=30)

    def close(self) -> None:
        """Stop, and end what is left."""
        self.stop()
        self.account.close()

    def trouble(self) -> str:
        """Give the end of its log."""
        return peer.tail(self.directory / "log")


def _map_type() -> str:
    """Choose the indexed file type that this Postfix has, ``hash`` where possible."""
    known = subprocess.run([program("postconf"), "-m"], capture_output=True, text=True).stdout.split()
    return next((each for each in ("hash", "lmdb") if each in known), "texthash")
