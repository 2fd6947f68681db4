"""``make cluster-demo``: three nodes that share a Redis server, one customer, one attacker, one lawful sender.

Real processes on one machine: nodes on 127.0.0.11 to .13, a redis-server, and a name server with the nodes as MX, in
turn. Each second it prints what each node sees. Everything is written below ``var/cluster-demo/``. Ctrl-C stops all in
good order; ``--seconds`` does so after a while. A start that fails says why in one line and ends with status 1.
"""

from __future__ import annotations

import argparse
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.task import LoopingCall, deferLater
from twisted.internet.threads import deferToThreadPool

from shieldrelay.admin.ctl_client import Answered, ControlClient, Unreachable, path_of
from shieldrelay.demo.cluster_names import DemoNames
from shieldrelay.demo.cluster_nodes import ADDRESSES, ADMIN_PORT, DOMAIN, DemoNode
from shieldrelay.demo.cluster_people import HARVESTER, Harvester, LawfulSender
from shieldrelay.demo.cluster_view import Sight, line_of, sight_of
from shieldrelay.demo.customer import Customer
from shieldrelay.demo.password import write_password
from shieldrelay.tap.service import monotonic
from shieldrelay.testing.redis_server import RedisServer
from shieldrelay.wire.resolver import Resolver

READY_SECONDS = 30.0
LOOK_SECONDS = 0.2
LAWFUL_EVERY, HARVEST_EVERY = 0.5, 1.5
PEOPLE = ("alice", "bob", "postmaster")

WELCOME = """
Three nodes are running; they protect {domain} and share what they know.

  A lawful sender mails alice, a harvester guesses names; both ask 127.0.0.1:{names} for the MX.
  See all three with a browser: http://{mx1}:{admin}/, log in as demo; the password of this start: {password}
  Ask any node:
    PYTHONPATH={package} {python} -m shieldrelay.admin.ctl --socket {root}/mx2/control.sock explain {harvester}
  Let the harvester go on, on all nodes at once:
    PYTHONPATH={package} {python} -m shieldrelay.admin.ctl --socket {root}/mx3/control.sock release {harvester}
  Add a recipient to one node's list, and see it reach the others:
    echo carol | PYTHONPATH={package} {python} -m shieldrelay.admin.ctl --socket {root}/mx1/control.sock \
recipients push {domain} --add -
  Take the customer's server down, and bring it back: touch {root}/down; rm {root}/down
  Stop Redis for a while: kill -STOP {redis}; kill -CONT {redis}
  Ctrl-C stops.
"""


class ClusterDemo:
    """Everything that runs.

    :param root: absolute; everything but the sockets of Redis is below it.
    :param seconds: how long after it is ready it ends by itself; ``None``: never.
    :ivar failed: why it could not start; ``""`` when it could.
    """

    def __init__(self, reactor: Any, root: Path, ports: argparse.Namespace) -> None:
        self.failed = ""
        self._reactor = reactor
        self._root = root
        self._ports = ports
        self._short = Path(tempfile.mkdtemp(prefix="shieldrelay-cluster-"))
        self._redis = RedisServer(self._short)
        self._customer = Customer(reactor, ports.customer_port, root / "customer", root / "down", _changed)
        smtp = (ports.relay_port, ports.customer_port)
        self._nodes = [DemoNode(number, root, smtp, self._redis.socket) for number in range(len(ADDRESSES))]
        self._names = DemoNames(DOMAIN, {f"{node.name}.{DOMAIN}": node.address for node in self._nodes})
        self._names_port: Any = None
        self._password = ""
        self._people: list[LawfulSender | Harvester] = []
        self._printing = LoopingCall(self._print)
        self._printing.clock = reactor

    def prepare(self) -> None:
        """Start what the nodes need, and take the ports.

        :raises OSError: something cannot be written or started.
        :raises CannotListenError: somebody has a port.
        :raises RuntimeError: redis-server does not start.
        """
        (self._root / "customer").mkdir(parents=True, exist_ok=True)
        (self._root / "down").unlink(missing_ok=True)
        key = self._root / "cluster.key"
        key.touch(0o600)
        key.write_text(secrets.token_hex(32) + "\n", encoding="ascii")
        self._password = write_password(self._root / "password")
        self._redis.start()
        self._names_port = self._reactor.listenUDP(self._ports.names_port, self._names, interface="127.0.0.1")
        self._customer.start()

    async def run(self) -> None:
        """Start the nodes, wait until they have met, and let the others loose."""
        for node in self._nodes:
            node.start()
        await self._meet()
        if not self.failed:
            await self._in_thread(self._push)
            self._welcome()
            self._let_loose()
            self._printing.start(1.0, now=False)
        if self._ports.seconds is not None and not self.failed:
            await deferLater(self._reactor, self._ports.seconds)
        if self._ports.seconds is not None or self.failed:
            with suppress(Exception):
                self._reactor.stop()

    async def stop(self) -> None:
        """Stop everything in order: who sends, the nodes, and then what they need."""
        if self._printing.running:
            self._printing.stop()
        await gatherResults([person.stop() for person in self._people])
        for node in self._nodes:
            node.stop()
        await gatherResults([self._in_thread(node.wait) for node in self._nodes])
        await maybeDeferred(self._customer.stop)
        if self._names_port is not None:
            await maybeDeferred(self._names_port.stopListening)
        self._redis.kill()
        shutil.rmtree(self._short)

    async def _meet(self) -> None:
        begun = self._reactor.seconds()
        while True:
            sights = await self._look()
            ended = [f"{node.name}: {node.ended}" for node in self._nodes if node.ended]
            if all(sight.whole for sight in sights):
                return
            if ended or self._reactor.seconds() - begun > READY_SECONDS:
                self.failed = ended[0] if ended else f"the nodes did not meet within {READY_SECONDS:.0f} s"
                return
            await deferLater(self._reactor, LOOK_SECONDS)

    async def _look(self) -> list[Sight]:
        asked = [self._in_thread(sight_of, node, HARVESTER) for node in self._nodes]
        return list(await gatherResults(asked))

    def _push(self) -> None:
        """Give one node the list of recipients; the others get it from there."""
        path = path_of("recipients", DOMAIN, "push")
        lines = "".join(f"{name}@{DOMAIN}\n" for name in PEOPLE).encode("ascii")
        with suppress(Answered, Unreachable):  # a list of an earlier run may be better than ours
            ControlClient(str(self._nodes[0].control)).ask("POST", path, {"change": "replace"}, octets=lines)

    def _let_loose(self) -> None:
        for make, every in ((LawfulSender, LAWFUL_EVERY), (Harvester, HARVEST_EVERY)):
            resolver = Resolver(self._reactor, [("127.0.0.1", self._names_port.getHost().port)])
            person = make(self._reactor, resolver, DOMAIN, self._ports.relay_port, every)
            self._people.append(person)
            person.start()

    async def _print(self) -> None:
        sights = await self._look()
        counts = [node.count() for node in self._nodes]
        lines = [
            f"  {node.name}  has ended: {node.ended}" if node.ended else line_of(node, sight, taken)
            for node, sight, taken in zip(self._nodes, sights, counts, strict=True)
        ]
        met = "; ".join(
            f"{word} {', '.join(f'{code} x{times}' for code, times in sorted(person.met.items()))}"
            for word, person in zip(("the sender met", "the harvester met"), self._people, strict=False)
        )
        total = sum(node.taken for node in self._nodes)
        says = f"taken {total}, at the customer {self._customer.received}; {met}"
        print("\n".join([f"{time.strftime('%H:%M:%S')}  {says}", *lines]), flush=True)

    def _welcome(self) -> None:
        package = str(Path(__file__).parents[2])
        words = {
            "package": _shown(package), "python": _shown(sys.executable), "root": _shown(str(self._root)),
            "domain": DOMAIN, "harvester": HARVESTER, "redis": self._redis.pid,
            "names": self._names_port.getHost().port,
            "mx1": ADDRESSES[0], "admin": ADMIN_PORT, "password": self._password,
        }  # fmt: skip
        print(WELCOME.format(**words), flush=True)

    def _in_thread(self, call: Any, *words: Any) -> Deferred[Any]:
        return deferToThreadPool(self._reactor, self._reactor.getThreadPool(), call, *words)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until Ctrl-C, or for the seconds that were asked for; give the exit status."""
    from twisted.internet import reactor as running

    words = _options().parse_args(arguments)
    reactor: Any = running
    monotonic(reactor)
    demo = None
    try:
        demo = ClusterDemo(reactor, Path("var/cluster-demo").absolute(), words)
        demo.prepare()
    except (CannotListenError, OSError, RuntimeError, subprocess.SubprocessError) as fault:
        print(f"the demo cannot start: {fault}", file=sys.stderr)
        return 1
    stopping = demo
    reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(stopping.stop()))
    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(stopping.run()))
    reactor.run()
    print(f"the demo cannot start: {demo.failed}" if demo.failed else "stopped", flush=True)
    return int(bool(demo.failed))


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("make cluster-demo", description="Run three nodes, and those who talk to them.")
    parser.add_argument("--relay-port", type=int, default=2525, help="where the nodes take mail (%(default)s)")
    parser.add_argument("--customer-port", type=int, default=2526, help="where it arrives (%(default)s)")
    parser.add_argument("--names-port", type=int, default=2553, help="where DNS is asked, UDP (%(default)s)")
    parser.add_argument("--seconds", type=float, help="end after so many, instead of with Ctrl-C")
    return parser


def _changed(text: str) -> None:
    """Say what the customer's server does, but not each message."""
    if not text.startswith("message "):
        print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


def _shown(path: str) -> str:
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path


if __name__ == "__main__":
    sys.exit(main())
