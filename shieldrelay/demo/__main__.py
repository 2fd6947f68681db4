"""Run the demo: a node for ``example.test`` on 127.0.0.1:2525, its customer's server, and what to try.

Everything it writes is under ``var/demo/``. Ctrl-C stops it in good order.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from twisted.python.failure import Failure

from shieldrelay.assembly import appliance
from shieldrelay.assembly.service import ApplianceService
from shieldrelay.config.faults import ConfigurationFaults
from shieldrelay.config.reader import read
from shieldrelay.demo.customer import Customer
from shieldrelay.spool.faults import SpoolUnavailable
from shieldrelay.tap.service import monotonic
from shieldrelay.wire.lean_reactor import lean
from shieldrelay.wire.listeners import ListenFault

RELAY_PORT = 2525
CUSTOMER_PORT = 2526

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

[delivery]
probe = "5s"                    # a demo is impatient
retry = ["5s", "10s", "30s"]

[disk]
reserve = "64MiB"

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
    python3 -c 'import smtplib; smtplib.SMTP("127.0.0.1", {relay}).sendmail("you@sender.test", \
["nobody@example.test"], "Subject: hello\\r\\n\\r\\nHello!\\r\\n")'

  Take the customer's server down, send some more, and look at the spool filling:
    touch {root}/down
    {ctl} status
    {ctl} queue
  Bring it back, and see the spool drain within five seconds:
    rm {root}/down

  Everything that happens, one line each: tail -f {root}/journal.log
  Ctrl-C stops.
"""


def main() -> int:
    """Run until Ctrl-C; give the exit status."""
    from twisted.internet import reactor as running

    reactor: Any = running
    monotonic(reactor)
    lean(reactor)
    root = Path("var/demo").absolute()
    _prepare(root)
    try:
        node = appliance(read(str(root / "shieldrelay.toml")), reactor)
        node.privilegedStartService()
    except (ConfigurationFaults, SpoolUnavailable, ListenFault) as fault:
        print(f"the demo cannot start: {fault}", file=sys.stderr)
        return 1
    customer = Customer(reactor, CUSTOMER_PORT, root / "customer", root / "down", _say)
    _run(reactor, node, customer, root)
    return int(node.failed)


def _run(reactor: Any, node: ApplianceService, customer: Customer, root: Path) -> None:
    """Start both, and run the reactor until it is stopped."""
    shown = root.relative_to(Path.cwd())
    ctl = f"PYTHONPATH=. {_shown(sys.executable)} -m shieldrelay.admin.ctl --socket {shown}/control.sock"

    def started(_listening: object) -> None:
        customer.start()
        print(WELCOME.format(relay=RELAY_PORT, root=shown, ctl=ctl), flush=True)

    def failed(failure: Failure) -> None:
        print(f"the demo cannot start: {failure.value}", file=sys.stderr, flush=True)

    reactor.addSystemEventTrigger("before", "shutdown", customer.stop)
    reactor.addSystemEventTrigger("before", "shutdown", node.stopService)
    reactor.addSystemEventTrigger("after", "shutdown", lambda: _say("stopped"))
    reactor.callWhenRunning(node.startService)
    node.ready.addCallbacks(started, failed)
    reactor.run()


def _prepare(root: Path) -> None:
    """Write the configuration and make the directories."""
    (root / "customer").mkdir(parents=True, exist_ok=True)
    (root / "down").unlink(missing_ok=True)
    (root / "recipients.txt").write_text(RECIPIENTS, encoding="ascii")
    (root / "shieldrelay.toml").write_text(
        CONFIGURATION.format(root=root, relay=RELAY_PORT, customer=CUSTOMER_PORT), encoding="utf-8"
    )


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
