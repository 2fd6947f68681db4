"""Run the demo: a node for ``example.test`` on 127.0.0.1:2525, its customer's server, and what to try.

Everything it writes is under ``var/demo/``. Ctrl-C stops it in good order; a start that fails says why in one line, and
ends with status 1. ``--relay-port``, ``--customer-port`` and ``--admin-port`` are for whoever has something else on the
usual ones.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError

import shieldrelay
from shieldrelay.assembly import appliance
from shieldrelay.assembly.service import ApplianceService
from shieldrelay.config.faults import ConfigurationFaults
from shieldrelay.config.reader import read
from shieldrelay.demo.customer import Customer
from shieldrelay.demo.password import write_password
from shieldrelay.recipients.fault import ListFaults
from shieldrelay.spool.faults import SpoolUnavailable
from shieldrelay.tap.service import monotonic
from shieldrelay.wire.lean_reactor import lean
from shieldrelay.wire.listeners import ListenFault

RELAY_PORT = 2525
CUSTOMER_PORT = 2526
ADMIN_PORT = 8025

CONFIGURATION = """\
# Written by `make run` at every start; change shieldrelay/demo to change it.
[node]
hostname = "relay.example.test"
spool = "{root}/spool"
state = "{root}/state"
control = "{root}/control.sock"
journal = "{root}/journal.log"
user = "root"

[listen]
smtp = ["127.0.0.1:{relay}"]
admin = ["127.0.0.1:{admin}"]   # the dashboard, and the API

[admin.users."demo"]
password = "{root}/password"
role = "admin"

[trace]
keep = "1d"

[delivery]
probe = "5s"                    # a demo is impatient
retry = ["5s", "10s", "30s"]

[disk]
reserve = "64MiB"

[shield.lawful]
mode = "off"                    # the visitor's addresses exist nowhere

[[domain]]
domain = "example.test"
next_hops = ["127.0.0.1:{customer}"]
recipients = "file:{root}/recipients.txt"
"""

RECIPIENTS = """\
# who exists at example.test
alice
bob
postmaster
"""

WELCOME = """
shieldrelay is running: it relays for example.test (alice, bob and postmaster exist).

  Send a message:
    python3 -c 'import smtplib; print(smtplib.SMTP("127.0.0.1", {relay}).sendmail("you@sender.test", \
["alice@example.test"], "Subject: hello\\r\\n\\r\\nHello!\\r\\n"))'
  It arrives at the customer's server, which stores it under {root}/customer/

  Somebody who does not exist is refused (550 5.1.1):
    python3 -c 'import smtplib; s = smtplib.SMTP("127.0.0.1", {relay}); s.ehlo(); s.mail("you@sender.test"); \
print(s.rcpt("nobody@example.test"))'

  Guess at three within ten minutes, and you are a harvester: alice is answered like nobody, 450.
  See why, and be let in again:
    {ctl} explain 127.0.0.1
    {ctl} release 127.0.0.1

  Take the customer's server down, send some more, and look at the spool filling:
    touch {root}/down
    {ctl} status
    {ctl} queue
  Bring it back, and see the spool drain within ten seconds:
    rm {root}/down

  See all of this, and change it, with a browser: http://127.0.0.1:{admin}/
  Log in as demo; the password of this start: {password}

  What became of a message, and everything that happens, one line each:
    {ctl} trace --recipient alice@example.test
    tail -f {root}/journal.log
  Ctrl-C stops.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until Ctrl-C; give the exit status."""
    from twisted.internet import reactor as running

    ports = _options().parse_args(arguments)
    reactor: Any = running
    monotonic(reactor)
    lean(reactor)
    root = Path("var/demo").absolute()
    try:
        password = _prepare(root, ports)
        node = appliance(read(str(root / "shieldrelay.toml")), reactor)
        node.privilegedStartService()
        customer = Customer(reactor, ports.customer_port, root / "customer", root / "down", _say)
        customer.start()
    except (ConfigurationFaults, ListFaults, SpoolUnavailable, ListenFault, CannotListenError, OSError) as fault:
        print(f"the demo cannot start: {fault}", file=sys.stderr)
        return 1
    node.end = lambda _reactor: reactor.callWhenRunning(reactor.stop)
    _run(reactor, node, customer, _welcome(root, ports, password))
    return int(node.failed)


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("make run", description="Run a relay on loopback, with a customer's server.")
    parser.add_argument("--relay-port", type=int, default=RELAY_PORT, help="where mail is sent to (%(default)s)")
    parser.add_argument("--customer-port", type=int, default=CUSTOMER_PORT, help="where it arrives (%(default)s)")
    parser.add_argument("--admin-port", type=int, default=ADMIN_PORT, help="of the dashboard (%(default)s)")
    return parser


def _run(reactor: Any, node: ApplianceService, customer: Customer, welcome: str) -> None:
    """Start the node, and run the reactor until it is stopped; the customer's server goes last."""

    def stop() -> Deferred[Any]:
        return node.stopService().addBoth(lambda _stopped: maybeDeferred(customer.stop))

    reactor.addSystemEventTrigger("before", "shutdown", stop)
    reactor.callWhenRunning(node.startService)
    node.ready.addCallbacks(lambda _listening: print(welcome, flush=True), lambda _told: None)
    reactor.run()
    if not node.failed:
        _say("stopped")


def _welcome(root: Path, ports: argparse.Namespace, password: str) -> str:
    """Give what to try, in commands that work from the directory where the demo was started."""
    shown = root.relative_to(Path.cwd())
    package = _shown(str(Path(shieldrelay.__file__).parents[1]))
    ctl = f"PYTHONPATH={package} {_shown(sys.executable)} -m shieldrelay.admin.ctl --socket {shown}/control.sock"
    return WELCOME.format(relay=ports.relay_port, admin=ports.admin_port, password=password, root=shown, ctl=ctl)


def _prepare(root: Path, ports: argparse.Namespace) -> str:
    """Write the configuration and make the directories; give the dashboard's password, another one at each start.

    :raises OSError: when they cannot be written.
    """
    (root / "customer").mkdir(parents=True, exist_ok=True)
    (root / "down").unlink(missing_ok=True)
    (root / "recipients.txt").write_text(RECIPIENTS, encoding="ascii")
    (root / "shieldrelay.toml").write_text(
        CONFIGURATION.format(
            root=root, relay=ports.relay_port, customer=ports.customer_port, admin=ports.admin_port
        ),
        encoding="utf-8",
    )
    return write_password(root / "password")


def _shown(path: str) -> str:
    """Give a path as short as it can be from here."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
