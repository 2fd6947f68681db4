"""Three hosts, each with a redis-server and a Sentinel: one server is the master, two are its replicas.

Everything in memory, in a directory of its own, ended by its ids. Blocking.
"""

from __future__ import annotations

import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.capabilities import program
from tests.cluster_nodes.network import Host
from tests.integration.node import wait_until

SERVER, SENTINEL = 6379, 26379
MASTER = "shield"
DOWN_MILLISECONDS = 1000
_SENTINEL = """\
port {port}
bind {host}
dir {directory}
protected-mode no
sentinel monitor {master} {first} {server} 2
sentinel down-after-milliseconds {master} {down}
sentinel failover-timeout {master} 3000
set-proc-title no
"""
_SERVER = """\
port {port}
bind {host}
protected-mode no
save ""
appendonly no
set-proc-title no
repl-diskless-sync-delay 0
dir {directory}
{replica}
"""


class RedisTrio:
    """What the nodes of a cluster meet in.

    :ivar hub: its address, for the setting.
    """

    def __init__(self, hosts: Sequence[Host]) -> None:
        self._hosts = hosts
        self._scratch = tempfile.TemporaryDirectory(prefix="shieldrelay-redis-")
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.hub = "redis+sentinel://" + ",".join(f"{host.address}:{SENTINEL}" for host in hosts) + f"/{MASTER}"

    def start(self) -> None:
        """Start all, and wait until the Sentinels know each other and both replicas follow."""
        for host in self._hosts:
            self.start_server(host)
        for host in self._hosts:
            self._start_sentinel(host)
        wait_until(self._complete, "the Sentinels to know each other")

    def start_server(self, host: Host, replica_of: str | None = None) -> None:
        """Start one server: the first host's as a master, the others as replicas, unless said otherwise."""
        first = replica_of or self._hosts[0].address
        replica = "" if first == host.address else f"replicaof {first} {SERVER}"
        directory = self._directory(host, "server")
        text = _SERVER.format(port=SERVER, host=host.address, directory=directory, replica=replica)
        self._run("redis-server", host, directory, text)
        wait_until(lambda: self.say(host, SERVER, "PING").startswith(b"+PONG"), "a redis-server")

    def kill_server(self, host: Host) -> None:
        """End a server without a word."""
        self._end(f"{host.address} redis-server")

    def signal_server(self, host: Host, number: signal.Signals) -> None:
        """Send a server a signal."""
        self._processes[f"{host.address} redis-server"].send_signal(number)

    def master(self) -> Host:
        """Give the host whose server most Sentinels take to be the master."""
        answers = [self._master_of(host) for host in self._hosts]
        return max(self._hosts, key=lambda host: answers.count(host.address))

    def keys(self) -> list[bytes]:
        """Give the names of all keys of the master."""
        said = self.say(self.master(), SERVER, "KEYS", "*")
        return [line for line in said.split(b"\r\n") if line and line[:1] not in (b"*", b"$")]

    def say(self, host: Host, port: int, *words: str) -> bytes:
        """Ask a server or a Sentinel; gives what came in the first read, nothing when it cannot be asked."""
        octets = [word.encode() for word in words]
        with suppress(OSError), host.connect(host.address, port, timeout=2.0) as connection:
            connection.sendall(b"*%d\r\n" % len(octets) + b"".join(b"$%d\r\n%s\r\n" % (len(o), o) for o in octets))
            return connection.recv(1 << 20)
        return b""

    def close(self) -> None:
        """End everything."""
        for name in list(self._processes):
            self._end(name)
        self._scratch.cleanup()

    def _start_sentinel(self, host: Host) -> None:
        directory = self._directory(host, "sentinel")
        first = self._hosts[0].address
        words = {"port": SENTINEL, "host": host.address, "directory": directory, "master": MASTER}
        text = _SENTINEL.format(first=first, server=SERVER, down=DOWN_MILLISECONDS, **words)
        self._run("redis-sentinel", host, directory, text)

    def _directory(self, host: Host, name: str) -> Path:
        directory = Path(self._scratch.name, f"{name}-{host.address}")
        directory.mkdir(exist_ok=True)
        return directory

    def _run(self, name: str, host: Host, directory: Path, text: str) -> None:
        file = directory / "conf"
        file.write_text(text)
        with (directory / "log").open("ab") as log:
            self._processes[f"{host.address} {name}"] = subprocess.Popen(
                [*host.within, program(name), str(file)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def _end(self, name: str) -> None:
        process = self._processes.pop(name)
        process.kill()
        process.wait()

    def _complete(self) -> bool:
        said = [self.say(host, SENTINEL, "SENTINEL", "MASTER", MASTER) for host in self._hosts]
        fields = [dict(zip(words[::2], words[1::2], strict=False)) for words in map(_strings, said)]
        return all((each.get(b"num-slaves"), each.get(b"num-other-sentinels")) == (b"2", b"2") for each in fields)

    def _master_of(self, host: Host) -> str:
        found = _strings(self.say(host, SENTINEL, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER))
        return found[0].decode() if found else ""


def _strings(said: bytes) -> list[bytes]:
    """Give the strings of an array that Redis sent."""
    return said.split(b"\r\n")[2::2] if said.startswith(b"*") else []
