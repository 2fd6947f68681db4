"""The real scanners, each for one test in a directory of its own: clamd, rspamd, OpenDKIM, and a milter over libmilter.

They listen on unix sockets or on free ports of the loopback device, need no network and no signatures but their own.
`Scanner.close` ends the process that it started.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from tests.capabilities import program
from tests.integration.node import free_port, listens, wait_until

EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
GTUBE = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"


class Scanner:
    """One process with a directory of its own, below `/tmp`: a unix socket's path must be short."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="scanner-"))
        self.directory.chmod(0o755)
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, *words: str) -> None:
        """Start it."""
        with self.directory.joinpath("output").open("ab") as output:
            self._process = subprocess.Popen(
                words, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip

    def wait_for(self, ready: object, most_seconds: float = 90.0) -> None:
        """Wait until a path is there or a port listens."""
        there = (lambda: listens(ready)) if isinstance(ready, int) else (lambda: _answers(str(ready)))
        wait_until(lambda: there() or self._ended(), f"{type(self).__name__}", most_seconds)
        if self._ended():
            raise AssertionError(f"{type(self).__name__} has ended:\n{self.output()}")

    def _ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def output(self) -> str:
        """Give what it wrote."""
        return self.directory.joinpath("output").read_text(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it and its children."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, number)

    def stop(self) -> None:
        """End it."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        if self._process is not None:
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self.signal(signal.SIGKILL)
                self._process.wait(10)

    def close(self) -> None:
        """End it and remove its directory."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


def _answers(path: str) -> bool:
    """Whether somebody listens on a unix socket."""
    with socket.socket(socket.AF_UNIX) as one:
        return one.connect_ex(path) == 0


class Clamd(Scanner):
    """ClamAV's daemon, which knows EICAR and nothing else.

    :ivar server: as the plugin's setting has it.
    """

    def __init__(self) -> None:
        super().__init__()
        signatures = self.directory / "signatures"
        signatures.mkdir()
        (signatures / "own.ndb").write_text(f"Test.Eicar:0:*:{EICAR.hex()}\n")
        (self.directory / "clamd.conf").write_text(
            f"DatabaseDirectory {signatures}\nLocalSocket {self.directory}/socket\nForeground yes\n"
            "StreamMaxLength 1M\nUser root\n"
        )
        self.server = f"unix:{self.directory}/socket"

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self.run(program("clamd"), "-c", "clamd.conf")
        self.wait_for(self.directory / "socket")


_RSPAMD = """
.include "$CONFDIR/common.conf"
options {{
  .include "$CONFDIR/options.inc"
  pidfile = "{directory}/pid";
  filters = "regexp";
  dns {{ nameserver = ["127.0.0.1:9"]; timeout = 0.1s; retransmits = 1; }}
  url_tld = "{directory}/tld";
  control_socket = "{directory}/control mode=0600";
  hs_cache_dir = "{directory}/";
}}
logging {{ type = "file"; filename = "{directory}/output"; level = "warning"; }}
worker "normal" {{ bind_socket = "127.0.0.1:{port}"; count = 1; }}
worker "rspamd_proxy" {{
  bind_socket = "127.0.0.1:{milter}"; milter = yes; timeout = 20s; count = 1;
  upstream "local" {{ default = yes; hosts = "127.0.0.1:{port}"; self_scan = yes; }}
}}
"""


class Rspamd(Scanner):
    """rspamd with its own rules, without network; one port for HTTP and one for milters' clients."""

    def __init__(self) -> None:
        super().__init__()
        self.port, self.milter_port = free_port(), free_port()
        (self.directory / "tld").write_text("com\nnet\norg\ntest\n")
        text = _RSPAMD.format(directory=self.directory, port=self.port, milter=self.milter_port)
        (self.directory / "rspamd.conf").write_text(text)

    @property
    def url(self) -> str:
        """Where it is asked."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self.run(program("rspamd"), "-f", "-i", "-c", f"{self.directory}/rspamd.conf")
        self.wait_for(self.port)
        self.wait_for(self.milter_port)


class OpenDkim(Scanner):
    """OpenDKIM, which verifies with the keys of a file and signs for nobody."""

    def __init__(self, record: str = "", name: str = "sel._domainkey.signed.test") -> None:
        super().__init__()
        (self.directory / "keys").write_text(f"{name} {record}\n")
        (self.directory / "opendkim.conf").write_text(
            f"Mode v\nSyslog no\nBackground no\nUMask 000\nTestDNSData file:{self.directory}/keys\n"
            "AuthservID relay.example.test\nAlwaysAddARHeader yes\n"
        )
        self.server = f"unix:{self.directory}/socket"

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self.run(program("opendkim"), "-f", "-x", "opendkim.conf", "-p", f"local:{self.directory}/socket")
        self.wait_for(self.directory / "socket")


_CONDUCT = '''
import sys, time
import Milter

class Conduct(Milter.Base):
    def envfrom(self, path, *words):
        print("mail", path, flush=True)
        return {"temporary": Milter.TEMPFAIL}.get(path.strip("<>").partition("@")[0], Milter.CONTINUE)
    def connect(self, name, family, address):
        print("connect", name, address, flush=True)
        return Milter.CONTINUE
    def hello(self, name):
        print("helo", name, flush=True)
        return Milter.CONTINUE
    def envrcpt(self, path, *words):
        print("rcpt", path, flush=True)
        return Milter.CONTINUE
    def header(self, name, value):
        print("field", name, repr(value), flush=True)
        self.fields = getattr(self, "fields", {})
        self.fields[name.lower()] = value
        return Milter.CONTINUE
    def body(self, piece):
        self.octets = getattr(self, "octets", 0) + len(piece)
        return Milter.CONTINUE
    def eom(self):
        print("octets", getattr(self, "octets", 0), self.getsymval("i"), flush=True)
        wish = self.fields.get("x-wish", "")
        if wish == "reject":
            self.setreply("550", "5.7.1", "We do not want this")
            return Milter.REJECT
        if wish == "quarantine":
            self.quarantine("it looks odd")
        if wish == "discard":
            return Milter.DISCARD
        if wish == "hang":
            time.sleep(600)
        self.addheader("X-Seen", "one")
        self.addheader("X-Seen", "two\\n\\tfolded", 0)
        self.chgheader("Subject", 1, "changed")
        return Milter.ACCEPT

Milter.factory = Conduct
Milter.set_flags(Milter.ADDHDRS + Milter.CHGHDRS + Milter.QUARANTINE)
Milter.runmilter("conduct", sys.argv[1], 600)
'''


class Conduct(Scanner):
    """A milter over the field's own library, whose conduct a message's X-Wish asks for."""

    def __init__(self) -> None:
        super().__init__()
        (self.directory / "conduct.py").write_text(_CONDUCT)
        self.server = f"unix:{self.directory}/socket"

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self.run("/usr/bin/python3", "conduct.py", f"unix:{self.directory}/socket")
        self.wait_for(self.directory / "socket")
