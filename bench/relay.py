"""This relay, one process, started as an operator would start it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path

from attrs import define, field

import shieldrelay
from bench import accounting, peer
from bench.accounting import Account
from bench.load import BenchFault, free_port
from bench.setup import GENERATOR, Setup

ROOT = Path(__file__).resolve().parents[1]
"""The tree of the source that this bench is part of."""
BINARIES = Path(sys.executable).parent

DEFAULT_COMMAND = "{bin}/twistd --nodaemon --pidfile= shieldrelay --config {config}"
"""How the relay is started; ``{bin}`` is where its interpreter's programs are, ``{config}`` its configuration file,
``{port}`` and ``{next_hop}`` are its ports."""

_MAIN = """\
[node]
hostname = "relay.test"
spool = "{directory}/spool"
state = "{directory}/state"
control = "{control}"
journal = "{directory}/journal"
user = "root"
group = "root"
{node}
[listen]
smtp = ["127.0.0.1:{port}"]
{listen}
[cluster]
hub = "{hub}"

[delivery]
first_attempt = "{first_attempt}"
{more}"""
_DOMAIN = """\
domain = "example.com"
next_hops = ["127.0.0.1:{next_hop}"]
next_hop_tls = "none"
recipients = "file:{directory}/recipients"
{more}"""


@define
class Relay:
    """The relay in a directory of its own. A fresh directory has an empty spool.

    :ivar command: as `DEFAULT_COMMAND`.
    :ivar first_attempt: ``inline`` or ``queued``.
    :ivar setup: what its configuration has beyond its ports and directories.
    :ivar tree: of the source that it is run from.
    :ivar binaries: where its interpreter's programs are.
    """

    directory: Path
    command: str = DEFAULT_COMMAND
    first_attempt: str = "inline"
    setup: Setup = GENERATOR
    name: str = "shieldrelay"
    tree: Path = ROOT
    binaries: Path = BINARIES
    port: int = field(factory=free_port)
    next_hop: int = field(factory=free_port)
    account: Account = field(factory=lambda: peer.open_account("relay"))
    _process: subprocess.Popen[bytes] | None = None

    def __attrs_post_init__(self) -> None:
        """Write the configuration."""
        for each in ("domains.d", "spool", "state"):
            self.directory.joinpath(each).mkdir(parents=True, exist_ok=True)
        self._config.write_text(self._fill(_MAIN, self.setup.main))
        self.directory.joinpath("domains.d", "example.com.toml").write_text(self._fill(_DOMAIN, self.setup.domain))
        self.directory.joinpath("recipients").write_text("\n".join(self.setup.recipients) + "\n")

    @property
    def _config(self) -> Path:
        return self.directory / "shieldrelay.toml"

    @property
    def _control(self) -> Path:
        return self.directory / "control.sock"

    def _fill(self, template: str, more: str) -> str:
        return template.format(
            directory=self.directory,
            control=self._control,
            port=self.port,
            next_hop=self.next_hop,
            first_attempt=self.first_attempt,
            node=self.setup.node,
            hub=self.setup.hub,
            listen=self.setup.listen,
            more=more,
        )

    def lay_out_domains(self, domains: int, recipients: int) -> None:
        """Add domains with lists of their own; they share the next hop."""
        lists = self.directory / "lists"
        lists.mkdir()
        for number in range(domains):
            name = f"domain{number}.test"
            file = lists / name
            file.write_text("".join(f"user{each}\n" for each in range(recipients)))
            told = self._fill(_DOMAIN, "").replace("example.com", name)
            told = told.replace(f"{self.directory}/recipients", str(file))
            self.directory.joinpath("domains.d", f"{name}.toml").write_text(told)

    def version(self) -> str:
        """Name the relay's version and what it runs on."""
        words = f"import sys, twisted; print(f'shieldrelay {shieldrelay.__version__}, CPython', "
        words += "sys.version.split()[0], 'Twisted', twisted.__version__)"
        return subprocess.run([sys.executable, "-c", words], capture_output=True, text=True).stdout.strip()

    def configuration(self) -> str:
        """Give both files; what they leave out has its default."""
        main, domain = self._fill(_MAIN, self.setup.main), self._fill(_DOMAIN, self.setup.domain)
        return f"{main}\n# domains.d/example.com.toml\n{domain}"

    def start(self) -> None:
        """Start the process in the foreground, logging into the directory."""
        places = {"bin": self.binaries, "config": self._config, "port": self.port, "next_hop": self.next_hop}
        words = [each.format(**places) for each in shlex.split(self.command)]
        environment = dict(os.environ, PYTHONPATH=str(self.tree))
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self.account.enter(words),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                env=environment,
            )

    @property
    def _log(self) -> Path:
        return self.directory / "log"

    def flush(self) -> None:
        """Ask over its control socket that everything be tried now.

        :raises BenchFault: it does not listen, or refuses.
        """
        self.ask("flush", "example.com")

    def ask(self, *words: str) -> str:
        """Give what ``shieldrelayctl`` prints.

        :raises BenchFault: the node does not listen, or refuses.
        """
        client = [sys.executable, "-m", "shieldrelay.admin.ctl"]
        command = [*client, "--socket", str(self._control), *words]
        ended = subprocess.run(
            command, capture_output=True, text=True, cwd=ROOT, stdin=subprocess.DEVNULL, timeout=60
        )
        if ended.returncode:
            raise BenchFault(f"{words[0]}: {(ended.stderr + ended.stdout).strip()[-400:]}")
        return ended.stdout

    def journalled(self) -> Counter[str]:
        """Count the journal's events by name."""
        with (self.directory / "journal").open() as lines:
            return Counter(json.loads(line)["event"] for line in lines)

    def stop(self) -> None:
        """Ask the process to end and wait for it."""
        if self._process is not None:
            accounting.kill(self.account.pids(), most_seconds=40)
            self._process.wait()
            self._process = None

    def close(self) -> None:
        """Stop, and close the account."""
        self.stop()
        self.account.close()

    def trouble(self) -> str:
        """Give the end of its log and of its journal."""
        return peer.tail(self._log, 1500) + peer.tail(self.directory / "journal")
